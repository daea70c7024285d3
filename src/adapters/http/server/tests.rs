//! How connections end, on a clock that moves when nobody has anything to do.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;
use crate::types::revision::Revision;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What the ping holds that asks whether the client has read of the end.
const LEAVE_PING: &[u8] = &[0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];
/// A stream that no client can open, followed by the code for no error.
const EVERY_STREAM: [u8; 8] = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
const FIRST_STREAM: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 0];
const FIELDS: [(&str, &str); 2] =
    [("x-amz-target", "TrentService.ListKeys"), ("content-type", "application/x-amz-json-1.1")];

struct Fixed;

#[async_trait]
impl Application for Fixed {
    fn request_id(&self) -> String {
        String::new()
    }

    async fn answer(&self, _request: WireRequest) -> Result<Answer, Refusal> {
        Ok(Answer { status: 200, body: SecretBytes::new(b"{}".to_vec()), revision: Revision(0) })
    }

    async fn refused(&self, _refusal: &Refusal) {}
}

/// A connection that is served.
struct Client {
    stream: DuplexStream,
    stop: watch::Sender<bool>,
}

impl Client {
    fn new(protocol: Protocol, told: &[u8], is_stopping: bool) -> Self {
        let (stream, server) = duplex(65536);
        let (stop, stopped) = watch::channel(is_stopping);
        let (answering, _) = mpsc::channel(1);
        let application = Arc::new(Fixed);
        let reading = Semaphore::new(1);
        let shared = Shared { hosts: Hosts::Any, application, answering, stop: stopped, reading };
        let (read, write) = tokio::io::split(server);
        let server = tokio::io::join(std::io::Cursor::new(told.to_vec()).chain(read), write);
        tokio::spawn(attend(protocol, server, None, Arc::new(shared)));
        Self { stream, stop }
    }

