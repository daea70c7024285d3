//! The load: connections that each send the next request as soon as the last answer is there.
//!
//! Requests are bytes that were built before, and answers are read no further than to their length, so that
//! the load's core has less to do than the server's.

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::server::Server;

/// Time before a request of an open loop is due that is not slept, since timers may be a millisecond late.
const SPUN: Duration = Duration::from_micros(1500);

/// One run.
#[derive(Clone)]
pub struct Plan {
    /// Connections, each with one request open at any time.
    pub connections: u32,
    /// Time before measuring, for connections, caches and clock rates to settle.
    pub warm_up: Duration,
    /// Time that is measured.
    pub time: Duration,
    /// Requests a second of an open loop; without it the loop is closed.
    pub pace: Option<f64>,
    /// The request.
    pub request: Arc<[u8]>,
}

/// What a run showed.
#[derive(Clone)]
pub struct Measured {
    elapsed: Duration,
    cpu: Duration,
    requests: u32,
    /// Microseconds of each request, in ascending order.
    latencies: Vec<u32>,
}

impl Measured {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.requests) / self.elapsed.as_secs_f64()
    }

    /// CPU time of the server for one request.
    pub fn cpu_microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.requests.max(1))
    }

    /// The part of its core that the server used.
    pub fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that this part of a hundred of the requests did not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).map_or(0.0, |latency| f64::from(*latency) / 1000.0)
    }
}

/// The bytes of a request, with the headers that an AWS SDK sends.
pub fn request(operation: &str, body: &Value) -> Vec<u8> {
    let (body, invocation) = (body.to_string(), invocation_id());
    let signature = "0123456789abcdef".repeat(4);
    format!(
        "POST / HTTP/1.1\r\n\
         Host: 127.0.0.1\r\n\
         X-Amz-Target: TrentService.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\n\
         User-Agent: aws-sdk-benchmark/1.0 os/linux lang/rust\r\n\
         X-Amz-Date: 20261122T120000Z\r\n\
         amz-sdk-invocation-id: {invocation}\r\n\
         amz-sdk-request: attempt=1; max=3\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/kms/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}\r\n\
         Content-Length: {length}\r\n\r\n{body}",
        length = body.len(),
    )
    .into_bytes()
}

/// An id that no other request has, in this run or another: a second `CreateKey` with the same one would be
/// taken for the first one, sent again.
fn invocation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() & 0xffff_ffff;
    format!("{seconds:08x}-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes one call on a connection of its own.
pub fn call(port: u16, operation: &str, body: &Value) -> anyhow::Result<Value> {
    let request = request(operation, body);
    block_on(async {
        let mut connection = Connection::open(port).await?;
        Ok(serde_json::from_slice(connection.call(&request).await?)?)
    })
}

/// Makes each of these calls once, and says so after every thousand.
pub fn call_each(port: u16, connections: u32, requests: Vec<Vec<u8>>, what: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let what: Arc<str> = what.into();
    let work = move |_| {
        let (requests, next, what) = (Arc::clone(&requests), Arc::clone(&next), Arc::clone(&what));
        async move {
            let mut connection = Connection::open(port).await?;
            while let Some((index, request)) = take(&requests, &next) {
                connection.call(request).await?;
                if (index + 1) % 1000 == 0 {
                    eprintln!("{} {what} after {:.1} s", index + 1, begun.elapsed().as_secs_f64());
                }
            }
            Ok(())
        }
    };
    block_on(all(connections, work)).map(drop)
}

fn take<'a>(requests: &'a [Vec<u8>], next: &AtomicUsize) -> Option<(usize, &'a [u8])> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    requests.get(index).map(|request| (index, request.as_slice()))
}

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const DONE: u8 = 2;

/// Runs a plan against a server.
pub fn run(server: &Server, plan: &Plan) -> anyhow::Result<Measured> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let work = |index| work(server.port, Arc::clone(&plan.request), Arc::clone(&phase), Pace::of(plan, index));
    block_on(async {
        let (latencies, sample) = tokio::join!(all(plan.connections, work), watch(server, &phase, plan));
        let (elapsed, cpu) = sample?;
        let mut latencies: Vec<u32> = latencies?.concat();
        latencies.sort_unstable();
        anyhow::ensure!(!latencies.is_empty(), "no request was answered in {elapsed:?}");
        Ok(Measured { elapsed, cpu, requests: u32::try_from(latencies.len())?, latencies })
    })
}

