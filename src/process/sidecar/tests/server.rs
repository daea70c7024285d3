//! A TLS server that answers by a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::bytes::{read_until, write_all};

/// A certificate authority of a test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        let encoded = STANDARD.encode(self.0.as_ref().der());
        let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    fn leaf(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Answers with this status and body, and these lines of its head.
    Answer(u16, &'static str, &'static str),
    /// Hangs up after the request was read.
    HangUp,
    /// Never answers.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: String,
    /// The number of the connection.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Clone, Default)]
struct Shared {
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

/// The server; it ends with its value.
pub struct Server {
    pub port: u16,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const GOOD: Act = Act::Answer(200, "x-amzn-requestid: from-the-server\r\nx-coffer-revision: 7\r\n", "{\"good\":true}");

impl Server {
    pub async fn start(authority: &Authority, name: &str) -> Self {
        Self::start_on(authority, name, 0).await
    }

    pub async fn start_on(authority: &Authority, name: &str, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, shared) = (TlsAcceptor::from(authority.leaf(name)), Shared::default());
        let accepting = shared.clone();
        let task = tokio::spawn(async move {
            // Dropped with this task, so that the connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, shared) = (acceptor.clone(), accepting.clone());
                connections.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        shared.serve(stream).await;
                    }
                });
            }
        });
        Self { port, shared, task }
    }

    /// What it does next; after that, it gives good answers.
    pub fn will(&self, acts: &[Act]) {
        self.shared.script.lock().unwrap().extend(acts);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let connection = self.connections.fetch_add(1, Ordering::SeqCst);
        while let Some((head, body)) = read(&mut stream).await {
            self.seen.lock().unwrap().push(Seen { head, body, connection });
            let act = self.script.lock().unwrap().pop_front();
            match act.unwrap_or(GOOD) {
                Act::Answer(status, head, body) => {
                    let length = body.len();
                    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{head}\r\n{body}");
                    if write_all(&mut stream, answer.as_bytes()).await.is_err() || head.contains("connection: close") {
                        return;
                    }
                }
                Act::HangUp => return,
                Act::Hang => std::future::pending().await,
            }
        }
    }
}

/// One request; a client sends the next one only after the answer.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let bytes = read_until(stream, |bytes| whole(bytes).is_some()).await;
    whole(&bytes)
}

fn whole(bytes: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (body.len() == length).then(|| (head.to_owned(), body.to_owned()))
}
