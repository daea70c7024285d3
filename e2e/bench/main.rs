//! Measures `coffer local` against a service that only echoes, on one core each for server and load.
//!
//! It prints ratios, because they hold across machines where times do not, and asserts none of them. It fails
//! only where something does not work.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time, and is told by the environment what to run")]

mod cases;
mod echo;
mod load;
mod memory;
mod operations;
mod pairs;
mod primitives;
mod server;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use load::{Measured, Plan, request};
use server::Server;

/// Connections of the closed loop; with each of them a request is always open.
const CONNECTIONS: [u32; 2] = [64, 256];
const WARM_UP: Duration = Duration::from_secs(2);
/// Least rate, as a part of that of the echo service.
const RATIO_AIM: f64 = 0.5;

/// Measures `coffer local` against a service that only echoes.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Seconds that each operation is measured, after 2 seconds to warm up
    #[arg(long, default_value_t = 5)]
    seconds: u64,

    /// Keys in the folder that start and memory are measured on
    #[arg(long, default_value_t = 10_000)]
    keys: usize,

    /// Leave out start and memory, for which all the keys must be made once
    #[arg(long)]
    skip_memory: bool,

    /// Leave out the rates
    #[arg(long)]
    skip_rates: bool,

    /// Leave out the table of every operation by key spec, beside the primitives alone
    #[arg(long)]
    skip_operations: bool,

    /// Leave out Encrypt beside the generation of RSA pairs
    #[arg(long)]
    skip_pairs: bool,

    /// Print every operation by key spec, with the request for it, as JSON
    #[arg(long)]
    cases: bool,

    /// Measure the primitive of one of these alone, counted from 0, and print how often it is done in a second
    #[arg(long, value_name = "CASE")]
    raw: Option<usize>,

    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Be the echo service; the benchmark starts itself so
    #[command(hide = true)]
    Echo,
}

/// One line of the table.
struct Row {
    name: &'static str,
    connections: u32,
    measured: Measured,
    batch: Option<f64>,
    /// The echo runs just before and just after, whose mean the operation is held against.
    echo: Option<(Measured, Measured)>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Echo) => echo::run(),
        None => bench(&arguments),
    }
}

fn bench(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.cases {
        println!("{}", operations::told());
        return Ok(());
    }
    let folder = folder()?;
    server::pin_this_process()?;
    let time = Duration::from_secs(arguments.seconds);
    if let Some(case) = arguments.raw {
        println!("{}", operations::raw_rate(case, time)?);
        return Ok(());
    }
    println!("load average before: {}", load_average()?);
    println!("fdatasync of 4 KiB:  {:.0} a second", sync_rate(&folder)?);
    if !arguments.skip_rates {
        print_table(&measure(&folder, time)?);
    }
    if !arguments.skip_operations {
        operations::run(&folder, time)?;
    }
    if !arguments.skip_pairs {
        pairs::run(&folder, time * 4)?;
    }
    if !arguments.skip_memory {
        memory::run(&folder, arguments.keys)?.print();
    }
    println!("load average after:  {}", load_average()?);
    Ok(())
}

/// Where everything is kept that the benchmark writes: on the repository's disk, since a folder for temporary
/// files may be memory, where making a record durable costs nothing.
fn folder() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn load_average() -> anyhow::Result<String> {
    Ok(std::fs::read_to_string("/proc/loadavg").context("/proc/loadavg cannot be read")?.trim_end().to_owned())
}

/// How often in a second the disk makes a small append durable. No service that answers only after a commit
/// has a higher rate than this times its batch.
fn sync_rate(folder: &Path) -> anyhow::Result<f64> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut appended: File = OpenOptions::new().append(true).open(file.path())?;
    let begun = Instant::now();
    let mut syncs = 0_u32;
    while begun.elapsed() < Duration::from_secs(1) {
        appended.write_all(&[b'x'; 4096])?;
        appended.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}

