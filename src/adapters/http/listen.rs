//! Listeners: TCP, and a socket in the file system that its owner alone can open.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use super::server::Duplex;

/// A listener of either kind.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
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
            Self::Unix(..) => None,
        }
    }

    /// The next connection and its peer's address; none where accepting failed for this once.
    pub async fn accept(&self) -> Option<(Box<dyn Duplex>, Option<String>)> {
        let accepted: io::Result<(Box<dyn Duplex>, Option<String>)> = match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| {
                // Answers are small, and waiting for more to send would cost each of them 40 ms.
                drop(stream.set_nodelay(true));
                (Box::new(stream) as Box<dyn Duplex>, Some(peer.ip().to_string()))
            }),
            Self::Unix(listener, _) => {
                listener.accept().await.map(|(stream, _)| (Box::new(stream) as Box<dyn Duplex>, None))
            }
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
