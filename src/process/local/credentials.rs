//! Who calls `coffer local`: its owner, or whoever signs with a key of the credentials file.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::arguments::LocalArguments;
use crate::adapters::folder::atomic;
use crate::adapters::http::request::WireRequest;
use crate::adapters::http::sigv4::Authorization;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::types::account::AccountId;
use crate::types::limits::{CREDENTIALS_MAX, MANIFEST_FILE_MAX};
use crate::types::principal::{AuthenticationMethod, Principal, PrincipalKind};
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

const SESSION_TOKEN: &str = "x-amz-security-token";

/// The callers that are known.
pub enum Callers {
    /// Everyone who reaches the listener is the root of this account.
    Owner(AccountId),
    /// Only who signs with one of these access keys.
    Known(HashMap<String, Caller>),
}

/// One access key.
pub struct Caller {
    secret: SecretBytes,
    principal: Principal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    credentials: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    access_key_id: String,
    secret_access_key: String,
    account: String,
    user: Option<String>,
}

impl Callers {
    /// Reads the credentials file, where there is one.
    ///
    /// # Errors
    /// What is wrong with it; no value of it is repeated.
    pub fn open(arguments: &LocalArguments) -> anyhow::Result<Self> {
        match &arguments.credentials {
            None => Ok(Self::Owner(arguments.account)),
            Some(file) => {
                let known =
                    read(file).with_context(|| format!("the credentials file {} cannot be used", file.display()))?;
                Ok(Self::Known(known))
            }
        }
    }

    /// Who made a request.
    ///
    /// # Errors
    /// The refusal that AWS gives.
    pub fn authenticate(
        &self,
        request: &WireRequest,
        authorization: Option<&Authorization<'_>>,
        now: Timestamp,
    ) -> Result<Principal, AwsError> {
        let known = match self {
            Self::Owner(account) => {
                let mut principal = Principal::local_root(*account);
                principal.credential_id = authorization.map(|authorization| authorization.access_key.to_owned());
                return Ok(principal);
            }
            Self::Known(known) => known,
        };
        let missing = || AwsError::new(ErrorCode::MissingAuthenticationToken, "Missing Authentication Token");
        let authorization = authorization.ok_or_else(missing)?;
        // None of these credentials is of a session, so that a token that comes with one is of another.
        let known = known.get(authorization.access_key).filter(|_| !request.headers.contains_key(SESSION_TOKEN));
        let caller = known.ok_or_else(|| {
            AwsError::new(ErrorCode::UnrecognizedClient, "The security token included in the request is invalid.")
        })?;
        authorization.verify(&request.headers, request.body.expose(), &caller.secret, now)?;
        Ok(caller.principal.clone())
    }
}

fn read(file: &Path) -> anyhow::Result<HashMap<String, Caller>> {
    let limit = usize::try_from(MANIFEST_FILE_MAX).unwrap_or(usize::MAX);
    let bytes = atomic::read(file, limit)?.context("it does not exist")?;
    let bytes = SecretBytes::new(bytes);
    warn_of_readers(file);
    // The parser's own messages may repeat a value, and a value may be a secret.
    let parsed: File = serde_yaml::from_slice(bytes.expose()).map_err(|error| {
        let place = error.location().map_or_else(String::new, |place| format!(" at line {}", place.line()));
        anyhow::anyhow!("it is not a list `credentials` of accessKeyId, secretAccessKey, account and user{place}")
    })?;
    anyhow::ensure!(parsed.credentials.len() <= CREDENTIALS_MAX, "it has more than {CREDENTIALS_MAX} credentials");
    let mut known = HashMap::new();
    for (index, entry) in parsed.credentials.into_iter().enumerate() {
        let (access_key, caller) = caller(entry).with_context(|| format!("credential {}", index + 1))?;
        anyhow::ensure!(
            known.insert(access_key, caller).is_none(),
            "credential {}: accessKeyId is not unique",
            index + 1
        );
    }
    Ok(known)
}

/// The file holds secrets. It is used all the same, because they are secrets for tests on this machine.
fn warn_of_readers(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!("{} can be read by others: run `chmod 600` on it", file.display());
    }
}

fn caller(entry: Entry) -> anyhow::Result<(String, Caller)> {
    const NAME_CHARACTERS_MAX: usize = 64;
    let secret = SecretBytes::new(entry.secret_access_key.into_bytes());
    anyhow::ensure!(!entry.access_key_id.is_empty(), "accessKeyId must not be empty");
    anyhow::ensure!(!secret.is_empty(), "secretAccessKey must not be empty");
    let account = AccountId::parse(&entry.account).context("account must be 12 digits in quotes")?;
    let named = entry.user.is_some();
    let name = entry.user.unwrap_or_default();
    anyhow::ensure!(name.chars().count() <= NAME_CHARACTERS_MAX, "user must have at most 64 characters");
    let principal = Principal {
        kind: if named { PrincipalKind::User } else { PrincipalKind::Root },
        name,
        credential_id: Some(entry.access_key_id.clone()),
        method: AuthenticationMethod::Signature,
        ..Principal::local_root(account)
    };
    Ok((entry.access_key_id, Caller { secret, principal }))
}
