//! Which version of HTTP a connection speaks, and when one of HTTP/2 has been idle for too long.

use std::io::{self, Cursor};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join, split};

use super::server::Stream;
use crate::types::limits::HEADER_TIMEOUT;

/// What a client that knows of HTTP/2 begins with (RFC 9113 §3.4). No request of HTTP/1.1 begins so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Reads what tells the version, and gives the connection back with that still to read; none where the client says
/// nothing in time.
pub(super) async fn detect(
    mut stream: Stream,
) -> Option<(Protocol, impl AsyncRead + AsyncWrite + Send + Unpin + 'static)> {
    let told = tokio::time::timeout(HEADER_TIMEOUT.duration(), beginning(&mut stream)).await.ok()?.ok()?;
    let protocol = if told == PREFACE { Protocol::Two } else { Protocol::One };
    let (reader, writer) = split(stream);
    Some((protocol, join(Cursor::new(told).chain(reader), writer)))
}

/// The first bytes, as far as they are those of the preface and one read more.
async fn beginning(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut told = [0; PREFACE.len()];
    let mut count = 0;
    while let Some(free) = told.get_mut(count..).filter(|free| !free.is_empty()) {
        let read = stream.read(free).await?;
        count += read;
        if read == 0 || !PREFACE.starts_with(told.get(..count).unwrap_or_default()) {
            break;
        }
    }
    Ok(told.get(..count).unwrap_or_default().to_vec())
}

/// How busy a connection of HTTP/2 is. One of HTTP/1.1 is watched by its reader of heads.
#[derive(Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Notes a request that begins, and ends when what this gives is dropped: its client may break it off.
    pub(super) fn request(&self) -> Open<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }

    /// Returns once there was no request for a whole period.
    pub(super) async fn idle(&self) {
        let counts = || (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        loop {
            let before = counts();
            tokio::time::sleep(HEADER_TIMEOUT.duration()).await;
            if counts() == before && before.0 == before.1 {
                return;
            }
        }
    }
}

/// A request that is open.
pub(super) struct Open<'a>(&'a Activity);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    async fn told(pieces: &[&[u8]]) -> (Protocol, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(4);
        let send = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
            }
            drop(client);
        };
        let read = async {
            let (protocol, mut stream) = detect(Box::new(server)).await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            (protocol, all)
        };
        futures::join!(send, read).1
    }

    #[test]
    fn the_preface_tells_and_no_byte_is_lost() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let two = [PREFACE, b"more"].concat();
        for (sent, expected) in [
            (two.as_slice(), Protocol::Two),
            (b"POST / HTTP/1.1\r\n\r\n".as_slice(), Protocol::One),
            (b"PRI * HTTP/1.1\r\nHost: localhost\r\n\r\n", Protocol::One),
            (b"PRI", Protocol::One),
            (b"", Protocol::One),
        ] {
            assert_eq!(runtime.block_on(told(&[sent])), (expected, sent.to_vec()));
            let pieces: Vec<&[u8]> = sent.chunks(1).collect();
            assert_eq!(runtime.block_on(told(&pieces)), (expected, sent.to_vec()));
        }
    }
}
