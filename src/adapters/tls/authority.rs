//! The certificate authority and what it issues.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::domain::authority::Authority;
use crate::domain::record::SCHEMA;
use crate::types::ids::InstallationId;
use crate::types::limits::{AUTHORITY_DAYS, LEAF_DAYS};
use crate::types::secret::SecretBytes;
use crate::types::time::{Span, Timestamp};

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made or signed.
    #[error("the certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The key cannot be used for TLS.
    #[error("the key of the certificate cannot be used")]
    Key(#[from] rustls::Error),
}

/// Clocks of pods differ a little.
const SKEW: Span = Span::from_minutes(5);

/// Makes the certificate authority of an installation.
///
/// # Errors
/// Where the platform's cryptography fails.
pub fn generate(installation: &InstallationId, now: Timestamp) -> Result<Authority, TlsError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = authority_params(installation);
    params.not_before = date(now, Span::from_milliseconds(-SKEW.milliseconds()));
    params.not_after = date(now, Span::from_days(AUTHORITY_DAYS));
    let certificate = params.self_signed(&key)?;
    let private_key = SecretBytes::new(key.serialize_der());
    Ok(Authority { schema: SCHEMA, certificate: certificate.der().to_vec(), private_key })
}

/// What a certificate inherits from its issuer: the name and how the key is identified.
fn authority_params(installation: &InstallationId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Coffer");
    params.distinguished_name.push(DnType::CommonName, format!("Coffer {installation}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// Issues a certificate for a server of these names, with a new key.
///
/// # Errors
/// Where a name is no name, or the platform's cryptography fails.
pub fn issue(
    authority: &Authority,
    installation: &InstallationId,
    names: &[String],
    now: Timestamp,
) -> Result<CertifiedKey, TlsError> {
    let key_der = PrivatePkcs8KeyDer::from(authority.private_key.expose());
    let authority_key = KeyPair::from_pkcs8_der_and_sign_algo(&key_der, &PKCS_ECDSA_P256_SHA256)?;
    let issuer = Issuer::new(authority_params(installation), authority_key);
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "coffer");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date(now, Span::from_milliseconds(-SKEW.milliseconds()));
    params.not_after = date(now, Span::from_days(LEAF_DAYS));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.signed_by(&key, &issuer)?;
    let chain = vec![certificate.der().clone(), CertificateDer::from(authority.certificate.clone())];
    let private_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Ok(CertifiedKey::from_der(chain, private_key, &provider)?)
}

/// The certificate as PEM (RFC 7468), for the ConfigMap that clients mount.
#[must_use]
pub fn to_pem(certificate: &[u8]) -> String {
    const COLUMNS: usize = 64;
    let encoded = STANDARD.encode(certificate);
    let lines: Vec<String> =
        encoded.as_bytes().chunks(COLUMNS).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn date(now: Timestamp, after: Span) -> time::OffsetDateTime {
    let milliseconds = u64::try_from(now.plus(after).milliseconds()).unwrap_or_default();
    date_time_ymd(1970, 1, 1) + Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{ServerName, UnixTime};

    const INSTALLATION: InstallationId = InstallationId::new([7; 16]);

    fn verdict(trusted: &Authority, leaf: &CertifiedKey, name: &str, at: Timestamp) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(trusted.certificate.clone())).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider().into();
        let verifier =
            rustls::client::WebPkiServerVerifier::builder_with_provider(std::sync::Arc::new(roots), provider)
                .build()
                .unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_millis(at.milliseconds().try_into().unwrap()));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&leaf.cert[0], &leaf.cert[1..], &name, &[], at).is_ok()
    }

    #[test]
    fn only_the_installations_own_servers_are_trusted_and_not_for_ever() {
        let now = Timestamp::from_milliseconds(1_800_000_000_000);
        let (authority, other) = (generate(&INSTALLATION, now).unwrap(), generate(&INSTALLATION, now).unwrap());
        let names = ["coffer.coffer-system.svc".to_owned(), "127.0.0.1".to_owned()];
        let leaf = issue(&authority, &INSTALLATION, &names, now).unwrap();
        for name in ["coffer.coffer-system.svc", "127.0.0.1"] {
            assert!(verdict(&authority, &leaf, name, now), "{name}");
        }
        assert!(!verdict(&authority, &leaf, "coffer.elsewhere.svc", now));
        assert!(!verdict(&other, &leaf, "coffer.coffer-system.svc", now));
        assert!(!verdict(&authority, &leaf, "coffer.coffer-system.svc", now.plus(Span::from_days(8))));
        assert!(to_pem(&authority.certificate).starts_with("-----BEGIN CERTIFICATE-----\nMII"));
    }
}
