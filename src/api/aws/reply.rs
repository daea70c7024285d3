//! Bodies of answers. They may hold plaintext, so they are written once, into a buffer of exact size that
//! is wiped after it was sent.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::error::AwsError;
use crate::types::secret::SecretBytes;

/// Bytes that are written as base64.
#[derive(Clone, Copy)]
pub struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `collect_str` passes the digits on in pieces, so that no unwiped copy of the whole is made.
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Writes an answer: once to count, once into a buffer that never grows, because growing would leave
/// copies behind.
///
/// # Errors
/// `KMSInternalException`, which no answer of ours can cause.
pub fn encode(answer: &impl Serialize) -> Result<SecretBytes, AwsError> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, answer).map_err(|_| AwsError::internal())?;
    let mut body = Vec::with_capacity(counter.0);
    serde_json::to_writer(&mut body, answer).map_err(|_| AwsError::internal())?;
    Ok(SecretBytes::new(body))
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        let long = vec![0xff; 4096];
        let body = encode(&[Base64(b""), Base64(b"\xfb\xff"), Base64(&long)]).unwrap();
        let texts: Vec<String> = serde_json::from_slice(body.expose()).unwrap();
        assert_eq!(texts[..2], ["", "+/8="]);
        assert_eq!(texts[2].len(), 4096_usize.div_ceil(3) * 4);
    }
}
