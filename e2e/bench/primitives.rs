//! The same primitives with no service around them: as aws-lc-rs does them with keys that were parsed before,
//! and as Coffer's cryptography asks aws-lc-rs for them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey};
use aws_lc_rs::kem::{self, DecapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, PqdsaKeyPair, RsaKeyPair};
use aws_lc_rs::{error::Unspecified, hmac};
use coffer::crypto::key::{self, PrivateKey};
use coffer::types::algorithm::{EncryptionAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm};
use coffer::types::key::KeySpec;

use crate::cases::{MESSAGE, Operation, PAIR, PLAINTEXT};

/// How often each primitive has its turn.
const TURNS: u32 = 8;

/// Does a primitive once.
pub type Step = Box<dyn FnMut() -> anyhow::Result<()>>;

/// How often each is done in a second of processor time, which other programs disturb less than time. They take
/// turns, so that whatever else goes on in the machine falls on all of them.
pub fn rates<const N: usize>(mut steps: [Step; N], time: Duration) -> anyhow::Result<[f64; N]> {
    let (mut done, mut spent) = ([0_u32; N], [Duration::ZERO; N]);
    for step in &mut steps {
        run_for(step, time / (2 * TURNS))?;
    }
    for _ in 0..TURNS {
        for ((step, done), spent) in steps.iter_mut().zip(&mut done).zip(&mut spent) {
            let before = processor_time()?;
            *done += run_for(step, time / TURNS)?;
            *spent += processor_time()?.saturating_sub(before);
        }
    }
    let mut rates = done.map(f64::from);
    rates.iter_mut().zip(spent).for_each(|(rate, spent)| *rate /= spent.as_secs_f64());
    Ok(rates)
}

fn run_for(step: &mut Step, time: Duration) -> anyhow::Result<u32> {
    let (begun, mut done) = (Instant::now(), 0);
    while begun.elapsed() < time {
        // Some at a time, since reading the clock takes as long as the fastest of them.
        for _ in 0..4 {
            step()?;
        }
        done += 4;
    }
    Ok(done)
}

/// Of this thread.
fn processor_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").context("the kernel does not tell the time")?;
    let spent = stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    spent.map(Duration::from_nanos).context("the kernel tells the time in words that are not understood")
}

/// A key that both do it with.
pub struct Key {
    spec: KeySpec,
    private: Arc<PrivateKey>,
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
}

impl Key {
    /// Makes one; symmetric keys are used elsewhere.
    pub fn make(spec: KeySpec) -> anyhow::Result<Option<Self>> {
        if spec == KeySpec::SymmetricDefault {
            return Ok(None);
        }
        let private = Arc::new(PrivateKey::open(spec, &key::generate(spec)?)?);
        if !spec.is_pair() {
            return Ok(Some(Self { spec, private, pkcs8: Vec::new(), spki: Vec::new() }));
        }
        let (pkcs8, spki) = (private.private_key_der()?.expose().to_vec(), private.public_key()?);
        Ok(Some(Self { spec, private, pkcs8, spki }))
    }

    /// The primitive as Coffer's cryptography does it, without the engine.
    pub fn coffer(&self, operation: Operation) -> anyhow::Result<Step> {
        let (spec, private, spki) = (self.spec, Arc::clone(&self.private), self.spki.clone());
        Ok(match operation {
            Operation::Sign(algorithm) => step(move || private.sign(algorithm, MessageType::Raw, MESSAGE)),
            Operation::Verify(algorithm) => {
                let signature = private.sign(algorithm, MessageType::Raw, MESSAGE)?;
                step(move || key::verify(spec, &spki, algorithm, MessageType::Raw, MESSAGE, &signature))
            }
            Operation::EncryptWith(algorithm) => step(move || key::encrypt(spec, &spki, algorithm, PLAINTEXT)),
            Operation::DecryptWith(algorithm) => {
                let ciphertext = key::encrypt(spec, &spki, algorithm, PLAINTEXT)?;
                step(move || private.decrypt(algorithm, &ciphertext))
            }
            Operation::DeriveSharedSecret => step(move || private.derive_shared_secret(&spki)),
            Operation::GenerateMac(algorithm) => step(move || private.generate_mac(algorithm, MESSAGE)),
            Operation::VerifyMac(algorithm) => {
                let mac = private.generate_mac(algorithm, MESSAGE)?;
                step(move || private.verify_mac(algorithm, MESSAGE, &mac))
            }
            Operation::Encapsulate => step(move || key::encapsulate(spec, &spki)),
            Operation::Decapsulate => {
                let ciphertext = key::encapsulate(spec, &spki)?.ciphertext;
                step(move || private.decapsulate(&ciphertext))
            }
            _ => anyhow::bail!("{spec} has no primitive of this operation"),
        })
    }

