//! AWS credentials for the containers of the pod
//! ([AWS: container credential provider](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html)).
//!
//! A pair is derived from a secret of the sidecar and carries its own end, so nothing about it is kept: a sidecar
//! that is started again knows the pairs that it gave before. The secret is what the authorization token file
//! holds, and who can read that may have credentials anyhow.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::CryptoError;
use crate::crypto::derive::base32_lower;
use crate::crypto::mac::{equal, hmac_sha256};
use crate::crypto::rng::{Rng, random_array};
use crate::types::limits::ISSUED_KEY_LIFETIME;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// What every access key id of a sidecar begins with.
pub const ACCESS_KEY_PREFIX: &str = "COFFER";

/// Gives credentials, and knows those that it gave.
pub struct Issuer {
    /// The content of the authorization token file.
    seed: SecretBytes,
}

/// Random bytes of the secret.
const SEED_BYTES: usize = 32;
/// The same in base64, without a line feed, because SDKs send the content of the file as it is.
const SEED_CHARACTERS: usize = 43;
/// Characters of a secret access key of AWS.
const SECRET_CHARACTERS: usize = 40;

/// What an access key id of a request is.
pub enum AccessKey {
    /// Not one of ours.
    Foreign,
    /// One of ours whose time is over.
    Expired,
    /// One of ours, if the signature fits.
    Issued {
        /// The secret access key.
        secret: SecretBytes,
        /// The session token.
        token: SecretBytes,
    },
}

impl Issuer {
    /// Reads the secret from the file, or makes one and writes it there, for every user to read.
    ///
    /// # Errors
    /// Those of the file system; without randomness, `Other`.
    pub fn open(file: &Path, rng: &dyn Rng) -> io::Result<Self> {
        if fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() == SEED_CHARACTERS as u64) {
            let seed = SecretBytes::new(fs::read(file)?);
            if is_seed(seed.expose()) {
                return Ok(Self { seed });
            }
        }
        let bytes = SecretBytes::try_init_with(SEED_BYTES, |bytes| rng.fill(bytes)).map_err(io::Error::other)?;
        let seed = SecretBytes::new(URL_SAFE_NO_PAD.encode(bytes.expose()).into_bytes());
        write(file, seed.expose())?;
        Ok(Self { seed })
    }

    /// Whether the header is what the file holds.
    #[must_use]
    pub fn authorizes(&self, header: &[u8]) -> bool {
        equal(header, self.seed.expose())
    }

    /// New credentials as the AWS SDKs read them.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn issue(&self, now: Timestamp, rng: &dyn Rng) -> Result<SecretBytes, CryptoError> {
        let end = now.plus(ISSUED_KEY_LIFETIME);
        let seconds = u64::try_from(end.milliseconds() / 1000).unwrap_or_default();
        let [_, _, _, time @ ..] = seconds.to_be_bytes();
        let identity = [time, random_array::<5>(rng)?].concat();
        let id = format!("{ACCESS_KEY_PREFIX}{}", base32_lower(&identity).to_ascii_uppercase());
        let (secret, token, until) = (self.secret(&id), self.token(&id), end.to_rfc3339());
        let parts: [&[u8]; 9] = [
            br#"{"AccessKeyId":""#,
            id.as_bytes(),
            br#"","SecretAccessKey":""#,
            secret.expose(),
            br#"","Token":""#,
            token.expose(),
            br#"","Expiration":""#,
            until.as_bytes(),
            br#""}"#,
        ];
        Ok(SecretBytes::new(parts.concat()))
    }

    /// What an access key id is at this time.
    #[must_use]
    pub fn find(&self, id: &str, now: Timestamp) -> AccessKey {
        let Some(end) = id.strip_prefix(ACCESS_KEY_PREFIX).and_then(end) else { return AccessKey::Foreign };
        if end <= now {
            return AccessKey::Expired;
        }
        AccessKey::Issued { secret: self.secret(id), token: self.token(id) }
    }

    fn secret(&self, id: &str) -> SecretBytes {
        let mut secret = self.derive(b"k8s-kms/v1/sidecar-secret", id);
        secret.truncate(SECRET_CHARACTERS);
        secret
    }

    fn token(&self, id: &str) -> SecretBytes {
        self.derive(b"k8s-kms/v1/sidecar-token", id)
    }

    fn derive(&self, label: &[u8], id: &str) -> SecretBytes {
        let derived = zeroize::Zeroizing::new(hmac_sha256(self.seed.expose(), &[label, &[0], id.as_bytes()]));
        SecretBytes::new(URL_SAFE_NO_PAD.encode(derived.as_slice()).into_bytes())
    }
}

