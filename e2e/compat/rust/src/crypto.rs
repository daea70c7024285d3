//! Symmetric cryptography.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, EncryptionAlgorithmSpec};

use crate::checks::{Context, Outcome, Sdk, check, equal, given, tenant};

pub async fn run(sdk: &Sdk) {
    check("Encrypt", "names the key and the algorithm", encrypt(sdk)).await;
    check("Decrypt", "with context and without naming the key", decrypt(sdk)).await;
    check("GenerateDataKey", "the blob opens to the plaintext", data_key(sdk)).await;
    check("GenerateDataKeyWithoutPlaintext", "the blob opens to as many bytes", data_key_without(sdk)).await;
    check("ReEncrypt", "to another key and another context", re_encrypt(sdk)).await;
    check("GenerateRandom", "as many bytes as asked for", random(sdk)).await;
}

async fn encrypt(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let call = sdk.client.encrypt().key_id(&key).plaintext(Blob::new("secret"));
    let answer = call.set_encryption_context(Some(tenant())).send().await?;
    equal(answer.key_id(), sdk.describe(&key).await?.arn())?;
    equal(answer.encryption_algorithm(), Some(&EncryptionAlgorithmSpec::SymmetricDefault))
}

async fn decrypt(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let blob = sdk.encrypt(&key, "secret", tenant()).await?;
    let call = sdk.client.decrypt().ciphertext_blob(blob);
    let answer = call.set_encryption_context(Some(tenant())).send().await?;
    equal(answer.plaintext().map(Blob::as_ref), Some(b"secret".as_slice()))?;
    equal(answer.key_id(), sdk.describe(&key).await?.arn())
}

async fn data_key(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let call = sdk.client.generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes256);
    let made = call.set_encryption_context(Some(tenant())).send().await?;
    let plaintext = given(made.plaintext)?.into_inner();
    equal(plaintext.len(), 32)?;
    equal(sdk.decrypt(given(made.ciphertext_blob)?, tenant()).await?, plaintext)
}

async fn data_key_without(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let call = sdk.client.generate_data_key_without_plaintext().key_id(&key).number_of_bytes(24);
    let blob = given(call.send().await?.ciphertext_blob)?;
    equal(sdk.decrypt(blob, Context::new()).await?.len(), 24)
}

async fn re_encrypt(sdk: &Sdk) -> Outcome {
    let (first, second) = (sdk.new_key().await?, sdk.new_key().await?);
    let other = Context::from([("a".to_owned(), "b".to_owned())]);
    let blob = sdk.encrypt(&first, "moved", tenant()).await?;
    let call = sdk.client.re_encrypt().ciphertext_blob(blob).set_source_encryption_context(Some(tenant()));
    let call = call.destination_key_id(&second).set_destination_encryption_context(Some(other.clone()));
    let moved = call.send().await?;
    equal(moved.source_key_id(), sdk.describe(&first).await?.arn())?;
    equal(moved.key_id(), sdk.describe(&second).await?.arn())?;
    equal(sdk.decrypt(given(moved.ciphertext_blob)?, other).await?, b"moved".to_vec())
}

async fn random(sdk: &Sdk) -> Outcome {
    let answer = sdk.client.generate_random().number_of_bytes(77).send().await?;
    equal(given(answer.plaintext)?.as_ref().len(), 77)
}
