//! Every operation by key spec: through the HTTP listener, and the primitive alone, on one core each.

use std::path::Path;
use std::time::Duration;

use coffer::types::key::KeySpec;

use crate::cases::{self, CASES, Operation};
use crate::load::{self, Measured, Plan, request};
use crate::primitives::{self, Key};
use crate::server::Server;
use crate::verdict;

const CONNECTIONS: u32 = 64;
const WARM_UP: Duration = Duration::from_millis(500);
/// Least rate of RSA and of the curves, as a part of that of the raw primitive.
const RATIO_AIM: f64 = 0.8;

/// One line of the table.
struct Row {
    spec: KeySpec,
    operation: Operation,
    /// Times a second that aws-lc-rs does it.
    raw: f64,
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
fn alone(operation: Operation, key: Option<&Key>, time: Duration) -> anyhow::Result<(f64, Option<f64>)> {
    let Some(key) = key else {
        let [raw] = primitives::rates([primitives::raw_symmetric(operation)?], time)?;
        return Ok((raw, None));
    };
    let [raw, called] = primitives::rates([key.raw(operation)?, key.coffer(operation)?], time)?;
    Ok((raw, Some(called)))
}

fn print_head() {
    println!(
        "\n{:<22} {:<18} {:<5} {:>9} {:>9} {:>6} {:>10} {:>10} {:>6} {:>8} {:>8}",
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
        print!("{:<22} {:<18} {:<5} ", self.spec.as_str(), self.operation.name(), self.operation.algorithm());
        print!("{:>9.0} ", self.raw);
        match self.called {
            Some(called) => print!("{called:>9.0} {:>6.2} ", called / self.raw),
            None => print!("{:>9} {:>6} ", "-", "-"),
        }
        print!("{:>10.0} {by_cpu:>10.0} {:>6.2} ", self.full.rate(), by_cpu / self.raw);
        print!("{:>8.2} {:>8.2}", self.half.percentile(50), self.half.percentile(99));
        if self.has_aim() {
            let called = self.called.unwrap_or_default() / self.raw;
            print!("   called {}, request {}", verdict(called >= RATIO_AIM), verdict(by_cpu / self.raw >= RATIO_AIM));
        }
        println!();
    }

    fn has_aim(&self) -> bool {
        ["RSA", "ECC"].iter().any(|family| self.spec.as_str().starts_with(family))
    }
}