/// Measures echo and operations in turn, so that whatever else goes on in the machine falls on both.
fn measure(folder: &Path, time: Duration) -> anyhow::Result<Vec<Row>> {
    let home = tempfile::tempdir_in(folder)?;
    let operations = operations(home.path())?;
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let plan = |request: &[u8]| Plan { connections, warm_up: WARM_UP, time, pace: None, request: request.into() };
        let (_, encrypt) = operations.first().context("there are no operations")?;
        let mut before = run_echo(&plan(encrypt))?;
        rows.push(Row { name: "echo", connections, measured: before.clone(), batch: None, echo: None });
        for (name, request) in &operations {
            let (measured, batch) = run_coffer(home.path(), &plan(request))?;
            let after = run_echo(&plan(encrypt))?;
            rows.push(Row { name, connections, measured, batch: Some(batch), echo: Some((before, after.clone())) });
            rows.push(Row { name: "echo", connections, measured: after.clone(), batch: None, echo: None });
            before = after;
        }
    }
    Ok(rows)
}

/// The operations to measure, all with one key, and their whole requests.
fn operations(home: &Path) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let server = Server::coffer(home)?;
    let key = load::call(server.port, "CreateKey", &json!({}))?;
    let key = key.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).context("CreateKey gave no key id")?;
    let encrypt = encrypt_body(key);
    let context = encrypt.get("EncryptionContext");
    let encrypted = load::call(server.port, "Encrypt", &encrypt)?;
    let blob = encrypted.get("CiphertextBlob").context("Encrypt gave no blob")?;
    let decrypt = json!({ "CiphertextBlob": blob, "EncryptionContext": context });
    let data_key = json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context });
    server.stop()?;
    Ok(vec![
        ("Encrypt", request("Encrypt", &encrypt)),
        ("Decrypt", request("Decrypt", &decrypt)),
        ("GenerateDataKey", request("GenerateDataKey", &data_key)),
    ])
}

/// The members of an `Encrypt` as most callers make it: a data key, and a context of one pair.
pub fn encrypt_body(key: &str) -> Value {
    use base64::Engine as _;
    let plaintext = base64::engine::general_purpose::STANDARD.encode([0x5a; 32]);
    json!({ "KeyId": key, "Plaintext": plaintext, "EncryptionContext": { "purpose": "benchmark" } })
}

fn run_echo(plan: &Plan) -> anyhow::Result<Measured> {
    let server = Server::echo()?;
    load::run(&server, plan)
}

/// Each run has a process of its own, whose last words then tell the batches of this operation alone.
fn run_coffer(home: &Path, plan: &Plan) -> anyhow::Result<(Measured, f64)> {
    let server = Server::coffer(home)?;
    let measured = load::run(&server, plan)?;
    let counts = server.stop()?;
    Ok((measured, counts.batch()))
}

fn print_table(rows: &[Row]) {
    println!(
        "\n{:<16} {:>11} {:>10} {:>10} {:>6} {:>8} {:>8} {:>7} {:>13} {:>12}   aim >= {RATIO_AIM}",
        "operation",
        "connections",
        "requests/s",
        "CPU us/req",
        "busy",
        "p50 ms",
        "p99 ms",
        "batch",
        "ratio to echo",
        "by CPU alone",
    );
    for row in rows {
        print_row(row);
    }
    println!(
        "\nbusy is the server's part of its core: well below 100 % something else was the bound, be it the load, the\n\
         disk or another program. Ratios are to the mean of the echo runs around: of requests/s, and, which other\n\
         programs disturb less, of the CPU time per request. The aim is met where both meet it."
    );
}

fn print_row(row: &Row) {
    let measured = &row.measured;
    print!(
        "{:<16} {:>11} {:>10.0} {:>10.1} {:>4.0} % {:>8.2} {:>8.2}",
        row.name,
        row.connections,
        measured.rate(),
        measured.cpu_microseconds(),
        measured.busy() * 100.0,
        measured.percentile(50),
        measured.percentile(99),
    );
    if let (Some(batch), Some((before, after))) = (row.batch, &row.echo) {
        let ratio = measured.rate() / f64::midpoint(before.rate(), after.rate());
        let echo_cpu = f64::midpoint(before.cpu_microseconds(), after.cpu_microseconds());
        let by_cpu = echo_cpu / measured.cpu_microseconds();
        print!(" {batch:>7.1} {ratio:>13.2} {by_cpu:>12.2}   {}", verdict(ratio.min(by_cpu) >= RATIO_AIM));
    }
    println!();
}

/// Whether an aim was met, in a word. A missed one is for people to look into; on a busy machine it may mean
/// nothing.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}