    /// The primitive as aws-lc-rs does it.
    pub fn raw(&self, operation: Operation) -> anyhow::Result<Step> {
        Ok(match operation {
            Operation::Sign(algorithm) => self.raw_sign(algorithm)?,
            Operation::Verify(algorithm) => {
                let signature = self.private.sign(algorithm, MessageType::Raw, MESSAGE)?;
                let key = good(ParsedPublicKey::new(verifying(self.spec, algorithm)?, &self.spki))?;
                step(move || key.verify_sig(MESSAGE, &signature))
            }
            Operation::EncryptWith(_) => {
                let (key, mut ciphertext) = (good(self.raw_oaep())?, vec![0; 512]);
                step(move || {
                    key.encrypt(&OAEP_SHA256_MGF1SHA256, PLAINTEXT, &mut ciphertext, None).map(|output| output.len())
                })
            }
            Operation::DecryptWith(algorithm) => self.raw_decrypt(algorithm)?,
            Operation::DeriveSharedSecret => raw_agreement(self.spec)?,
            Operation::GenerateMac(algorithm) => {
                let key = good(hmac::Key::generate(hash(algorithm), &SystemRandom::new()))?;
                step(move || Ok::<_, Unspecified>(hmac::sign(&key, MESSAGE)))
            }
            Operation::VerifyMac(algorithm) => {
                let key = good(hmac::Key::generate(hash(algorithm), &SystemRandom::new()))?;
                let mac = hmac::sign(&key, MESSAGE);
                step(move || hmac::verify(&key, MESSAGE, mac.as_ref()))
            }
            Operation::Encapsulate => {
                let key = good(good(DecapsulationKey::generate(module_lattice(self.spec)?))?.encapsulation_key())?;
                step(move || key.encapsulate())
            }
            Operation::Decapsulate => good(raw_decapsulation(module_lattice(self.spec)?))?,
            _ => raw_symmetric(operation)?,
        })
    }

    fn raw_sign(&self, algorithm: SigningAlgorithm) -> anyhow::Result<Step> {
        use SigningAlgorithm as A;
        let random = SystemRandom::new();
        let padding: &'static dyn signature::RsaEncoding = match algorithm {
            A::RsassaPssSha256 => &signature::RSA_PSS_SHA256,
            A::RsassaPkcs1V15Sha256 => &signature::RSA_PKCS1_SHA256,
            A::Ed25519Sha512 => {
                let key = good(Ed25519KeyPair::from_pkcs8(&self.pkcs8))?;
                return Ok(step(move || key.try_sign(MESSAGE)));
            }
            A::MlDsaShake256 => {
                let key = good(PqdsaKeyPair::from_pkcs8(lattice(self.spec)?, &self.pkcs8))?;
                let mut signature = vec![0; key.algorithm().signature_len()];
                return Ok(step(move || key.sign(MESSAGE, &mut signature)));
            }
            _ => {
                let key = good(EcdsaKeyPair::from_pkcs8(curve(self.spec)?, &self.pkcs8))?;
                return Ok(step(move || key.sign(&random, MESSAGE)));
            }
        };
        let key = good(RsaKeyPair::from_pkcs8(&self.pkcs8))?;
        let mut signature = vec![0; key.public_modulus_len()];
        Ok(step(move || key.sign(padding, &random, MESSAGE, &mut signature)))
    }

    fn raw_oaep(&self) -> Result<OaepPublicEncryptingKey, Unspecified> {
        OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&self.spki).map_err(|_| Unspecified)?)
    }

    fn raw_decrypt(&self, algorithm: EncryptionAlgorithm) -> anyhow::Result<Step> {
        let ciphertext = key::encrypt(self.spec, &self.spki, algorithm, PLAINTEXT)?;
        let key = good(OaepPrivateDecryptingKey::new(good(PrivateDecryptingKey::from_pkcs8(&self.pkcs8))?))?;
        let mut plaintext = vec![0; key.min_output_size()];
        Ok(step(move || {
            key.decrypt(&OAEP_SHA256_MGF1SHA256, &ciphertext, &mut plaintext, None).map(|output| output.len())
        }))
    }
}

/// What has to be there of a step's result is looked at, so that the compiler leaves nothing out.
fn step<T, E>(mut work: impl FnMut() -> Result<T, E> + 'static) -> Step {
    Box::new(move || good(work()).map(|made| drop(black_box(made))))
}

/// The library's errors say nothing.
fn good<T, E>(result: Result<T, E>) -> anyhow::Result<T> {
    result.ok().context("a primitive failed")
}

/// The peer's key comes with each request, and so it is parsed each time.
fn raw_agreement(spec: KeySpec) -> anyhow::Result<Step> {
    let algorithm = match spec {
        KeySpec::EccNistP256 => &ECDH_P256,
        KeySpec::EccNistP384 => &ECDH_P384,
        KeySpec::EccNistP521 => &ECDH_P521,
        _ => anyhow::bail!("{spec} agrees on nothing"),
    };
    let key = good(agreement::PrivateKey::generate(algorithm))?;
    let peer = UnparsedPublicKey::new(algorithm, good(key.compute_public_key())?.as_ref().to_vec());
    Ok(step(move || agreement::agree(&key, &peer, Unspecified, |secret| Ok(secret.len()))))
}

