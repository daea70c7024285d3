//! The process under test, on a core of its own, and what the kernel tells of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Ticks a second in `/proc/<pid>/stat`; the kernel has told every program 100 on each architecture that
/// Coffer is built for.
const TICKS_PER_SECOND: u32 = 100;

/// A server that is ready.
pub struct Server {
    child: Child,
    /// Its port on loopback.
    pub port: u16,
    /// Time from its start to its `ready`.
    pub start: Duration,
    /// Held open, since a server whose reader is gone could fail to print.
    _output: BufReader<ChildStdout>,
    errors: PathBuf,
}

/// What the server says of its audit file when it stops.
#[derive(Clone, Copy)]
pub struct Counts {
    records: u32,
    commits: u32,
}

impl Counts {
    /// Records that one commit made durable, on average.
    pub fn batch(self) -> f64 {
        f64::from(self.records) / f64::from(self.commits.max(1))
    }
}

/// Moves this process, and thus the load, to a core that the server does not use.
pub fn pin_this_process() -> anyhow::Result<()> {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-c", "-p", LOAD_CORE, &id]).stdout(Stdio::null()).status();
    let pinned = pinned.context("taskset cannot be run; it is part of util-linux")?;
    anyhow::ensure!(pinned.success(), "taskset cannot move the load to core {LOAD_CORE}; two cores are needed");
    Ok(())
}

impl Server {
    /// Starts `coffer local` on a folder of its own below `home`, which is made where it is missing.
    pub fn coffer(home: &Path) -> anyhow::Result<Self> {
        Self::coffer_on(SERVER_CORE, home)
    }

    /// The same on other cores than the server's one.
    pub fn coffer_on(cores: &str, home: &Path) -> anyhow::Result<Self> {
        let program = std::env::var_os("COFFER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_coffer").into());
        let mut command = pinned(cores, Path::new(&program));
        command.args(["local", "--http", "127.0.0.1:0", "--data"]).arg(home.join("data"));
        Self::start(command, home.join("stderr"))
    }

    /// Starts the echo service.
    pub fn echo() -> anyhow::Result<Self> {
        let mut command = pinned(SERVER_CORE, &std::env::current_exe()?);
        command.arg("echo");
        Self::start(command, PathBuf::from("/dev/null"))
    }

    fn start(mut command: Command, errors: PathBuf) -> anyhow::Result<Self> {
        let stderr = File::create(&errors).with_context(|| format!("{} cannot be written", errors.display()))?;
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("the server has no standard output")?);
        let port = read_until_ready(&mut output).with_context(|| {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            format!("{command:?} did not start: {said}")
        })?;
        Ok(Self { child, port, start: begun.elapsed(), _output: output, errors })
    }

    /// Stops it as its user would, and reads its last words.
    pub fn stop(mut self) -> anyhow::Result<Counts> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().context("kill cannot be run")?;
        anyhow::ensure!(asked.success(), "the server was gone before it was asked to stop");
        let status = self.child.wait()?;
        let said = std::fs::read_to_string(&self.errors)?;
        anyhow::ensure!(status.success(), "the server stopped with {status}: {said}");
        let count = |name: &str| {
            let value = said.rsplit_once(name)?.1.split_ascii_whitespace().next()?;
            value.parse().ok()
        };
        let (records, commits) = (count("records="), count("commits="));
        let counts = records.zip(commits).map(|(records, commits)| Counts { records, commits });
        counts.with_context(|| format!("the server did not tell its records and commits: {said}"))
    }

    /// CPU time of all its threads.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc_file("stat")?;
        // The name of the program stands in parentheses and may hold anything; fields are counted after it.
        let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' ')).context("no fields")?;
        let ticks: Vec<u32> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Duration::from_secs(1) * ticks.iter().sum() / TICKS_PER_SECOND)
    }

    /// A line of its status that counts memory, such as `VmRSS`, in MiB.
    pub fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let status = self.proc_file("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no such line")?;
        Ok(kibibytes.parse::<f64>()? / 1024.0)
    }

    /// Waits until it has had nothing to do for a while: a server goes on with its own affairs after `ready`.
    pub fn wait_until_idle(&self) -> anyhow::Result<()> {
        const QUIET: Duration = Duration::from_millis(300);
        let mut before = None;
        loop {
            let now = self.cpu()?;
            if before.replace(now) == Some(now) {
                return Ok(());
            }
            std::thread::sleep(QUIET);
        }
    }

    fn proc_file(&self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
    }
}

impl Drop for Server {
    /// Where the benchmark fails, or the echo service is not needed any more, no process is left behind.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program on these cores. It ends with the benchmark, however that ends: a server that stayed behind
/// would disturb the next run.
fn pinned(cores: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", cores]).arg(program);
    command
}

fn read_until_ready(output: &mut BufReader<ChildStdout>) -> anyhow::Result<u16> {
    let (mut port, mut line) = (None, String::new());
    while output.read_line(&mut line)? > 0 {
        let said = line.trim_end();
        if said == "ready" {
            return port.context("it is ready and told no address");
        }
        if let Some((_, number)) = said.strip_prefix("http ").and_then(|url| url.rsplit_once(':')) {
            port = Some(number.parse()?);
        }
        line.clear();
    }
    anyhow::bail!("it ended before it was ready")
}
