//! Listeners: TCP, and a socket in the file system that its owner alone can open.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::server::Stream;

/// A listener of either kind.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// TLS over TCP.
    #[cfg(feature = "tls")]
    Tls(TcpListener, tokio_rustls::TlsAcceptor),
    /// A Unix socket; its file is removed at the end.
    Unix(UnixListener, SocketFile),
}

/// The file of a socket, removed when dropped.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

impl Listener {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::Tcp)
    }

    /// Listens on an address with TLS.
    ///
    /// # Errors
    /// Those of the operating system.
    #[cfg(feature = "tls")]
    pub async fn tls(address: SocketAddr, config: std::sync::Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self::Tls(listener, tokio_rustls::TlsAcceptor::from(config)))
    }

    /// Listens on a socket file of mode 0600. A file that a lost process left is replaced; one that somebody
    /// listens on is not.
    ///
    /// # Errors
    /// `AddrInUse` where somebody listens, and those of the operating system.
    pub async fn unix(path: &Path) -> io::Result<Self> {
        Self::unix_of_mode(path, 0o600).await
    }

    /// The same with a socket file of this mode: who may open the file may connect.
    ///
    /// # Errors
    /// As those of `unix`.
    pub async fn unix_of_mode(path: &Path, mode: u32) -> io::Result<Self> {
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type()) => {
                std::fs::remove_file(path)?;
            }
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        let file = SocketFile(path.to_owned());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(Self::Unix(listener, file))
    }

    /// The address of a TCP listener.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(feature = "tls")]
            Self::Tls(listener, _) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// What makes an accepted connection secure, to be done beside the next accept; none where that fails.
    pub fn secure(&self) -> Secure {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(_, acceptor) => {
                let acceptor = acceptor.clone();
                Box::new(move |stream| handshake(acceptor, stream).boxed())
            }
            _ => Box::new(|stream| futures::future::ready(Some(stream)).boxed()),
        }
    }

    /// The next connection and its peer's address; none where accepting failed for this once.
    pub async fn accept(&self) -> Option<(Stream, Option<String>)> {
        let accepted = match self {
            Self::Tcp(listener) => accept_tcp(listener).await,
            #[cfg(feature = "tls")]
            Self::Tls(listener, _) => accept_tcp(listener).await,
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| (Box::new(stream) as Stream, None)),
        };
        match accepted {
            Ok(accepted) => Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors, most likely: wait a moment for some to come back.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                None
            }
        }
    }
}

/// Turns an accepted connection into one to serve.
pub type Secure = Box<dyn FnOnce(Stream) -> BoxFuture<'static, Option<Stream>> + Send>;

#[cfg(feature = "tls")]
async fn handshake(acceptor: tokio_rustls::TlsAcceptor, stream: Stream) -> Option<Stream> {
    let limit = crate::types::limits::HANDSHAKE_TIMEOUT.duration();
    let done = tokio::time::timeout(limit, acceptor.accept(stream)).await.ok()?;
    done.map(|stream| Box::new(stream) as Stream).ok()
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(Stream, Option<String>)> {
    let (stream, peer) = listener.accept().await?;
    // Answers are small, and waiting for more to send would cost each of them 40 ms.
    drop(stream.set_nodelay(true));
    Ok((Box::new(stream), Some(peer.ip().to_string())))
}
