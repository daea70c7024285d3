//! Import of key material, in AWS KMS's words.

use super::key::RsaSize;
use super::wire_enum;

wire_enum! {
    /// The key that wraps a material on its way into Coffer.
    pub enum WrappingKeySpec {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        Sm2 = "SM2",
    }
}

wire_enum! {
    /// How a material is wrapped
    /// ([AWS: wrapping algorithms](https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-get-public-key-and-token.html#select-wrapping-algorithm)).
    pub enum WrappingAlgorithm {
        RsaesPkcs1V15 = "RSAES_PKCS1_V1_5",
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
        Sm2Pke = "SM2PKE",
    }
}

wire_enum! {
    /// Whether imported material ends by itself.
    pub enum ExpirationModel {
        Expires = "KEY_MATERIAL_EXPIRES",
        DoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

wire_enum! {
    /// Whether a material is new to its key or one that the key had before.
    pub enum ImportType {
        New = "NEW_KEY_MATERIAL",
        Existing = "EXISTING_KEY_MATERIAL",
    }
}

impl WrappingKeySpec {
    /// The size of such a wrapping key; none for SM2, which AWS offers in its Regions in China only.
    #[must_use]
    pub const fn rsa_size(self) -> Option<RsaSize> {
        match self {
            Self::Rsa2048 => Some(RsaSize::Rsa2048),
            Self::Rsa3072 => Some(RsaSize::Rsa3072),
            Self::Rsa4096 => Some(RsaSize::Rsa4096),
            Self::Sm2 => None,
        }
    }
}

impl WrappingAlgorithm {
    /// Whether Coffer unwraps what was wrapped so. AWS KMS has given up PKCS #1 v1.5, whose padding tells
    /// an attacker about the plaintext, and offers SM2PKE in its Regions in China only.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        match self {
            Self::RsaesOaepSha1 | Self::RsaesOaepSha256 | Self::RsaAesKeyWrapSha1 | Self::RsaAesKeyWrapSha256 => true,
            Self::RsaesPkcs1V15 | Self::Sm2Pke => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for spec in WrappingKeySpec::ALL {
            assert_eq!(WrappingKeySpec::parse(spec.as_str()), Some(*spec));
        }
        for algorithm in WrappingAlgorithm::ALL {
            assert_eq!(WrappingAlgorithm::parse(algorithm.as_str()), Some(*algorithm));
        }
        assert_eq!(ExpirationModel::parse("KEY_MATERIAL_EXPIRES"), Some(ExpirationModel::Expires));
        assert_eq!(ImportType::parse("EXISTING_KEY_MATERIAL"), Some(ImportType::Existing));
    }

    #[test]
    fn three_specs_and_four_algorithms_are_supported() {
        assert_eq!(WrappingKeySpec::ALL.iter().filter(|spec| spec.rsa_size().is_some()).count(), 3);
        assert_eq!(WrappingAlgorithm::ALL.iter().filter(|algorithm| algorithm.is_supported()).count(), 4);
    }
}
