//! Rows of what key pairs and HMAC keys do, and of data key pairs.

use super::{CONTEXT, KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::{mac, pair, shared_secret, signature};
use crate::domain::quota::QuotaClass;
use crate::engine::ops;
use crate::types::key::KeyUsage;
use crate::types::limits::BODY_WITH_RECIPIENT_MAX;

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: shared_secret::DECAPSULATE,
        keys: &[KeyArgument {
            algorithm: Some("EncapsulationAlgorithm"),
            ..argument("KeyId", "decapsulate", "kms:Decapsulate")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncapsulateDecapsulate),
        grant: Some("Decapsulate"),
        audited: &[KEY, ("EncapsulationAlgorithm", "encapsulationAlgorithm")],
        handler: Some(|engine, admitted, _| Box::pin(ops::shared_secret::decapsulate(engine, admitted))),
        ..row(Operation::Decapsulate, "decapsulate", "kms:Decapsulate")
    },
    Row {
        members: shared_secret::DERIVE_SHARED_SECRET,
        keys: &[KeyArgument {
            algorithm: Some("KeyAgreementAlgorithm"),
            ..argument("KeyId", "derivesharedsecret", "kms:DeriveSharedSecret")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::KeyAgreement),
        grant: Some("DeriveSharedSecret"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        audited: &[KEY, ("KeyAgreementAlgorithm", "keyAgreementAlgorithm")],
        handler: Some(|engine, admitted, _| Box::pin(ops::shared_secret::derive_shared_secret(engine, admitted))),
        ..row(Operation::DeriveSharedSecret, "derivesharedsecret", "kms:DeriveSharedSecret")
    },
    Row {
        members: shared_secret::ENCAPSULATE,
        keys: &[KeyArgument {
            algorithm: Some("EncapsulationAlgorithm"),
            ..argument("KeyId", "encapsulate", "kms:Encapsulate")
        }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::EncapsulateDecapsulate),
        grant: Some("Encapsulate"),
        audited: &[KEY, ("EncapsulationAlgorithm", "encapsulationAlgorithm")],
        handler: Some(|engine, admitted, _| Box::pin(ops::shared_secret::encapsulate(engine, admitted))),
        ..row(Operation::Encapsulate, "encapsulate", "kms:Encapsulate")
    },
    Row {
        members: pair::GENERATE_DATA_KEY_PAIR,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakeypair", "kms:GenerateDataKeyPair")
        }],
        quota: QuotaClass::KeyPairs,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKeyPair"),
        body_max: BODY_WITH_RECIPIENT_MAX,
        precheck: Some(ops::pair::check_spec),
        audited: &[KEY, CONTEXT, ("KeyPairSpec", "keyPairSpec")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::pair::generate_data_key_pair(engine, admitted, trail))),
        ..row(Operation::GenerateDataKeyPair, "generatedatakeypair", "kms:GenerateDataKeyPair")
    },
    Row {
        members: pair::GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
        keys: &[KeyArgument {
            context: Some("EncryptionContext"),
            ..argument("KeyId", "generatedatakeypairwithoutplaintext", "kms:GenerateDataKeyPairWithoutPlaintext")
        }],
        quota: QuotaClass::KeyPairs,
        usage: Some(KeyUsage::EncryptDecrypt),
        grant: Some("GenerateDataKeyPairWithoutPlaintext"),
        precheck: Some(ops::pair::check_spec),
        audited: &[KEY, CONTEXT, ("KeyPairSpec", "keyPairSpec")],
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::pair::generate_data_key_pair_without_plaintext(engine, admitted, trail))
        }),
        ..row(
            Operation::GenerateDataKeyPairWithoutPlaintext,
            "generatedatakeypairwithoutplaintext",
            "kms:GenerateDataKeyPairWithoutPlaintext",
        )
    },
    Row {
        members: mac::GENERATE_MAC,
        keys: &[KeyArgument { algorithm: Some("MacAlgorithm"), ..argument("KeyId", "generatemac", "kms:GenerateMac") }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::GenerateVerifyMac),
        grant: Some("GenerateMac"),
        audited: &[KEY, ("MacAlgorithm", "macAlgorithm")],
        handler: Some(|engine, admitted, _| Box::pin(ops::mac::generate_mac(engine, admitted))),
        ..row(Operation::GenerateMac, "generatemac", "kms:GenerateMac")
    },
    Row {
        members: pair::GET_PUBLIC_KEY,
        keys: &[argument("KeyId", "getpublickey", "kms:GetPublicKey")],
        quota: QuotaClass::Describe,
        grant: Some("GetPublicKey"),
        audited: &[KEY],
        handler: Some(|engine, admitted, _| Box::pin(ops::pair::get_public_key(engine, admitted))),
        ..row(Operation::GetPublicKey, "getpublickey", "kms:GetPublicKey")
    },
    Row {
        members: signature::SIGN,
        keys: &[KeyArgument { algorithm: Some("SigningAlgorithm"), ..argument("KeyId", "sign", "kms:Sign") }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::SignVerify),
        grant: Some("Sign"),
        audited: &[KEY, ("SigningAlgorithm", "signingAlgorithm"), ("MessageType", "messageType")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::sign::sign(engine, admitted, trail))),
        ..row(Operation::Sign, "sign", "kms:Sign")
    },
    Row {
        members: signature::VERIFY,
        keys: &[KeyArgument { algorithm: Some("SigningAlgorithm"), ..argument("KeyId", "verify", "kms:Verify") }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::SignVerify),
        grant: Some("Verify"),
        audited: &[KEY, ("SigningAlgorithm", "signingAlgorithm"), ("MessageType", "messageType")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::sign::verify(engine, admitted, trail))),
        ..row(Operation::Verify, "verify", "kms:Verify")
    },
    Row {
        members: mac::VERIFY_MAC,
        keys: &[KeyArgument { algorithm: Some("MacAlgorithm"), ..argument("KeyId", "verifymac", "kms:VerifyMac") }],
        quota: QuotaClass::Symmetric,
        usage: Some(KeyUsage::GenerateVerifyMac),
        grant: Some("VerifyMac"),
        audited: &[KEY, ("MacAlgorithm", "macAlgorithm")],
        handler: Some(|engine, admitted, _| Box::pin(ops::mac::verify_mac(engine, admitted))),
        ..row(Operation::VerifyMac, "verifymac", "kms:VerifyMac")
    },
];
