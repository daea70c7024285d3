//! What an import token holds, and when it is still good.
//!
//! The token carries all that the second half of an import needs, so no replica remembers the first half.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::encoding::Content;
use crate::types::ids::KeyId;
use crate::types::import::WrappingAlgorithm;
use crate::types::limits::IMPORT_PRINCIPAL_MAX;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

/// The content of an import token.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub struct ImportToken {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The 16 bytes of the key's id.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key_id: [u8; 16],
    /// Whether that is the id of a multi-Region key.
    #[n(3)]
    pub multi_region: bool,
    /// How the material is wrapped.
    #[n(4)]
    #[cbor(encode_with = "encode_algorithm", decode_with = "decode_algorithm")]
    pub algorithm: WrappingAlgorithm,
    /// The wrapping private key, PKCS#8 DER.
    #[n(5)]
    #[cbor(encode_with = "encode_secret", decode_with = "decode_secret")]
    pub private_key: SecretBytes,
    /// When the token ends.
    #[n(6)]
    pub expires_at: Timestamp,
    /// The key's import epoch when the token was made.
    #[n(7)]
    pub import_epoch: u32,
    /// The ARN of the principal that asked for the token. Nobody else may use it.
    #[n(8)]
    pub principal: String,
}

/// Why a token that opened is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It is of another key or another caller, or its import epoch has passed.
    #[error("the import token is not valid for this key and caller")]
    Invalid,
    /// Its time is over.
    #[error("the import token has expired")]
    Expired,
}

impl ImportToken {
    /// Whether the token is good for this key and this caller now. What makes a token invalid is told before its age.
    ///
    /// # Errors
    /// `Invalid` for another key, another principal or another import epoch, `Expired` from the moment that the
    /// token names.
    pub fn check(
        &self,
        key_id: &KeyId,
        principal: &str,
        import_epoch: u32,
        now: Timestamp,
    ) -> Result<(), TokenRefusal> {
        let own = KeyId::new(self.key_id, self.multi_region) == *key_id && self.principal == principal;
        if !own || self.import_epoch != import_epoch {
            return Err(TokenRefusal::Invalid);
        }
        if now >= self.expires_at { Err(TokenRefusal::Expired) } else { Ok(()) }
    }
}

impl Content for ImportToken {
    fn schema(&self) -> u32 {
        self.schema
    }

    fn is_well_formed(&self) -> bool {
        self.algorithm.is_supported() && self.principal.len() <= IMPORT_PRINCIPAL_MAX
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derived encoder passes each field by reference")]
fn encode_algorithm<C, W: Write>(
    algorithm: &WrappingAlgorithm,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    encoder.str(algorithm.as_str())?.ok()
}

fn decode_algorithm<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<WrappingAlgorithm, DecodeError> {
    WrappingAlgorithm::parse(decoder.str()?).ok_or_else(|| DecodeError::message("unknown word"))
}

fn encode_secret<C, W: Write>(
    secret: &SecretBytes,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    encoder.bytes(secret.expose())?.ok()
}

fn decode_secret<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<SecretBytes, DecodeError> {
    Ok(SecretBytes::new(decoder.bytes()?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::{ContentError, decode, encode};
    use serde::Deserialize;
    use serde_json::Value;

    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        value: Value,
        cbor: String,
    }

    fn cases() -> Vec<Case> {
        let text = include_str!("../../e2e/vectors/import_tokens.json");
        serde_json::from_str::<Cases>(text).unwrap().cases
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn token(value: &Value) -> ImportToken {
        let bytes = |field: &str| unhex(value[field].as_str().unwrap());
        ImportToken {
            schema: 1,
            key_id: bytes("key_id").try_into().unwrap(),
            multi_region: value["multi_region"].as_bool().unwrap(),
            algorithm: WrappingAlgorithm::parse(value["algorithm"].as_str().unwrap()).unwrap(),
            private_key: SecretBytes::new(bytes("private_key")),
            expires_at: Timestamp::from_milliseconds(value["expires_at"].as_i64().unwrap()),
            import_epoch: value["import_epoch"].as_u64().unwrap().try_into().unwrap(),
            principal: value["principal"].as_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn the_published_tokens_are_written_and_read() {
        let cases = cases();
        for Case { name, value, cbor } in &cases {
            let cbor = unhex(cbor);
            assert_eq!(encode(&token(value)).unwrap(), cbor, "{name}");
            let read: ImportToken = decode(&cbor).unwrap();
            assert_eq!(encode(&read).unwrap(), cbor, "{name}");
            assert_eq!(read.private_key.expose(), token(value).private_key.expose(), "{name}");
        }
        assert_eq!(cases.len(), 3);
    }

    /// A buffer that grew while a token was written would have left a part of the private key behind.
    #[test]
    fn the_longest_token_is_written_without_growing() {
        let longest = cases().iter().map(|case| encode(&token(&case.value)).unwrap()).max_by_key(Vec::len).unwrap();
        assert_eq!((longest.len(), longest.capacity()), (3474, 4096));
    }

    #[test]
    fn a_token_is_good_for_its_key_and_caller_in_its_epoch_until_its_end() {
        let token = token(&cases()[0].value);
        let (key_id, caller) = (KeyId::new(token.key_id, false), token.principal.as_str());
        let (last, end) = (Timestamp::from_milliseconds(token.expires_at.milliseconds() - 1), token.expires_at);
        assert_eq!(token.check(&key_id, caller, 1, last), Ok(()));
        assert_eq!(token.check(&key_id, caller, 1, end), Err(TokenRefusal::Expired));
        for now in [last, end] {
            for epoch in [0, 2] {
                assert_eq!(token.check(&key_id, caller, epoch, now), Err(TokenRefusal::Invalid));
            }
            assert_eq!(token.check(&key_id, "arn:aws:iam::1:root", 1, now), Err(TokenRefusal::Invalid));
            for other in [KeyId::new(token.key_id, true), KeyId::new([9; 16], false)] {
                assert_eq!(token.check(&other, caller, 1, now), Err(TokenRefusal::Invalid));
            }
        }
    }

    #[test]
    fn what_no_writer_may_write_is_refused() {
        let with = |change: fn(&mut ImportToken)| {
            let mut changed = token(&cases()[0].value);
            change(&mut changed);
            encode(&changed).err()
        };
        assert_eq!(with(|token| token.principal = "p".repeat(IMPORT_PRINCIPAL_MAX)), None);
        let longer = with(|token| token.principal = "p".repeat(IMPORT_PRINCIPAL_MAX + 1));
        assert_eq!(longer, Some(ContentError::IllFormed));
        assert_eq!(with(|token| token.algorithm = WrappingAlgorithm::RsaesPkcs1V15), Some(ContentError::IllFormed));
        assert_eq!(with(|token| token.schema = 2), Some(ContentError::NewerSchema(2)));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let token = token(&cases()[0].value);
        assert!(format!("{token:?}").contains("private_key: SecretBytes([redacted])"));
    }
}
