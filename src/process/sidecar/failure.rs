//! Calls that got no answer, in words for who made them.

use hyper::header::HeaderMap;

use crate::adapters::http::server::Reply;
use crate::adapters::upstream::address::ServerAddress;
use crate::adapters::upstream::connection::ExchangeError;
use crate::adapters::upstream::file::FileError;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::types::secret::SecretBytes;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no token to call with.
    #[error("the token cannot be used")]
    Token(#[source] FileError),
    /// The server gave no answer.
    #[error(transparent)]
    Exchange(ExchangeError),
    /// The time is over.
    #[error("the server did not answer in time")]
    Deadline,
}

/// SDKs try again on it, which is right: what is away comes back.
const STATUS: u16 = 503;

impl Failure {
    /// What went wrong and what to look at.
    #[must_use]
    pub fn message(&self, server: &ServerAddress) -> String {
        let (what, advice) = match self {
            Self::Token(_) => ("the sidecar has no token", TOKEN),
            Self::Exchange(ExchangeError::Trust(_)) => ("the sidecar has no certificate authority", CA),
            Self::Exchange(ExchangeError::Connect(_)) => ("the key management server cannot be reached", NETWORK),
            Self::Exchange(ExchangeError::Handshake(_)) => ("the key management server did not prove who it is", NAME),
            Self::Exchange(ExchangeError::Closed | ExchangeError::Broken(_)) => {
                ("the connection to the key management server broke", PODS)
            }
            Self::Exchange(ExchangeError::TooLarge) => ("the answer of the key management server is too large", PODS),
            Self::Deadline => ("the key management server did not answer in time", PODS),
        };
        format!("{what}: `{server}`; {advice}")
    }

    /// AWS's names for a part of the service that is away, and for one that is not as it should be.
    fn code(&self) -> ErrorCode {
        match self {
            Self::Token(_) | Self::Exchange(ExchangeError::Trust(_) | ExchangeError::TooLarge) => {
                ErrorCode::KmsInternal
            }
            Self::Exchange(_) | Self::Deadline => ErrorCode::DependencyTimeout,
        }
    }

    /// The answer for the caller.
    #[must_use]
    pub fn reply(&self, server: &ServerAddress) -> Reply {
        let error = AwsError::new(self.code(), self.message(server));
        Reply { status: STATUS, body: SecretBytes::new(error.body()), revision: None, headers: HeaderMap::new() }
    }
}

const TOKEN: &str = "check that the projected token volume is mounted in the sidecar, and --token-file";
const CA: &str = "check that the config map coffer-ca is mounted in the sidecar, and --ca-file";
const NETWORK: &str = "check its Service, its pods and the network policies between";
const NAME: &str = "check that the config map coffer-ca is the one of this installation, and the host in --server";
const PODS: &str = "check its pods and their logs; a call that changes something may have been carried out";
