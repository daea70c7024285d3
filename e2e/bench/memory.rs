//! Start and memory of a server that holds many keys.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::load::{self, request};
use crate::server::Server;
use crate::{encrypt_body, verdict};

const CONNECTIONS: u32 = 64;
/// Most memory, in MiB.
const MEMORY_AIM: f64 = 60.0;
/// Most time from the start of the process to its `ready`.
const START_AIM: Duration = Duration::from_secs(2);

/// What a server with many keys showed.
pub struct Memory {
    keys: usize,
    /// Three starts, the fastest first.
    starts: [Duration; 3],
    idle: f64,
    used: f64,
    peak: f64,
}

/// Measures start and memory. The folder is kept, so that the keys are made once and not on each run.
pub fn run(folder: &Path, keys: usize) -> anyhow::Result<Memory> {
    let home = folder.join(format!("keys-{keys}"));
    std::fs::create_dir_all(&home).with_context(|| format!("{} cannot be made", home.display()))?;
    make_keys(&home, keys)?;
    let first = start_and_stop(&home)?;
    let second = start_and_stop(&home)?;
    let server = Server::coffer(&home)?;
    let mut starts = [first, second, server.start];
    starts.sort_unstable();
    server.wait_until_idle()?;
    let idle = server.memory("VmRSS")?;
    let encrypts = list_keys(server.port)?.iter().map(|key| request("Encrypt", &encrypt_body(key))).collect();
    load::call_each(server.port, CONNECTIONS, encrypts, "keys used")?;
    server.wait_until_idle()?;
    let (used, peak) = (server.memory("VmRSS")?, server.memory("VmHWM")?);
    server.stop()?;
    Ok(Memory { keys, starts, idle, used, peak })
}

impl Memory {
    /// Prints it against its aims.
    pub fn print(&self) {
        let [fastest, median, slowest] = self.starts.map(|start| start.as_secs_f64());
        println!("\nwith {} keys:", self.keys);
        let met = |value: f64| verdict(value <= MEMORY_AIM);
        println!(
            "start to ready         {median:>7.2} s    aim <= {} s     {} (of three: {fastest:.2} to {slowest:.2})",
            START_AIM.as_secs(),
            verdict(median <= START_AIM.as_secs_f64()),
        );
        println!("memory, idle           {:>7.1} MiB  aim <= {MEMORY_AIM} MiB  {}", self.idle, met(self.idle));
        println!("memory, each key used  {:>7.1} MiB  aim <= {MEMORY_AIM} MiB  {}", self.used, met(self.used));
        println!("memory, at its peak    {:>7.1} MiB", self.peak);
    }
}

/// Makes the keys that are missing. Each is durable before it is answered, so this takes its time.
fn make_keys(home: &Path, keys: usize) -> anyhow::Result<()> {
    let server = Server::coffer(home)?;
    let missing = keys.saturating_sub(list_keys(server.port)?.len());
    let requests = (0..missing).map(|_| request("CreateKey", &json!({}))).collect();
    load::call_each(server.port, CONNECTIONS, requests, "keys made")?;
    let found = list_keys(server.port)?.len();
    anyhow::ensure!(found == keys, "{} holds {found} keys; delete it and run again", home.display());
    server.stop()?;
    Ok(())
}

fn start_and_stop(home: &Path) -> anyhow::Result<Duration> {
    let server = Server::coffer(home)?;
    let start = server.start;
    server.stop()?;
    Ok(start)
}

fn list_keys(port: u16) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::new();
    let mut page = load::call(port, "ListKeys", &json!({ "Limit": 1000 }))?;
    loop {
        let entries = page.get("Keys").and_then(Value::as_array).context("ListKeys gave no keys")?;
        keys.extend(entries.iter().filter_map(|entry| entry.get("KeyId")?.as_str().map(str::to_owned)));
        let Some(marker) = page.get("NextMarker").and_then(Value::as_str) else { return Ok(keys) };
        page = load::call(port, "ListKeys", &json!({ "Limit": 1000, "Marker": marker }))?;
    }
}
