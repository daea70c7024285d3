//! The algorithms of keys, in AWS KMS's words, and which spec has which.

use super::key::KeySpec;
use super::wire_enum;

wire_enum! {
    /// Algorithm of Encrypt and Decrypt.
    pub enum EncryptionAlgorithm {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        Sm2Pke = "SM2PKE",
    }
}

wire_enum! {
    /// Algorithm of Sign and Verify.
    pub enum SigningAlgorithm {
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        EcdsaSha256 = "ECDSA_SHA_256",
        EcdsaSha384 = "ECDSA_SHA_384",
        EcdsaSha512 = "ECDSA_SHA_512",
        Sm2Dsa = "SM2DSA",
        MlDsaShake256 = "ML_DSA_SHAKE_256",
        Ed25519Sha512 = "ED25519_SHA_512",
        Ed25519PhSha512 = "ED25519_PH_SHA_512",
    }
}

wire_enum! {
    /// What the message of Sign and Verify is: the message itself, or what an algorithm made of it before.
    pub enum MessageType {
        Raw = "RAW",
        Digest = "DIGEST",
        ExternalMu = "EXTERNAL_MU",
    }
}

wire_enum! {
    /// Algorithm of GenerateMac and VerifyMac.
    pub enum MacAlgorithm {
        HmacSha224 = "HMAC_SHA_224",
        HmacSha256 = "HMAC_SHA_256",
        HmacSha384 = "HMAC_SHA_384",
        HmacSha512 = "HMAC_SHA_512",
    }
}

wire_enum! {
    /// Algorithm of DeriveSharedSecret.
    pub enum KeyAgreementAlgorithm {
        Ecdh = "ECDH",
    }
}

wire_enum! {
    /// Algorithm of Encapsulate and Decapsulate.
    pub enum EncapsulationAlgorithm {
        MlKem = "ML_KEM",
    }
}

impl SigningAlgorithm {
    /// The kinds of message that this algorithm signs.
    #[must_use]
    pub const fn message_types(self) -> &'static [MessageType] {
        match self {
            Self::Ed25519Sha512 => &[MessageType::Raw],
            Self::Ed25519PhSha512 => &[MessageType::Digest],
            Self::MlDsaShake256 => &[MessageType::Raw, MessageType::ExternalMu],
            _ => &[MessageType::Raw, MessageType::Digest],
        }
    }

    /// Length that a message of a kind must have in bytes; messages of the kind `RAW` have any.
    #[must_use]
    pub const fn message_length(self, kind: MessageType) -> Option<usize> {
        match kind {
            MessageType::Raw => None,
            MessageType::ExternalMu => Some(64),
            MessageType::Digest => Some(self.digest_length()),
        }
    }

    const fn digest_length(self) -> usize {
        match self {
            Self::RsassaPssSha256 | Self::RsassaPkcs1V15Sha256 | Self::EcdsaSha256 | Self::Sm2Dsa => 32,
            Self::RsassaPssSha384 | Self::RsassaPkcs1V15Sha384 | Self::EcdsaSha384 => 48,
            _ => 64,
        }
    }
}

impl MacAlgorithm {
    /// Length of a code in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::HmacSha224 => 28,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }
}

