//! Encrypt while RSA pairs are made without pause.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::load::{self, Measured, Plan, request};
use crate::server::Server;
use crate::{encrypt_body, verdict};

/// Who ask for pairs, each for the next one as soon as the last one is there.
const CALLERS: usize = 2;
const CONNECTIONS: u32 = 4;
/// Encrypts a second: far from what fills a core, so that what is measured is the wait for a processor.
const PACE: f64 = 200.0;
/// Most p99 beside the generation, as a multiple of that without.
const RATIO_AIM: f64 = 2.0;

/// Measures with one core and with two, and prints both.
pub fn run(folder: &Path, time: Duration) -> anyhow::Result<()> {
    println!(
        "\nEncrypt, {PACE} a second, while {CALLERS} callers ask for RSA_4096 pairs:   aim <= {RATIO_AIM} of alone"
    );
    for (name, cores) in [("one core", "0"), ("two cores, the load on one of them", "0,1")] {
        let home = tempfile::tempdir_in(folder)?;
        let server = Server::coffer_on(cores, home.path())?;
        let made = load::call(server.port, "CreateKey", &json!({}))?;
        let key = made.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).context("CreateKey gave no key id")?;
        let request = request("Encrypt", &encrypt_body(key)).into();
        let warm_up = Duration::from_secs(2);
        let plan = Plan { connections: CONNECTIONS, warm_up, time, pace: Some(PACE), request };
        let alone = load::run(&server, &plan)?;
        let (beside, pairs) = beside_pairs(&server, key, &plan)?;
        server.stop()?;
        print(name, &alone, &beside, pairs);
    }
    Ok(())
}

fn beside_pairs(server: &Server, key: &str, plan: &Plan) -> anyhow::Result<(Measured, u32)> {
    let (ends, pairs) = (AtomicBool::new(false), AtomicU32::new(0));
    let body = json!({ "KeyId": key, "KeyPairSpec": "RSA_4096" });
    let ask = || -> anyhow::Result<()> {
        while !ends.load(Ordering::Relaxed) {
            load::call(server.port, "GenerateDataKeyPair", &body)?;
            pairs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let callers = [(); CALLERS].map(|()| scope.spawn(ask));
        let measured = load::run(server, plan);
        ends.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().map_err(|_| anyhow::anyhow!("a caller failed"))??;
        }
        Ok((measured?, pairs.load(Ordering::Relaxed)))
    })
}

fn print(name: &str, alone: &Measured, beside: &Measured, pairs: u32) {
    let ratio = beside.percentile(99) / alone.percentile(99);
    println!(
        "{name}: alone p50 {:.2} ms, p99 {:.2} ms; beside p50 {:.2} ms, p99 {:.2} ms; ratio of p99 {ratio:.2}   {} \
         ({pairs} pairs)",
        alone.percentile(50),
        alone.percentile(99),
        beside.percentile(50),
        beside.percentile(99),
        verdict(ratio <= RATIO_AIM),
    );
}
