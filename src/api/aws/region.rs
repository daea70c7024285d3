//! Requests about keys of more than one Region.

use super::key::{DESCRIPTION, KEY_ID};
use super::member::{Member, Shape};
use super::policy::{BYPASS_LOCKOUT_CHECK, POLICY};
use super::tag::TAGS;

const REGION: Shape = Shape::Pattern { min: 1, max: 32, printed: r"^([a-z]+-){2,3}\d+$", matches: is_region };

/// Members of ReplicateKey.
pub const REPLICATE_KEY: &[Member] = &[
    KEY_ID,
    Member::required("ReplicaRegion", REGION),
    Member::optional("Policy", POLICY),
    Member { implemented: true, ..BYPASS_LOCKOUT_CHECK },
    DESCRIPTION,
    Member::optional("Tags", TAGS),
];
/// Members of UpdatePrimaryRegion.
pub const UPDATE_PRIMARY_REGION: &[Member] = &[KEY_ID, Member::required("PrimaryRegion", REGION)];

/// Whether a text looks like the name of a Region.
pub(super) fn is_region(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && matches!(words.split('-').count(), 2 | 3) && words.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_of_the_model() {
        for right in ["us-east-1", "us-gov-west-1", "ap-southeast-12"] {
            assert!(is_region(right), "{right}");
        }
        for wrong in ["", "us-1", "us-east", "us-east-", "US-east-1", "a-b-c-d-1", "us--east-1", "us-east-1\n"] {
            assert!(!is_region(wrong), "{wrong}");
        }
    }
}