fn raw_decapsulation(algorithm: &'static kem::Algorithm) -> Result<Step, Unspecified> {
    let key = DecapsulationKey::generate(algorithm)?;
    let (ciphertext, _) = key.encapsulation_key()?.encapsulate()?;
    let ciphertext = ciphertext.as_ref().to_vec();
    Ok(step(move || key.decapsulate(ciphertext.as_slice().into())))
}

/// AES-256-GCM with random nonces, which is the plainest way to encrypt with the library. Coffer's way derives a
/// key for each message.
pub fn raw_symmetric(operation: Operation) -> anyhow::Result<Step> {
    let key = good(RandomizedNonceKey::new(&AES_256_GCM, &[7; 32]))?;
    let random = SystemRandom::new();
    let (nonce, sealed) = good(seal(&key, PLAINTEXT))?;
    let opened = move |key: &RandomizedNonceKey| {
        let (nonce, mut opened) = (Nonce::from(&nonce), sealed.clone());
        let length = key.open_in_place(nonce, Aad::empty(), &mut opened)?.len();
        opened.truncate(length);
        Ok::<_, Unspecified>(opened)
    };
    Ok(match operation {
        Operation::Encrypt => step(move || seal(&key, PLAINTEXT)),
        Operation::Decrypt => step(move || opened(&key)),
        Operation::ReEncrypt => step(move || seal(&key, &opened(&key)?)),
        Operation::GenerateDataKey => step(move || {
            let mut plaintext = [0; 32];
            random.fill(&mut plaintext)?;
            seal(&key, &plaintext)
        }),
        Operation::GenerateDataKeyPair => {
            let algorithm = curve(PAIR)?;
            step(move || seal(&key, EcdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref()))
        }
        _ => anyhow::bail!("a symmetric key has no primitive of this operation"),
    })
}

fn seal(key: &RandomizedNonceKey, plaintext: &[u8]) -> Result<([u8; 12], Vec<u8>), Unspecified> {
    let mut sealed = plaintext.to_vec();
    key.seal_in_place_append_tag(Aad::empty(), &mut sealed).map(|nonce| (*nonce.as_ref(), sealed))
}

fn hash(algorithm: MacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        MacAlgorithm::HmacSha224 => hmac::HMAC_SHA224,
        MacAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
        MacAlgorithm::HmacSha384 => hmac::HMAC_SHA384,
        MacAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
    }
}

fn module_lattice(spec: KeySpec) -> anyhow::Result<&'static kem::Algorithm> {
    Ok(match spec {
        KeySpec::MlKem512 => &ML_KEM_512,
        KeySpec::MlKem768 => &ML_KEM_768,
        KeySpec::MlKem1024 => &ML_KEM_1024,
        _ => anyhow::bail!("{spec} encapsulates nothing"),
    })
}

fn curve(spec: KeySpec) -> anyhow::Result<&'static signature::EcdsaSigningAlgorithm> {
    Ok(match spec {
        KeySpec::EccNistP256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        KeySpec::EccNistP384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        KeySpec::EccNistP521 => &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        KeySpec::EccSecgP256k1 => &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
        _ => anyhow::bail!("{spec} is no curve"),
    })
}

fn lattice(spec: KeySpec) -> anyhow::Result<&'static signature::PqdsaSigningAlgorithm> {
    Ok(match spec {
        KeySpec::MlDsa44 => &signature::ML_DSA_44_SIGNING,
        KeySpec::MlDsa65 => &signature::ML_DSA_65_SIGNING,
        KeySpec::MlDsa87 => &signature::ML_DSA_87_SIGNING,
        _ => anyhow::bail!("{spec} is no lattice that signs"),
    })
}

fn verifying(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
) -> anyhow::Result<&'static dyn signature::VerificationAlgorithm> {
    Ok(match (spec, algorithm) {
        (_, SigningAlgorithm::RsassaPssSha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (_, SigningAlgorithm::RsassaPkcs1V15Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeySpec::EccNistP256, _) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeySpec::EccNistP384, _) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeySpec::EccNistP521, _) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeySpec::EccSecgP256k1, _) => &signature::ECDSA_P256K1_SHA256_ASN1,
        (KeySpec::EccNistEdwards25519, _) => &signature::ED25519,
        (KeySpec::MlDsa44, _) => &signature::ML_DSA_44,
        (KeySpec::MlDsa65, _) => &signature::ML_DSA_65,
        (KeySpec::MlDsa87, _) => &signature::ML_DSA_87,
        _ => anyhow::bail!("{spec} signs nothing"),
    })
}
