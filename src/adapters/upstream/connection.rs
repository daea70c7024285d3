//! One connection to the server, and exchanges on it.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, HeaderMap};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::ServerAddress;
use super::file::FileError;
use crate::types::limits::{HEAD_MAX, UPSTREAM_ANSWER_MAX, UPSTREAM_CONNECT_TIMEOUT};
use crate::types::secret::SecretBytes;
use crate::types::time::Span;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Nobody is known who could vouch for the server.
    #[error("the bundle of certificate authorities cannot be used")]
    Trust(#[source] FileError),
    /// There is no connection to the server.
    #[error("the server cannot be reached")]
    Connect(#[source] io::Error),
    /// The server has no certificate that is believed, or breaks off the handshake.
    #[error("the server did not prove who it is")]
    Handshake(#[source] io::Error),
    /// The connection was gone before anything of the request was sent on it.
    #[error("the connection to the server was closed")]
    Closed,
    /// The connection broke after something of the request was sent and before the whole answer was there.
    #[error("the connection to the server broke")]
    Broken(#[source] hyper::Error),
    /// The answer is larger than any that the API has.
    #[error("the answer of the server is too large")]
    TooLarge,
}

impl ExchangeError {
    /// Whether the server has certainly not seen the request.
    #[must_use]
    pub fn nothing_was_sent(&self) -> bool {
        match self {
            Self::Trust(_) | Self::Connect(_) | Self::Handshake(_) | Self::Closed => true,
            Self::Broken(_) | Self::TooLarge => false,
        }
    }
}

/// A request. Its body is shared by all tries and wiped with the last of them.
#[derive(Clone)]
pub struct Outgoing {
    /// The headers, but for `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Outgoing {
    /// A request with this body.
    #[must_use]
    pub fn new(headers: HeaderMap, body: SecretBytes) -> Self {
        Self { headers, body: Bytes::from_owner(Exposed(body)) }
    }
}

/// Secret bytes that HTTP may read; wiped once the last reference is gone.
pub struct Exposed(pub SecretBytes);

impl AsRef<[u8]> for Exposed {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What the server answered.
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, which may hold plaintext.
    pub body: SecretBytes,
}

/// An open connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Whom the connection believed when it was opened.
    pub trust: Arc<ClientConfig>,
    /// When it was opened.
    pub opened_at: Span,
}

impl Connection {
    /// Connects and checks who the server is.
    ///
    /// # Errors
    /// `Connect` and `Handshake`.
    pub async fn open(
        address: &ServerAddress,
        trust: Arc<ClientConfig>,
        opened_at: Span,
    ) -> Result<Self, ExchangeError> {
        let limit = UPSTREAM_CONNECT_TIMEOUT.duration();
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let connecting = timeout(limit, TcpStream::connect((address.host.as_str(), address.port)));
        let stream = connecting.await.map_err(late).flatten().map_err(ExchangeError::Connect)?;
        // Requests are small, and waiting for more to send would cost each of them 40 ms.
        drop(stream.set_nodelay(true));
        let connector = TlsConnector::from(Arc::clone(&trust));
        let handshake = timeout(limit, connector.connect(address.name.clone(), stream));
        let stream = handshake.await.map_err(late).flatten().map_err(ExchangeError::Handshake)?;
        let opened = Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = opened.map_err(|_| ExchangeError::Closed)?;
        // It ends by itself once `sender` is dropped or the server hangs up; whoever waits is told of the error.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, trust, opened_at })
    }

    /// Whether the server has not hung up, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer. The second value tells whether another exchange may follow.
    ///
    /// # Errors
    /// `Closed`, `Broken` and `TooLarge`.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(Answered, bool), ExchangeError> {
        if self.sender.ready().await.is_err() {
            return Err(ExchangeError::Closed);
        }
        let response = self.sender.try_send_request(request).await.map_err(|mut error| {
            // The request comes back where nothing of it was written.
            if error.take_message().is_some() {
                ExchangeError::Closed
            } else {
                ExchangeError::Broken(error.into_error())
            }
        })?;
        let last = says_close(&response);
        let (head, body) = response.into_parts();
        let body = read(body).await?;
        Ok((Answered { status: head.status.as_u16(), headers: head.headers, body }, !last && self.is_open()))
    }
}

fn says_close(response: &Response<Incoming>) -> bool {
    let says = |value: &hyper::header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    response.headers().get_all(CONNECTION).iter().any(says)
}

/// Collects a body into one buffer that never grows, so that no copy of it is left behind.
async fn read(mut body: Incoming) -> Result<SecretBytes, ExchangeError> {
    let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let capacity = announced.unwrap_or(UPSTREAM_ANSWER_MAX);
    if capacity > UPSTREAM_ANSWER_MAX {
        return Err(ExchangeError::TooLarge);
    }
    let mut buffer = zeroize::Zeroizing::new(Vec::with_capacity(capacity));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ExchangeError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        if buffer.len() + data.len() > capacity {
            return Err(ExchangeError::TooLarge);
        }
        buffer.extend_from_slice(data);
    }
    Ok(SecretBytes::new(std::mem::take(&mut *buffer)))
}
