//! Secret bytes: wiped when dropped, printed as `[redacted]`, never cloned, compared or serialised.
//!
//! ```compile_fail
//! let key = coffer::types::secret::RootKey::init_with(|bytes| bytes.fill(1));
//! let copy = key.clone();
//! ```
//!
//! ```compile_fail
//! let key = coffer::types::secret::RootKey::init_with(|bytes| bytes.fill(1));
//! serde_json::to_string(&key).unwrap();
//! ```

use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! secret_array {
    ($(#[$meta:meta])* $name:ident, $length:expr) => {
        $(#[$meta])*
        ///
        /// The bytes live on the heap, so that moving the value leaves no copy behind.
        #[derive(ZeroizeOnDrop)]
        pub struct $name(Box<[u8; $length]>);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Fills a new value in place.
            pub fn init_with(fill: impl FnOnce(&mut [u8; $length])) -> Self {
                let mut secret = Self(Box::new([0; $length]));
                fill(&mut secret.0);
                secret
            }

            /// Fills a new value in place, or wipes it again where that fails.
            ///
            /// # Errors
            /// Whatever `fill` answers.
            pub fn try_init_with<E>(fill: impl FnOnce(&mut [u8; $length]) -> Result<(), E>) -> Result<Self, E> {
                let mut secret = Self(Box::new([0; $length]));
                fill(&mut secret.0)?;
                Ok(secret)
            }

            /// The bytes. Whoever reads them must not copy them into anything that is not wiped.
            #[must_use]
            pub fn expose(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret_array!(
    /// The root key of one term, 32 bytes: everything sealed under the term derives from it.
    RootKey,
    32
);
secret_array!(
    /// What the root file holds, 64 bytes: an AES-256-SIV key that wraps root keys.
    FileKey,
    64
);
secret_array!(
    /// The AES-256-SIV key of one purpose, 64 bytes.
    SealKey,
    64
);
secret_array!(
    /// The AES-256-GCM key of one message, 32 bytes.
    MessageKey,
    32
);

/// Secret bytes of varying length: key material, plaintexts, data keys, random bytes for callers.
///
/// The buffer never grows, because growing would leave a copy behind.
#[derive(ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over a buffer, which from now on is wiped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Fills `length` bytes in place, or wipes them again where that fails.
    ///
    /// # Errors
    /// Whatever `fill` answers.
    pub fn try_init_with<E>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(vec![0; length]);
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes. Whoever reads them must not copy them into anything that is not wiped.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes, which is not secret.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all but the first `length` bytes and wipes the rest at once.
    pub fn truncate(&mut self, length: usize) {
        if let Some(rest) = self.0.get_mut(length..) {
            rest.zeroize();
            self.0.truncate(length);
        }
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretBytes([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let key = RootKey::init_with(|bytes| bytes.fill(0x5a));
        let bytes = SecretBytes::new(vec![0x5a; 4]);
        assert_eq!(format!("{key:?} {bytes:?}"), "RootKey([redacted]) SecretBytes([redacted])");
    }

    #[test]
    fn truncating_keeps_the_first_bytes() {
        let mut bytes = SecretBytes::new(vec![1, 2, 3, 4]);
        bytes.truncate(2);
        assert_eq!(bytes.expose(), [1, 2]);
        bytes.truncate(9);
        assert_eq!(bytes.expose(), [1, 2]);
    }
}
