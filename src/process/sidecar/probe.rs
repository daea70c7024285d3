//! `coffer-sidecar probe`: asks the sidecar of the same pod through its socket.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::Context as _;

use super::application::{HEALTH_PATH, READY_PATH};
use super::arguments::ProbeArguments;
use crate::types::limits::{PROBE_ANSWER_MAX, PROBE_TIMEOUT};

/// Succeeds where the sidecar is ready.
///
/// # Errors
/// Why it is not.
pub fn run(arguments: &ProbeArguments) -> anyhow::Result<ExitCode> {
    let path = if arguments.startup || arguments.ready_without_server { HEALTH_PATH } else { READY_PATH };
    let socket = arguments.socket.display();
    let answer = ask(arguments, path).with_context(|| format!("the sidecar does not answer on the socket {socket}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(ExitCode::SUCCESS);
    }
    let reason = serde_json::from_str::<serde_json::Value>(body).ok();
    let reason = reason.and_then(|reason| Some(reason.get("message")?.as_str()?.to_owned()));
    anyhow::bail!("not ready: {}", reason.unwrap_or_else(|| head.lines().next().unwrap_or_default().to_owned()))
}

fn ask(arguments: &ProbeArguments, path: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(&arguments.socket)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT.duration()))?;
    stream.set_write_timeout(Some(PROBE_TIMEOUT.duration()))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(PROBE_ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