/// Sets the phases and takes time and CPU time at their borders. A busy runtime wakes it late, which does not
/// matter, because the borders are where it says they are.
async fn watch(server: &Server, phase: &AtomicU8, plan: &Plan) -> anyhow::Result<(Duration, Duration)> {
    tokio::time::sleep(plan.warm_up).await;
    let (begun, cpu) = (Instant::now(), server.cpu());
    phase.store(MEASURING, Ordering::Relaxed);
    tokio::time::sleep(plan.time).await;
    let (elapsed, cpu_after) = (begun.elapsed(), server.cpu());
    // Set before anything can fail: the connections go on until they see it.
    phase.store(DONE, Ordering::Relaxed);
    Ok((elapsed, cpu_after?.saturating_sub(cpu?)))
}

/// One connection of the loop.
async fn work(port: u16, request: Arc<[u8]>, phase: Arc<AtomicU8>, mut pace: Option<Pace>) -> anyhow::Result<Vec<u32>> {
    let mut connection = Connection::open(port).await?;
    let mut latencies = Vec::with_capacity(1 << 14);
    loop {
        let begun = match &mut pace {
            Some(pace) => pace.wait(&phase).await,
            None => Instant::now(),
        };
        connection.call(&request).await?;
        match phase.load(Ordering::Relaxed) {
            WARMING => {}
            MEASURING => latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX)),
            _ => return Ok(latencies),
        }
    }
}

/// When a connection of an open loop sends: at its turn, however long answers take.
struct Pace {
    next: Instant,
    period: Duration,
}

impl Pace {
    fn of(plan: &Plan, index: u32) -> Option<Self> {
        let apart = Duration::from_secs_f64(plan.pace?.recip());
        Some(Self { next: Instant::now() + apart * index, period: apart * plan.connections })
    }

    /// Gives the time at which the request was due: one that an open request kept from being sent has waited
    /// since then. At the end of the run it waits no more.
    async fn wait(&mut self, phase: &AtomicU8) -> Instant {
        let due = self.next;
        self.next += self.period;
        if let Some(sleep) = due.saturating_duration_since(Instant::now()).checked_sub(SPUN) {
            tokio::time::sleep(sleep).await;
        }
        while Instant::now() < due && phase.load(Ordering::Relaxed) != DONE {
            tokio::task::yield_now().await;
        }
        due
    }
}

/// Runs this work on so many connections, and gives what each of them gave.
async fn all<T, F>(connections: u32, work: impl Fn(u32) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..connections).map(|index| tokio::spawn(work(index))).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await??);
    }
    Ok(results)
}

/// One thread is the whole load, since it has one core.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// A connection that is kept open.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024] })
    }

    /// Sends a request and reads its answer, which must be a good one. Gives its body.
    async fn call(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.send(request).await?;
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            filled += self.receive(filled).await?;
            let received = self.buffer.get(..filled).unwrap_or_default();
            if let Some((body, end)) = body_bounds(received)?
                && end <= filled
            {
                anyhow::ensure!(end == filled, "the server sent more than its answer");
                let good = received.starts_with(b"HTTP/1.1 200 ");
                anyhow::ensure!(good, "not a good answer: {}", String::from_utf8_lossy(received));
                return Ok(self.buffer.get(body..end).unwrap_or_default());
            }
        }
    }

    async fn send(&mut self, mut request: &[u8]) -> anyhow::Result<()> {
        while !request.is_empty() {
            let sent = poll_fn(|cx| Pin::new(&mut self.stream).poll_write(cx, request)).await?;
            request = request.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    async fn receive(&mut self, filled: usize) -> anyhow::Result<usize> {
        let (stream, room) = (&mut self.stream, self.buffer.get_mut(filled..).unwrap_or_default());
        let mut room = ReadBuf::new(room);
        poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut room)).await?;
        let received = room.filled().len();
        anyhow::ensure!(received > 0, "the server closed a connection");
        Ok(received)
    }
}

/// Where the body of an answer begins and ends, once its head is complete. Hyper writes names in lower case.
fn body_bounds(received: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let Some(head) = find(received, b"\r\n\r\n") else { return Ok(None) };
    let head_bytes = received.get(..head + 2).unwrap_or_default();
    let length = find(head_bytes, LENGTH).and_then(|at| head_bytes.get(at + LENGTH.len()..));
    let digits = length.and_then(|rest| rest.split(|byte| *byte == b'\r').next()).context("no content-length")?;
    let length: usize = std::str::from_utf8(digits)?.parse()?;
    Ok(Some((head + 4, head + 4 + length)))
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes.windows(sought.len()).position(|window| window == sought)
}
