//! Every operation by key spec: through the HTTP listener, and the primitive alone, on one core each.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use coffer::types::key::KeySpec;
use serde_json::{Value, json};

use crate::cases::{self, Before, CASES, Operation, Request};
use crate::load::{self, Measured, Plan, request};
use crate::primitives::{self, Key, Step};
use crate::server::Server;
use crate::verdict;

const CONNECTIONS: u32 = 64;
const WARM_UP: Duration = Duration::from_millis(500);
/// Least rate of RSA and of the curves, as a part of that of the raw primitive.
const RATIO_AIM: f64 = 0.8;

/// What stands for the id of a key in the requests that others are told.
const ANY_KEY: &str = "$KEY";

/// One line of the table.
struct Row {
    spec: KeySpec,
    operation: Operation,
    /// Times a second that aws-lc-rs does it; some operations have no primitive.
    raw: Option<f64>,
    /// The same through Coffer's cryptography; symmetric keys have no such call.
    called: Option<f64>,
    /// Through the listener, as fast as it goes.
    full: Measured,
    /// Through the listener, at half of that rate.
    half: Measured,
}

/// Measures everything and prints each line when it is there.
pub fn run(folder: &Path, time: Duration) -> anyhow::Result<()> {
    let home = tempfile::tempdir_in(folder)?;
    let server = Server::coffer(home.path())?;
    print_head();
    for (spec, operations) in CASES {
        let key = Key::make(*spec)?;
        for operation in *operations {
            measure(&server, *spec, *operation, key.as_ref(), time)?.print();
        }
    }
    server.stop()?;
    println!(
        "\nraw is aws-lc-rs with a key that was parsed before, and called the same primitive through Coffer's\n\
         cryptography, both with no service around them and by a second of processor time; requests/s is the HTTP\n\
         listener of `coffer local` on one core over {CONNECTIONS} connections, with audit, and by CPU/s the same by a\n\
         second of its processor time. Ratios are to raw; the aim, >= {RATIO_AIM}, is for RSA and ECC. Latencies are\n\
         those of an open loop at half of requests/s."
    );
    Ok(())
}

/// Every case in its order, with the request for it, for whoever sends these to another server.
pub fn told() -> Value {
    every_case().map(|(spec, operation)| case(spec, operation)).collect()
}

/// How often in a second of processor time aws-lc-rs does the primitive of one case, counted from 0.
pub fn raw_rate(index: usize, time: Duration) -> anyhow::Result<f64> {
    let (spec, operation) = every_case().nth(index).with_context(|| format!("there is no case {index}"))?;
    let key = Key::make(spec)?;
    let step = raw(operation, key.as_ref())?.with_context(|| format!("{} has no primitive", operation.name()))?;
    primitives::rates([step], time).map(|[rate]| rate)
}

fn every_case() -> impl Iterator<Item = (KeySpec, Operation)> {
    CASES.iter().flat_map(|(spec, operations)| operations.iter().map(|operation| (*spec, *operation)))
}

fn case(spec: KeySpec, operation: Operation) -> Value {
    let Request { body, before } = operation.request(ANY_KEY);
    let before = before
        .map(|Before { operation, body, member }| json!({ "operation": operation, "request": body, "member": member }));
    json!({
        "keySpec": spec.as_str(),
        "keyUsage": operation.usage().as_str(),
        "operation": operation.name(),
        "algorithm": operation.algorithm(),
        "request": body,
        "before": before,
        "hasPrimitive": operation != Operation::GetPublicKey,
        "leastRatio": has_aim(spec, operation).then_some(RATIO_AIM),
    })
}

fn measure(
    server: &Server,
    spec: KeySpec,
    operation: Operation,
    key: Option<&Key>,
    time: Duration,
) -> anyhow::Result<Row> {
    let (raw, called) = alone(operation, key, time / 4)?;
    let request = request(operation.name(), &cases::body(server.port, spec, operation)?).into();
    // A key of some specs is followed by work in the background.
    server.wait_until_idle()?;
    let plan = Plan { connections: CONNECTIONS, warm_up: WARM_UP, time, pace: None, request };
    let full = load::run(server, &plan)?;
    let half = load::run(server, &Plan { pace: Some(full.rate() / 2.0), ..plan })?;
    Ok(Row { spec, operation, raw, called, full, half })
}

/// The primitive with no service around it: raw, and as Coffer's cryptography does it.
fn alone(operation: Operation, key: Option<&Key>, time: Duration) -> anyhow::Result<(Option<f64>, Option<f64>)> {
    let Some(raw) = raw(operation, key)? else { return Ok((None, None)) };
    let Some(key) = key else {
        let [raw] = primitives::rates([raw], time)?;
        return Ok((Some(raw), None));
    };
    let [raw, called] = primitives::rates([raw, key.coffer(operation)?], time)?;
    Ok((Some(raw), Some(called)))
}

fn raw(operation: Operation, key: Option<&Key>) -> anyhow::Result<Option<Step>> {
    match (operation, key) {
        (Operation::GetPublicKey, _) => Ok(None),
        (_, Some(key)) => key.raw(operation).map(Some),
        (_, None) => primitives::raw_symmetric(operation).map(Some),
    }
}

fn print_head() {
    println!(
        "\n{:<22} {:<19} {:<5} {:>9} {:>9} {:>6} {:>10} {:>10} {:>6} {:>8} {:>8}",
        "key spec",
        "operation",
        "",
        "raw/s",
        "called/s",
        "ratio",
        "requests/s",
        "by CPU/s",
        "ratio",
        "p50 ms",
        "p99 ms",
    );
}

impl Row {
    fn print(&self) {
        let by_cpu = 1e6 / self.full.cpu_microseconds();
        let ratio = |rate: Option<f64>| Some(rate? / self.raw?);
        let (called, request) = (ratio(self.called), ratio(Some(by_cpu)));
        print!("{:<22} {:<19} {:<5} ", self.spec.as_str(), self.operation.name(), self.operation.algorithm());
        print!("{} {} {} ", cell(self.raw, 9, 0), cell(self.called, 9, 0), cell(called, 6, 2));
        print!("{:>10.0} {by_cpu:>10.0} {} ", self.full.rate(), cell(request, 6, 2));
        print!("{:>8.2} {:>8.2}", self.half.percentile(50), self.half.percentile(99));
        if has_aim(self.spec, self.operation) {
            let told = |ratio: Option<f64>| verdict(ratio.is_some_and(|ratio| ratio >= RATIO_AIM));
            print!("   called {}, request {}", told(called), told(request));
        }
        println!();
    }
}

fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.digits$}"))
}

fn has_aim(spec: KeySpec, operation: Operation) -> bool {
    operation != Operation::GetPublicKey && ["RSA", "ECC"].iter().any(|family| spec.as_str().starts_with(family))
}
