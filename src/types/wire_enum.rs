//! Enumerations whose variants are words on the wire.

/// Defines an enumeration whose variants have one exact spelling each.
///
/// The spelling is the only one: it is used in JSON, in manifests and in sealed records, and parsing
/// neither trims nor folds case.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$note:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[expect(missing_docs, reason = "each variant is the word beside it")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        $visibility enum $name { $($(#[$note])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in the order of its definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Every word, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($text),+];

            /// The exact word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The variant spelled exactly so.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use wire_enum;
