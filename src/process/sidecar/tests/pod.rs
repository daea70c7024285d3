//! A sidecar in a folder of its own, and the calls of its containers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser as _;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::bytes::{read_until, write_all};
use super::server::Authority;
use crate::process::sidecar::arguments::Arguments;
use crate::process::sidecar::start;

/// The sidecar; it ends with its value.
pub struct Pod {
    pub folder: TempDir,
    pub http: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What a container got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["__type"].as_str().unwrap().to_owned()
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

pub const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");
pub const ENCRYPT: (&str, &str) = ("x-amz-target", "TrentService.Encrypt");
pub const CREATE_KEY: (&str, &str) = ("x-amz-target", "TrentService.CreateKey");
pub const DISABLE_KEY: (&str, &str) = ("x-amz-target", "TrentService.DisableKey");

impl Pod {
    /// A folder with the bundle of this authority and a token.
    pub fn prepare(authority: &Authority) -> Self {
        let pod = Self::empty();
        pod.write("ca.crt", &authority.pem());
        pod.write("token", "the-token\n");
        pod
    }

    /// A folder without any file.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), http: None, stop: watch::channel(false).0, task: None }
    }

    /// Replaces a file at once, as the kubelet does.
    pub fn write(&self, name: &str, content: &str) {
        let fresh = self.path("fresh");
        std::fs::write(&fresh, content).unwrap();
        std::fs::rename(fresh, self.path(name)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn start(mut self, port: u16, options: &[&str]) -> Self {
        let (http, serving) = start(&self.arguments(port, options).serve, self.stop.subscribe()).await.unwrap();
        self.http = http;
        self.task = Some(tokio::spawn(serving));
        self
    }

    pub fn arguments(&self, port: u16, options: &[&str]) -> Arguments {
        let server = format!("https://localhost:{port}");
        let paths = ["coffer.sock", "ca.crt", "token", "authorization"].map(|name| self.path(name));
        let [socket, ca, token, authorization] = paths.each_ref().map(|path| path.to_str().unwrap());
        let mut words = vec!["coffer-sidecar", "--server", &server, "--socket", socket, "--ca-file", ca];
        words.extend(["--token-file", token]);
        if !options.contains(&"--authorization-token-file") {
            words.extend(["--authorization-token-file", authorization]);
        }
        if !options.contains(&"--http") {
            words.extend(["--http", "127.0.0.1:0"]);
        }
        Arguments::try_parse_from([&words, options].concat()).unwrap()
    }

    pub async fn stop(mut self) -> Self {
        self.stop.send_replace(true);
        self.task.take().unwrap().await.unwrap().unwrap();
        self.stop.send_replace(false);
        self
    }

    pub async fn socket(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let stream = UnixStream::connect(self.path("coffer.sock")).await.unwrap();
        exchange(stream, method, path, headers, body).await
    }

    pub async fn tcp(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        exchange(TcpStream::connect(self.http.unwrap()).await.unwrap(), method, path, headers, body).await
    }

    /// A call without a signature.
    pub async fn call(&self, target: (&str, &str)) -> Got {
        self.socket("POST", "/", &[JSON, target], "{}").await
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Got {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += "host: localhost\r\n";
    }
    headers.iter().for_each(|(name, value)| head.extend([name, ": ", value, "\r\n"]));
    write_all(&mut stream, format!("{head}\r\n{body}").as_bytes()).await.unwrap();
    let answer = String::from_utf8(read_until(&mut stream, |_| false).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
