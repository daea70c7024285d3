//! Bytes of a connection, by hand: what tokio has for it is not among the features of this crate.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes all bytes and what waits before them.
pub async fn write_all(stream: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|context| Pin::new(&mut *stream).poll_write(context, bytes)).await?;
        bytes = &bytes[written..];
    }
    poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
}

/// Reads until `enough` or the end.
pub async fn read_until(stream: &mut (impl AsyncRead + Unpin), enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !enough(&bytes) {
        let mut space = [0; 4096];
        let mut buffer = ReadBuf::new(&mut space);
        if poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await.is_err()
            || buffer.filled().is_empty()
        {
            break;
        }
        bytes.extend_from_slice(buffer.filled());
    }
    bytes
}
