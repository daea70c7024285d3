//! Asymmetric keys and MACs. What others make of the signatures, the checks of the other languages tell.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeyPairSpec, EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec,
    KeyLastUsageTrackingOperation, KeySpec, KeyUsageType, MacAlgorithmSpec, SigningAlgorithmSpec,
};

use crate::checks::{Context, Outcome, Sdk, check, equal, given, recent, refused, tenant};

const MESSAGE: &[u8] = b"attack at dawn";
const OAEP: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::RsaesOaepSha256;

pub async fn run(sdk: &Sdk) {
    let kinds = [
        ("RSA PSS", KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPssSha256),
        ("ECDSA on P-256", KeySpec::EccNistP256, SigningAlgorithmSpec::EcdsaSha256),
        ("Ed25519", KeySpec::EccNistEdwards25519, SigningAlgorithmSpec::Ed25519Sha512),
        ("ML-DSA", KeySpec::MlDsa65, SigningAlgorithmSpec::MlDsaShake256),
    ];
    for (name, spec, algorithm) in kinds {
        check("Sign", &format!("{name}, and Verify finds it valid"), sign_and_verify(sdk, spec, algorithm)).await;
    }
    check("GetPublicKey", "names what the key can do", public_key(sdk)).await;
    check("GenerateMac", "the MAC verifies", generate_mac(sdk)).await;
    check("VerifyMac", "KMSInvalidMacException", wrong_mac(sdk)).await;
    check("Verify", "KMSInvalidSignatureException", wrong_signature(sdk)).await;
    check("Encrypt", "InvalidKeyUsageException", invalid_usage(sdk)).await;
}

pub async fn run_agreement(sdk: &Sdk) {
    check("Encrypt", "RSA-OAEP", oaep(sdk)).await;
    check("GenerateDataKeyPair", "the private key is sealed", data_key_pair(sdk)).await;
    check("GenerateDataKeyPairWithoutPlaintext", "the private key opens", data_key_pair_without(sdk)).await;
    check("DeriveSharedSecret", "both sides get the same", shared_secret(sdk)).await;
    check("Encapsulate", "ML-KEM, and Decapsulate gives the same secret", encapsulate(sdk)).await;
    check("GetKeyLastUsage", "tells the last operation", last_usage(sdk)).await;
}

async fn sign(sdk: &Sdk, key: &str, algorithm: SigningAlgorithmSpec) -> Outcome<Blob> {
    let call = sdk.client.sign().key_id(key).message(Blob::new(MESSAGE)).signing_algorithm(algorithm);
    given(call.send().await?.signature)
}

async fn sign_and_verify(sdk: &Sdk, spec: KeySpec, algorithm: SigningAlgorithmSpec) -> Outcome {
    let key = sdk.key_of(spec, KeyUsageType::SignVerify).await?;
    let signature = sign(sdk, &key, algorithm.clone()).await?;
    let call = sdk.client.verify().key_id(&key).message(Blob::new(MESSAGE)).signature(signature);
    equal(call.signing_algorithm(algorithm).send().await?.signature_valid, true)
}

async fn wrong_signature(sdk: &Sdk) -> Outcome {
    let key = sdk.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await?;
    let signature = sign(sdk, &key, SigningAlgorithmSpec::EcdsaSha256).await?;
    let call = sdk.client.verify().key_id(&key).message(Blob::new("another")).signature(signature);
    let answer = call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await;
    refused(answer, |error| error.is_kms_invalid_signature_exception())
}

async fn public_key(sdk: &Sdk) -> Outcome {
    let key = sdk.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await?;
    let answer = sdk.client.get_public_key().key_id(key).send().await?;
    equal(answer.signing_algorithms(), &[SigningAlgorithmSpec::EcdsaSha256])?;
    equal(answer.key_spec(), Some(&KeySpec::EccNistP256))
}

async fn mac(sdk: &Sdk) -> Outcome<(String, Vec<u8>)> {
    let key = sdk.key_of(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac).await?;
    let call = sdk.client.generate_mac().key_id(&key).message(Blob::new(MESSAGE));
    let answer = call.mac_algorithm(MacAlgorithmSpec::HmacSha256).send().await?;
    Ok((key, given(answer.mac)?.into_inner()))
}