/// The end that is written in the first eight of the sixteen characters after the prefix.
fn end(characters: &str) -> Option<Timestamp> {
    let value = |byte| match byte {
        b'A'..=b'Z' => Some(i64::from(byte - b'A')),
        b'2'..=b'7' => Some(i64::from(byte - b'2') + 26),
        _ => None,
    };
    let values: Vec<i64> = characters.bytes().map(value).collect::<Option<_>>()?;
    let seconds = values.get(..8).filter(|_| values.len() == 16)?.iter().fold(0, |sum, value| sum * 32 + value);
    Some(Timestamp::from_milliseconds(seconds * 1000))
}

fn is_seed(bytes: &[u8]) -> bool {
    bytes.len() == SEED_CHARACTERS && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

/// Writes a file whole or not at all: an SDK may read it at any time.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    opened.write_all(content)?;
    // Whatever the umask says: the containers of the pod have users of their own.
    opened.set_permissions(Permissions::from_mode(0o444))?;
    fs::rename(&fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::SeededRng;
    use crate::types::time::Span;

    fn issue(issuer: &Issuer, now: Timestamp) -> serde_json::Value {
        serde_json::from_slice(issuer.issue(now, &SeededRng::new(1)).unwrap().expose()).unwrap()
    }

    #[test]
    fn a_pair_is_known_until_its_end_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authorization");
        let now = Timestamp::from_milliseconds(1_795_350_896_789);
        let given = issue(&Issuer::open(&file, &SeededRng::new(7)).unwrap(), now);
        let id = given["AccessKeyId"].as_str().unwrap();
        assert!(id.starts_with("COFFER") && id.len() == 22, "{id}");
        assert_eq!(given["Expiration"], "2026-11-22T13:34:56Z");
        assert_eq!(given["SecretAccessKey"].as_str().unwrap().len(), 40);
        let issuer = Issuer::open(&file, &SeededRng::new(8)).unwrap();
        let AccessKey::Issued { secret, token } = issuer.find(id, now) else { panic!("not known") };
        assert_eq!(secret.expose(), given["SecretAccessKey"].as_str().unwrap().as_bytes());
        assert_eq!(token.expose(), given["Token"].as_str().unwrap().as_bytes());
        assert!(matches!(issuer.find(id, now.plus(Span::from_hours(1))), AccessKey::Expired));
        for foreign in ["AKIAIOSFODNN7EXAMPLE", "COFFER", "COFFERAAAA", &id.to_lowercase(), &format!("{id}A")] {
            assert!(matches!(issuer.find(foreign, now), AccessKey::Foreign), "{foreign}");
        }
    }

    #[test]
    fn the_token_file_is_made_once_and_for_every_reader() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authorization");
        for broken in [None, Some(""), Some("short\n")] {
            if let Some(broken) = broken {
                fs::remove_file(&file).unwrap();
                fs::write(&file, broken).unwrap();
            }
            let issuer = Issuer::open(&file, &SeededRng::new(7)).unwrap();
            let content = fs::read(&file).unwrap();
            assert!(is_seed(&content) && issuer.authorizes(&content));
            assert!(!issuer.authorizes(b"") && !issuer.authorizes(&content[1..]));
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o444);
        }
        assert!(Issuer::open(&folder.path().join("none/authorization"), &SeededRng::new(7)).is_err());
    }
}
