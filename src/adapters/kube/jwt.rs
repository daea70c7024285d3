//! Tokens of ServiceAccounts, checked without asking anybody: signature, issuer, audience, times and claims.
//!
//! Only what Kubernetes itself signs with is known here: RS256, ES256, ES384 and ES512. There is no path to
//! any other algorithm, the algorithm belongs to the key, and a token that names another one is refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::types::limits::{JWKS_KEYS_MAX, TOKEN_MAX, TOKEN_SKEW_MAX};
use crate::types::time::Timestamp;

/// The keys that a cluster signs tokens with, and in whose name.
pub struct KeySet {
    issuer: String,
    keys: Vec<VerifyingKey>,
}

struct VerifyingKey {
    id: String,
    algorithm: &'static str,
    key: ParsedPublicKey,
}

/// What a token says, once its signature is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The username: `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
    /// The namespace of the ServiceAccount.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The uid of the pod that the token is bound to.
    pub pod_uid: Option<String>,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not valid, for this reason.
    Invalid(&'static str),
    /// It names a key that is not among those known, which may be a new one. Everything but the signature
    /// was right.
    UnknownKey,
}

impl KeySet {
    /// Reads a JSON Web Key Set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)). Keys that cannot be
    /// used here are left out: they sign nothing that is accepted.
    ///
    /// # Errors
    /// Where it is no key set.
    pub fn read(issuer: String, json: &str) -> Result<Self, serde_json::Error> {
        let set: JsonSet = serde_json::from_str(json)?;
        let keys = set.keys.into_iter().take(JWKS_KEYS_MAX);
        let keys = keys.filter_map(|key| verifying_key(&serde_json::from_value(key).ok()?)).collect();
        Ok(Self { issuer, keys })
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a token. What is cheap comes first; nothing is believed before the signature is verified.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn verify(&self, token: &[u8], audience: &str, now: Timestamp) -> Result<Claims, Rejection> {
        let [header, payload, signature] = parts(token)?;
        let head: JsonHeader = decode_json(header)?;
        if !ALGORITHMS.contains(&head.alg.as_str()) || head.crit.is_some() {
            return Err(Rejection::Invalid("it is signed in a way that is not accepted"));
        }
        let body: JsonClaims = decode_json(payload)?;
        check_issue(&body, &self.issuer, audience)?;
        check_times(&body, now)?;
        let claims = claims(body)?;
        let known = self.keys.iter().find(|key| key.id == head.kid).ok_or(Rejection::UnknownKey)?;
        let signed = token.get(..header.len() + 1 + payload.len()).ok_or(MALFORMED)?;
        let signature = decode(signature)?;
        if known.algorithm != head.alg || known.key.verify_sig(signed, &signature).is_err() {
            return Err(Rejection::Invalid("its signature is not one of this cluster"));
        }
        Ok(claims)
    }
}

const RS256: &str = "RS256";
const ES256: &str = "ES256";
const ES384: &str = "ES384";
const ES512: &str = "ES512";
/// Whatever else a token names (`none`, HMAC) is refused before anything is looked up.
const ALGORITHMS: [&str; 4] = [RS256, ES256, ES384, ES512];

const MALFORMED: Rejection = Rejection::Invalid("it is no token of a service account");

#[derive(Deserialize)]
struct JsonSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct JsonKey {
    kid: String,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct JsonHeader {
    alg: String,
    kid: String,
    /// Extensions that a reader must understand; none is understood.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct JsonClaims {
    iss: String,
    sub: String,
    aud: Audiences,
    exp: i64,
    nbf: Option<i64>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: JsonKubernetes,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct JsonKubernetes {
    namespace: String,
    serviceaccount: JsonReference,
    pod: Option<JsonReference>,
}

#[derive(Deserialize)]
struct JsonReference {
    name: String,
    uid: String,
}

fn parts(token: &[u8]) -> Result<[&[u8]; 3], Rejection> {
    if token.len() > TOKEN_MAX {
        return Err(Rejection::Invalid("it is too long"));
    }
    let mut parts = token.split(|byte| *byte == b'.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok([header, payload, signature]),
        _ => Err(MALFORMED),
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED)
}

fn decode_json<T: DeserializeOwned>(part: &[u8]) -> Result<T, Rejection> {
    serde_json::from_slice(&decode(part)?).map_err(|_| MALFORMED)
}

fn check_issue(claims: &JsonClaims, issuer: &str, audience: &str) -> Result<(), Rejection> {
    if claims.iss != issuer {
        return Err(Rejection::Invalid("it was issued by another cluster"));
    }
    let ours = match &claims.aud {
        Audiences::One(one) => one == audience,
        Audiences::Several(several) => several.iter().any(|one| one == audience),
    };
    ours.then_some(()).ok_or(Rejection::Invalid("it is for another audience"))
}

fn check_times(claims: &JsonClaims, now: Timestamp) -> Result<(), Rejection> {
    let at = |seconds: i64| Timestamp::from_milliseconds(seconds.saturating_mul(1000));
    if now.since(at(claims.exp)) >= TOKEN_SKEW_MAX {
        return Err(Rejection::Invalid("it has expired"));
    }
    if claims.nbf.is_some_and(|not_before| at(not_before).since(now) > TOKEN_SKEW_MAX) {
        return Err(Rejection::Invalid("it is not valid yet"));
    }
    Ok(())
}

fn claims(body: JsonClaims) -> Result<Claims, Rejection> {
    let JsonKubernetes { namespace, serviceaccount, pod } = body.kubernetes;
    let JsonReference { name, uid } = serviceaccount;
    if namespace.is_empty() || name.is_empty() || body.sub != format!("system:serviceaccount:{namespace}:{name}") {
        return Err(MALFORMED);
    }
    Ok(Claims { subject: body.sub, namespace, name, uid, pod_uid: pod.map(|pod| pod.uid) })
}

fn verifying_key(key: &JsonKey) -> Option<VerifyingKey> {
    let (algorithm, parsed) = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", _) => (RS256, rsa_key(key.n.as_deref()?, key.e.as_deref()?)?),
        ("EC", Some("P-256")) => (ES256, ec_key(&ECDSA_P256_SHA256_FIXED, key, 32)?),
        ("EC", Some("P-384")) => (ES384, ec_key(&ECDSA_P384_SHA384_FIXED, key, 48)?),
        ("EC", Some("P-521")) => (ES512, ec_key(&ECDSA_P521_SHA512_FIXED, key, 66)?),
        _ => return None,
    };
    let meant = key.alg.as_deref().is_none_or(|named| named == algorithm)
        && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    meant.then(|| VerifyingKey { id: key.kid.clone(), algorithm, key: parsed })
}

fn rsa_key(modulus: &str, exponent: &str) -> Option<ParsedPublicKey> {
    let n = URL_SAFE_NO_PAD.decode(modulus).ok()?;
    let e = URL_SAFE_NO_PAD.decode(exponent).ok()?;
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
}

/// A point in the uncompressed form of SEC 1 §2.3.3.
fn ec_key(algorithm: &'static dyn VerificationAlgorithm, key: &JsonKey, length: usize) -> Option<ParsedPublicKey> {
    let mut point = vec![0x04];
    for coordinate in [key.x.as_deref()?, key.y.as_deref()?] {
        let bytes = URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|bytes| bytes.len() == length)?;
        point.extend(bytes);
    }
    ParsedPublicKey::new(algorithm, point).ok()
}

#[cfg(test)]
mod tests;