impl KeySpec {
    /// The algorithms of Encrypt and Decrypt under a key of this spec.
    #[must_use]
    pub const fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256, Sm2Pke, SymmetricDefault};
        match self {
            Self::SymmetricDefault => &[SymmetricDefault],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[RsaesOaepSha1, RsaesOaepSha256],
            Self::Sm2 => &[Sm2Pke],
            _ => &[],
        }
    }

    /// The algorithms of Sign and Verify under a key of this spec, in the order in which AWS lists them.
    #[must_use]
    pub const fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm::{
            EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519PhSha512, Ed25519Sha512, MlDsaShake256, RsassaPkcs1V15Sha256,
            RsassaPkcs1V15Sha384, RsassaPkcs1V15Sha512, RsassaPssSha256, RsassaPssSha384, RsassaPssSha512, Sm2Dsa,
        };
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                RsassaPkcs1V15Sha256,
                RsassaPkcs1V15Sha384,
                RsassaPkcs1V15Sha512,
                RsassaPssSha256,
                RsassaPssSha384,
                RsassaPssSha512,
            ],
            Self::EccNistP256 | Self::EccSecgP256k1 => &[EcdsaSha256],
            Self::EccNistP384 => &[EcdsaSha384],
            Self::EccNistP521 => &[EcdsaSha512],
            Self::EccNistEdwards25519 => &[Ed25519Sha512, Ed25519PhSha512],
            Self::Sm2 => &[Sm2Dsa],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[MlDsaShake256],
            _ => &[],
        }
    }

    /// The algorithms of GenerateMac and VerifyMac under a key of this spec.
    #[must_use]
    pub const fn mac_algorithms(self) -> &'static [MacAlgorithm] {
        match self {
            Self::Hmac224 => &[MacAlgorithm::HmacSha224],
            Self::Hmac256 => &[MacAlgorithm::HmacSha256],
            Self::Hmac384 => &[MacAlgorithm::HmacSha384],
            Self::Hmac512 => &[MacAlgorithm::HmacSha512],
            _ => &[],
        }
    }

    /// The algorithms of DeriveSharedSecret under a key of this spec.
    #[must_use]
    pub const fn key_agreement_algorithms(self) -> &'static [KeyAgreementAlgorithm] {
        match self {
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 | Self::Sm2 => &[KeyAgreementAlgorithm::Ecdh],
            _ => &[],
        }
    }

    /// The algorithms of Encapsulate and Decapsulate under a key of this spec.
    #[must_use]
    pub const fn encapsulation_algorithms(self) -> &'static [EncapsulationAlgorithm] {
        match self {
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => &[EncapsulationAlgorithm::MlKem],
            _ => &[],
        }
    }

    /// Whether keys of this spec are pairs: there is a public key, and material is imported as PKCS#8.
    #[must_use]
    pub const fn is_pair(self) -> bool {
        !matches!(self, Self::SymmetricDefault | Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::key::KeyUsage;

    #[test]
    fn a_spec_has_algorithms_for_its_usages_and_for_no_other() {
        for spec in KeySpec::ALL {
            let usable = |usage| spec.usages().contains(&usage);
            assert_eq!(usable(KeyUsage::EncryptDecrypt), !spec.encryption_algorithms().is_empty(), "{spec}");
            assert_eq!(usable(KeyUsage::SignVerify), !spec.signing_algorithms().is_empty(), "{spec}");
            assert_eq!(usable(KeyUsage::GenerateVerifyMac), !spec.mac_algorithms().is_empty(), "{spec}");
            assert_eq!(usable(KeyUsage::KeyAgreement), !spec.key_agreement_algorithms().is_empty(), "{spec}");
            let encapsulates = usable(KeyUsage::EncapsulateDecapsulate);
            assert_eq!(encapsulates, !spec.encapsulation_algorithms().is_empty(), "{spec}");
        }
    }

    #[test]
    fn every_algorithm_belongs_to_a_spec_and_has_messages() {
        assert_eq!(SigningAlgorithm::ALL.len(), 13);
        for algorithm in SigningAlgorithm::ALL {
            assert!(KeySpec::ALL.iter().any(|spec| spec.signing_algorithms().contains(algorithm)), "{algorithm}");
            assert!(!algorithm.message_types().is_empty());
        }
        assert_eq!(SigningAlgorithm::EcdsaSha384.message_length(MessageType::Digest), Some(48));
        assert_eq!(SigningAlgorithm::MlDsaShake256.message_length(MessageType::ExternalMu), Some(64));
        assert_eq!(SigningAlgorithm::Ed25519PhSha512.message_length(MessageType::Raw), None);
    }
}
