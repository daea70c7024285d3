//! The certificate authority of an installation, as it is sealed.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::encoding::Content;
use crate::types::secret::SecretBytes;

/// A certificate and the key that belongs to it.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub struct Authority {
    /// The schema that the writer knew.
    #[n(1)]
    pub schema: u32,
    /// The certificate, DER.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The private key, PKCS#8 DER.
    #[n(3)]
    #[cbor(encode_with = "encode_secret", decode_with = "decode_secret")]
    pub private_key: SecretBytes,
}

impl Content for Authority {
    fn schema(&self) -> u32 {
        self.schema
    }
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