    /// Begins HTTP/2.
    async fn two() -> Self {
        let mut client = Self::new(Protocol::Two, b"", false);
        client.stream.write_all(PREFACE).await.unwrap();
        client.send(SETTINGS, 0, 0, b"").await;
        client
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let head = [0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
        self.stream.write_all(&[&head, payload].concat()).await.unwrap();
    }

    /// Opens the first stream with a whole request.
    async fn ask(&mut self) {
        let pseudo = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")];
        let mut head = Vec::new();
        for text in pseudo.into_iter().chain(FIELDS) {
            // A header as HPACK has it without its table (RFC 7541 §6.2.2).
            head.push(0);
            for text in [text.0, text.1] {
                head.push(u8::try_from(text.len()).unwrap());
                head.extend(text.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS, 1, &head).await;
        self.send(DATA, END_STREAM, 1, b"{}").await;
    }

    /// The next frame of any of these kinds, while pings are answered; none where the server hung up.
    async fn next(&mut self, kinds: &[u8], answered: impl Fn(&[u8]) -> bool) -> Option<(u8, u8, Vec<u8>)> {
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let [_, high, low, kind, flags, ..] = head;
            let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
            self.stream.read_exact(&mut payload).await.unwrap();
            if kinds.contains(&kind) {
                return Some((kind, flags, payload));
            }
            if kind == PING && flags & ACK == 0 && answered(&payload) {
                self.send(PING, ACK, 0, &payload).await;
            }
        }
    }

    async fn goes_away(&mut self, answered: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.next(&[GOAWAY], answered).await.unwrap().2
    }

    async fn rest(&mut self) -> String {
        let mut said = Vec::new();
        self.stream.read_to_end(&mut said).await.unwrap();
        String::from_utf8(said).unwrap()
    }
}

fn request() -> String {
    let fields: String = FIELDS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: 2\r\n\r\n{{}}")
}

fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(test);
}

#[test]
fn an_idle_connection_of_http_2_loses_no_request_that_is_begun_as_it_ends() {
    run(async {
        let mut client = Client::two().await;
        let begun = Instant::now();
        assert_eq!(client.goes_away(|_| true).await, EVERY_STREAM);
        assert_eq!(begun.elapsed(), HEADER_TIMEOUT.duration());
        client.ask().await;
        let (_, flags, head) = client.next(&[HEADERS], |_| false).await.unwrap();
        // The status 200 is the eighth entry of HPACK's table.
        assert_eq!((flags & END_STREAM, head.first()), (0, Some(&0x88)));
        let body = client.next(&[DATA], |_| false).await.unwrap().2;
        assert_eq!(body, b"{}");
        client.send(PING, ACK, 0, LEAVE_PING).await;
        assert_eq!(client.goes_away(|_| true).await, FIRST_STREAM);
        assert_eq!(client.next(&[HEADERS, DATA, GOAWAY], |_| true).await, None);
        assert_eq!(begun.elapsed(), HEADER_TIMEOUT.duration(), "it ends as soon as all is said");
    });
}

#[test]
fn a_client_that_takes_no_leave_is_not_waited_for_without_end() {
    run(async {
        let mut client = Client::two().await;
        let begun = Instant::now();
        let unwilling = |payload: &[u8]| payload != LEAVE_PING;
        assert_eq!(client.goes_away(unwilling).await, EVERY_STREAM);
        assert_eq!(client.next(&[GOAWAY], unwilling).await, None);
        assert_eq!(begun.elapsed(), HEADER_TIMEOUT.duration() * 2);
    });
}

#[test]
fn a_stop_takes_leave_of_http_2_at_once() {
    run(async {
        let mut client = Client::two().await;
        client.ask().await;
        assert_eq!(client.next(&[DATA], |_| true).await.unwrap().2, b"{}");
        let begun = Instant::now();
        client.stop.send(true).unwrap();
        assert_eq!(client.goes_away(|_| true).await, EVERY_STREAM);
        client.send(PING, ACK, 0, LEAVE_PING).await;
        assert_eq!(client.goes_away(|_| true).await, FIRST_STREAM);
        assert_eq!(client.next(&[GOAWAY], |_| true).await, None);
        assert!(begun.elapsed().is_zero());
    });
}

#[test]
fn a_request_of_http_1_that_is_on_its_way_as_the_process_stops_is_answered_as_the_last() {
    run(async {
        let mut client = Client::new(Protocol::One, b"", false);
        client.stream.write_all(request().as_bytes()).await.unwrap();
        let mut first = vec![0; 65536];
        let count = client.stream.read(&mut first).await.unwrap();
        let first = String::from_utf8(first[..count].to_vec()).unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && !first.contains("connection: close"), "{first}");
        client.stop.send(true).unwrap();
        tokio::time::advance(DRAIN_LINGER.duration() / 2).await;
        client.stream.write_all(request().as_bytes()).await.unwrap();
        let last = client.rest().await;
        assert!(last.starts_with("HTTP/1.1 200 OK\r\n") && last.contains("connection: close\r\n"), "{last}");
    });
}

#[test]
fn a_request_of_http_1_whose_beginning_was_read_as_the_process_stops_is_answered() {
    run(async {
        let text = request();
        let (told, rest) = text.split_at(10);
        let mut client = Client::new(Protocol::One, told.as_bytes(), true);
        client.stream.write_all(rest.as_bytes()).await.unwrap();
        let said = client.rest().await;
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("connection: close\r\n"), "{said}");
    });
}

#[test]
fn an_idle_connection_of_http_1_ends_soon_after_a_stop() {
    run(async {
        let mut client = Client::new(Protocol::One, b"", false);
        client.stream.write_all(request().as_bytes()).await.unwrap();
        client.stream.read_exact(&mut [0]).await.unwrap();
        let begun = Instant::now();
        client.stop.send(true).unwrap();
        client.rest().await;
        assert_eq!(begun.elapsed(), DRAIN_LINGER.duration());
    });
}