async fn generate_mac(sdk: &Sdk) -> Outcome {
    let (key, mac) = mac(sdk).await?;
    let call = sdk.client.verify_mac().key_id(key).message(Blob::new(MESSAGE)).mac(Blob::new(mac));
    equal(call.mac_algorithm(MacAlgorithmSpec::HmacSha256).send().await?.mac_valid, true)
}

async fn wrong_mac(sdk: &Sdk) -> Outcome {
    let (key, mut mac) = mac(sdk).await?;
    mac.reverse();
    let call = sdk.client.verify_mac().key_id(key).message(Blob::new(MESSAGE)).mac(Blob::new(mac));
    let answer = call.mac_algorithm(MacAlgorithmSpec::HmacSha256).send().await;
    refused(answer, |error| error.is_kms_invalid_mac_exception())
}

async fn invalid_usage(sdk: &Sdk) -> Outcome {
    let key = sdk.key_of(KeySpec::Rsa2048, KeyUsageType::SignVerify).await?;
    let call = sdk.client.encrypt().key_id(key).plaintext(Blob::new(MESSAGE)).encryption_algorithm(OAEP);
    refused(call.send().await, |error| error.is_invalid_key_usage_exception())
}

async fn oaep(sdk: &Sdk) -> Outcome {
    let key = sdk.key_of(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt).await?;
    let call = sdk.client.encrypt().key_id(&key).plaintext(Blob::new(MESSAGE)).encryption_algorithm(OAEP);
    let blob = given(call.send().await?.ciphertext_blob)?;
    let call = sdk.client.decrypt().key_id(&key).ciphertext_blob(blob).encryption_algorithm(OAEP);
    equal(given(call.send().await?.plaintext)?.as_ref(), MESSAGE)
}

async fn data_key_pair(sdk: &Sdk) -> Outcome {
    let call = sdk.client.generate_data_key_pair().key_id(sdk.new_key().await?);
    let call = call.key_pair_spec(DataKeyPairSpec::EccNistP256).set_encryption_context(Some(tenant()));
    let made = call.send().await?;
    let opened = sdk.decrypt(given(made.private_key_ciphertext_blob)?, tenant()).await?;
    equal(opened, given(made.private_key_plaintext)?.into_inner())
}

async fn data_key_pair_without(sdk: &Sdk) -> Outcome {
    let call = sdk.client.generate_data_key_pair_without_plaintext().key_id(sdk.new_key().await?);
    let made = call.key_pair_spec(DataKeyPairSpec::EccNistEdwards25519).send().await?;
    let opened = sdk.decrypt(given(made.private_key_ciphertext_blob)?, Context::new()).await?;
    equal(opened.is_empty(), false)
}

async fn shared_secret(sdk: &Sdk) -> Outcome {
    let first = sdk.key_of(KeySpec::EccNistP256, KeyUsageType::KeyAgreement).await?;
    let second = sdk.key_of(KeySpec::EccNistP256, KeyUsageType::KeyAgreement).await?;
    equal(derived(sdk, &first, &second).await?, derived(sdk, &second, &first).await?)
}

async fn derived(sdk: &Sdk, own: &str, other: &str) -> Outcome<Option<Blob>> {
    let theirs = given(sdk.client.get_public_key().key_id(other).send().await?.public_key)?;
    let call = sdk.client.derive_shared_secret().key_id(own).public_key(theirs);
    Ok(call.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh).send().await?.shared_secret)
}

async fn encapsulate(sdk: &Sdk) -> Outcome {
    let key = sdk.key_of(KeySpec::MlKem768, KeyUsageType::EncapsulateDecapsulate).await?;
    let call = sdk.client.encapsulate().key_id(&key);
    let made = call.encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem).send().await?;
    let blob = given(made.shared_secret_ciphertext_blob)?;
    let call = sdk.client.decapsulate().key_id(&key).shared_secret_ciphertext_blob(blob);
    let opened = call.encapsulation_algorithm(EncapsulationAlgorithmSpec::MlKem).send().await?;
    equal(opened.shared_secret, made.shared_secret)
}

async fn last_usage(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    sdk.encrypt(&key, "x", Context::new()).await?;
    let answer = sdk.client.get_key_last_usage().key_id(&key).send().await?;
    let used = given(answer.key_last_usage())?;
    recent(used.timestamp())?;
    equal(used.operation(), Some(&KeyLastUsageTrackingOperation::Encrypt))
}
