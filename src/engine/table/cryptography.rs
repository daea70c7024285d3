//! Rows of symmetric cryptography and of what Encrypt, Decrypt and ReEncrypt do with every key.

use super::{ALGORITHM, CONTEXT, KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::{crypto, data_key};
use crate::domain::quota::QuotaClass;
use crate::engine::ops;
use crate::types::key::KeyUsage;
use crate::types::limits::BODY_WITH_RECIPIENT_MAX;

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: crypto::DECRYPT,
        keys: &[KeyArgument {
            blob: Some("CiphertextBlob"),
            algorithm: Some("EncryptionAlgorithm"),
            context: Some("EncryptionContext"),
            ..argument("KeyId", "decrypt", "kms:Decrypt")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("Decrypt"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[KEY, CONTEXT, ALGORITHM],
        syntax: Some(crypto::check_ciphertext),
        handler: Some(|engine, admitted, trail| Box::pin(ops::encrypt::decrypt(engine, admitted, trail))),
        ..row(Operation::Decrypt, "decrypt", "kms:Decrypt")
    },
    Row {
        members: crypto::ENCRYPT,
        keys: &[KeyArgument {
            algorithm: Some("EncryptionAlgorithm"),
            context: Some("EncryptionContext"),
            ..argument("KeyId", "encrypt", "kms:Encrypt")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("Encrypt"),
        audited: &[KEY, CONTEXT, ALGORITHM],
        handler: Some(|engine, admitted, trail| Box::pin(ops::encrypt::encrypt(engine, admitted, trail))),
        ..row(Operation::Encrypt, "encrypt", "kms:Encrypt")
    },
    Row {
        members: data_key::GENERATE_DATA_KEY,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakey", "kms:GenerateDataKey")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKey"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[KEY, CONTEXT, ("KeySpec", "keySpec"), ("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::data_key::check_length),
        handler: Some(|engine, admitted, trail| Box::pin(ops::data_key::generate_data_key(engine, admitted, trail))),
        ..row(Operation::GenerateDataKey, "generatedatakey", "kms:GenerateDataKey")
    },
    Row {
        members: data_key::GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakeywithoutplaintext", "kms:GenerateDataKeyWithoutPlaintext")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKeyWithoutPlaintext"),
        audited: &[KEY, CONTEXT, ("KeySpec", "keySpec"), ("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::data_key::check_length),
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::data_key::generate_data_key_without_plaintext(engine, admitted, trail))
        }),
        ..row(
            Operation::GenerateDataKeyWithoutPlaintext,
            "generatedatakeywithoutplaintext",
            "kms:GenerateDataKeyWithoutPlaintext",
        )
    },
    Row {
        members: data_key::GENERATE_RANDOM,
        quota: QuotaClass::Symmetric,
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[("NumberOfBytes", "numberOfBytes")],
        precheck: Some(ops::random::check_length),
        handler: Some(|engine, admitted, _| Box::pin(ops::random::generate_random(engine, admitted))),
        ..row(Operation::GenerateRandom, "generaterandom", "kms:GenerateRandom")
    },
    Row {
        members: crypto::RE_ENCRYPT,
        keys: &[
            KeyArgument {
                blob: Some("CiphertextBlob"),
                algorithm: Some("SourceEncryptionAlgorithm"),
                context: Some("SourceEncryptionContext"),
                ..argument("SourceKeyId", "reencryptfrom", "kms:ReEncryptFrom")
            },
            KeyArgument {
                algorithm: Some("DestinationEncryptionAlgorithm"),
                context: Some("DestinationEncryptionContext"),
                ..argument("DestinationKeyId", "reencryptto", "kms:ReEncryptTo")
            },
        ],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("ReEncryptFrom"),
        audited: &[
            ("SourceKeyId", "sourceKeyId"),
            ("DestinationKeyId", "destinationKeyId"),
            ("SourceEncryptionContext", "sourceEncryptionContext"),
            ("DestinationEncryptionContext", "destinationEncryptionContext"),
            ("SourceEncryptionAlgorithm", "sourceEncryptionAlgorithm"),
            ("DestinationEncryptionAlgorithm", "destinationEncryptionAlgorithm"),
        ],
        syntax: Some(crypto::check_ciphertext),
        handler: Some(|engine, admitted, trail| Box::pin(ops::reencrypt::re_encrypt(engine, admitted, trail))),
        ..row(Operation::ReEncrypt, "reencryptfrom", "kms:ReEncrypt")
    },
];
