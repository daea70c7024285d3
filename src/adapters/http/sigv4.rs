//! Verifies AWS signatures, version 4
//! ([AWS: signing](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)).
//!
//! Requests of this API are always `POST /` without a query, which keeps the canonical form short.

use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::crypto::digest::sha256;
use crate::crypto::mac::{equal, hmac_sha256};
use crate::types::limits::SIGNATURE_SKEW_MAX;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parts of an `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The access key id.
    pub access_key: &'a str,
    /// The day, `YYYYMMDD`.
    pub date: &'a str,
    /// The Region.
    pub region: &'a str,
    /// The service, `kms`.
    pub service: &'a str,
    /// Names of the signed headers, joined by semicolons.
    pub signed_headers: &'a str,
    /// The signature in hex.
    pub signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header; nothing, where there is none.
    ///
    /// # Errors
    /// `IncompleteSignatureException` for a header that is not of this form.
    pub fn read(headers: &'a HeaderMap) -> Result<Option<Self>, AwsError> {
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
        let parsed = header.to_str().ok().and_then(Self::parse);
        parsed.map(Some).ok_or_else(|| AwsError::new(ErrorCode::IncompleteSignature, INCOMPLETE))
    }

    fn parse(header: &'a str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in header.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        let scope: Vec<&str> = credential?.split('/').collect();
        let &[access_key, date, region, service, "aws4_request"] = scope.as_slice() else { return None };
        Some(Self { access_key, date, region, service, signed_headers: signed_headers?, signature: signature? })
    }

    /// Checks the signature of a request.
    ///
    /// # Errors
    /// `InvalidSignatureException` for a wrong, old or early signature, or one that leaves out a header that
    /// must be signed.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secret: &SecretBytes,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let time = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.check_time(time, now)?;
        if self.service != "kms" {
            return Err(invalid("Credential should be scoped to correct service: 'kms'. "));
        }
        let canonical = self.canonical_request(headers, body).ok_or_else(|| invalid(MISMATCH))?;
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&sha256(&[canonical.as_bytes()])));
        let signature = hex(&hmac_sha256(&self.signing_key(secret), &[to_sign.as_bytes()]));
        equal(signature.as_bytes(), self.signature.as_bytes()).then_some(()).ok_or_else(|| invalid(MISMATCH))
    }

    fn signing_key(&self, secret: &SecretBytes) -> [u8; 32] {
        let first = zeroize::Zeroizing::new([b"AWS4", secret.expose()].concat());
        let date = hmac_sha256(&first, &[self.date.as_bytes()]);
        let region = hmac_sha256(&date, &[self.region.as_bytes()]);
        let service = hmac_sha256(&region, &[self.service.as_bytes()]);
        hmac_sha256(&service, &[b"aws4_request"])
    }

    fn check_time(&self, time: &str, now: Timestamp) -> Result<(), AwsError> {
        let signed_at = parse_time(time).filter(|_| time.starts_with(self.date)).ok_or_else(|| invalid(BAD_DATE))?;
        let print = |time: Timestamp| time.to_rfc3339().replace(['-', ':'], "");
        let skew = SIGNATURE_SKEW_MAX;
        let (earliest, latest) =
            (Timestamp::from_milliseconds(now.milliseconds() - skew.milliseconds()), now.plus(skew));
        if signed_at < earliest {
            let message =
                format!("Signature expired: {time} is now earlier than {} ({} - 5 min.)", print(earliest), print(now));
            return Err(invalid(&message));
        }
        if signed_at > latest {
            let message = format!(
                "Signature not yet current: {time} is still later than {} ({} + 5 min.)",
                print(latest),
                print(now)
            );
            return Err(invalid(&message));
        }
        Ok(())
    }

    /// Every header that says what is asked of whom must be signed.
    fn canonical_request(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let signed: Vec<&str> = self.signed_headers.split(';').collect();
        let must = |name: &&str| *name == "host" || name.starts_with("x-amz-");
        let names: Vec<&str> = headers.keys().map(hyper::header::HeaderName::as_str).collect();
        if !signed.contains(&"host") || !names.iter().filter(|name| must(name)).all(|name| signed.contains(name)) {
            return None;
        }
        let mut canonical = "POST\n/\n\n".to_owned();
        for name in &signed {
            let values = headers.get_all(*name).iter().map(|value| value.to_str().ok().map(collapse));
            let values: Option<Vec<String>> = values.collect();
            let values = values.filter(|values| !values.is_empty())?;
            canonical.extend([name, ":", &values.join(","), "\n"]);
        }
        canonical.extend(["\n", self.signed_headers, "\n", &hex(&sha256(&[body]))]);
        Some(canonical)
    }
}

const INCOMPLETE: &str = "Authorization header requires 'Credential' parameter. Authorization header requires \
     'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
     AWS Secret Access Key and signing method. Consult the service documentation for details.";
const BAD_DATE: &str = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP";

fn invalid(message: &str) -> AwsError {
    AwsError::new(ErrorCode::InvalidSignature, message)
}

/// Outer white space goes, inner white space becomes one space.
fn collapse(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads `YYYYMMDDTHHMMSSZ`.
fn parse_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_milliseconds(time.timestamp().as_millisecond()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_strictly() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/kms/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=abc";
        let read = Authorization::parse(header).unwrap();
        assert_eq!((read.access_key, read.region, read.signed_headers), ("AKID", "eu-west-1", "host;x-amz-date"));
        for wrong in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b", "AWS4-HMAC-SHA256 nonsense"] {
            assert_eq!(Authorization::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn signature_times_are_read() {
        assert_eq!(parse_time("20261122T123456Z"), Some(Timestamp::from_milliseconds(1_795_350_896_000)));
        assert_eq!(parse_time("2026-11-22T12:34:56Z"), None);
    }
}
