//! Each refusal arrives as the variant that the SDK has for it.

use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::types::{AlgorithmSpec, Tag, WrappingKeySpec};

use crate::checks::{Context, Failure, Outcome, Sdk, check, refused, tenant};

const UNKNOWN: &str = "01234567-89ab-4def-8123-456789abcdef";

pub async fn run(sdk: &Sdk) {
    check("DescribeKey", "NotFoundException", not_found(sdk)).await;
    check("Encrypt", "DisabledException", disabled(sdk)).await;
    check("CancelKeyDeletion", "KMSInvalidStateException", invalid_state(sdk)).await;
    check("Decrypt", "InvalidCiphertextException", invalid_ciphertext(sdk)).await;
    check("Decrypt", "IncorrectKeyException", incorrect_key(sdk)).await;
    check("CreateAlias", "AlreadyExistsException", already_exists(sdk)).await;
    check("GenerateRandom", "ValidationException", validation(sdk)).await;
    check("TagResource", "TagException", tag(sdk)).await;
    check("ListKeys", "InvalidMarkerException", invalid_marker(sdk)).await;
    check("GetParametersForImport", "UnsupportedOperationException", unsupported(sdk)).await;
}

async fn not_found(sdk: &Sdk) -> Outcome {
    refused(sdk.client.describe_key().key_id(UNKNOWN).send().await, |error| error.is_not_found_exception())
}

async fn disabled(sdk: &Sdk) -> Outcome {
    let key = sdk.disabled_key().await?;
    let call = sdk.client.encrypt().key_id(key).plaintext(aws_sdk_kms::primitives::Blob::new("x"));
    refused(call.send().await, |error| error.is_disabled_exception())
}

async fn invalid_state(sdk: &Sdk) -> Outcome {
    let call = sdk.client.cancel_key_deletion().key_id(sdk.new_key().await?);
    refused(call.send().await, |error| error.is_kms_invalid_state_exception())
}

async fn invalid_ciphertext(sdk: &Sdk) -> Outcome {
    let blob = sdk.encrypt(&sdk.new_key().await?, "x", tenant()).await?;
    let call = sdk.client.decrypt().ciphertext_blob(blob).encryption_context("tenant", "red");
    refused(call.send().await, |error| error.is_invalid_ciphertext_exception())
}

async fn incorrect_key(sdk: &Sdk) -> Outcome {
    let blob = sdk.encrypt(&sdk.new_key().await?, "x", Context::new()).await?;
    let call = sdk.client.decrypt().ciphertext_blob(blob).key_id(sdk.new_key().await?);
    refused(call.send().await, |error| error.is_incorrect_key_exception())
}

async fn already_exists(sdk: &Sdk) -> Outcome {
    let key = sdk.new_key().await?;
    let alias = sdk.new_alias(&key).await?;
    let call = sdk.client.create_alias().alias_name(alias).target_key_id(key);
    refused(call.send().await, |error| error.is_already_exists_exception())
}

/// The model has no such exception, so that it arrives as the general one with the code.
async fn validation(sdk: &Sdk) -> Outcome {
    let call = sdk.client.generate_random().number_of_bytes(1025);
    refused(call.send().await, |error| error.code() == Some("ValidationException"))
}

async fn tag(sdk: &Sdk) -> Outcome {
    let tag = Tag::builder().tag_key("aws:team").tag_value("x").build();
    let tag = tag.map_err(|error| Failure(error.to_string()))?;
    let call = sdk.client.tag_resource().key_id(sdk.new_key().await?).tags(tag);
    refused(call.send().await, |error| error.is_tag_exception())
}

async fn invalid_marker(sdk: &Sdk) -> Outcome {
    let call = sdk.client.list_keys().marker("never given");
    refused(call.send().await, |error| error.is_invalid_marker_exception())
}

async fn unsupported(sdk: &Sdk) -> Outcome {
    let call = sdk.client.get_parameters_for_import().key_id(sdk.new_key().await?);
    let call = call.wrapping_key_spec(WrappingKeySpec::Rsa2048).wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256);
    refused(call.send().await, |error| error.is_unsupported_operation_exception())
}
