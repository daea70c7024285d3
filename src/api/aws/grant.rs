//! Requests about grants. No grant can be made yet, but what is wrong with a request is told first.

use super::key::{GRANT_TOKEN, GRANT_TOKENS, KEY_ID};
use super::member::{Member, Shape, is_made_of};
use super::page::{LIMIT, MARKER};
use super::trial::DRY_RUN;

/// The operations that a grant can allow, in the order of AWS's model.
const OPERATION_WORDS: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "Sign",
    "Verify",
    "GetPublicKey",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
];
const OPERATIONS: Shape = Shape::List { min: 0, max: usize::MAX, item: &Shape::Word(OPERATION_WORDS) };
const PRINCIPAL: Shape = Shape::Pattern { min: 1, max: 256, printed: r"^[\w+=,.@:/-]+$", matches: is_principal };
const SERVICE: Shape = Shape::Pattern {
    min: 1,
    max: 128,
    printed: r"^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$",
    matches: is_service,
};
const NAME: Shape = Shape::Pattern { min: 1, max: 256, printed: "^[a-zA-Z0-9:/_-]+$", matches: is_name };
const GRANT_ID: Shape = Shape::Text { min: 1, max: 128 };
const CONSTRAINTS: Shape = Shape::Structure(&[
    Member::optional("EncryptionContextSubset", Shape::TextMap),
    Member::optional("EncryptionContextEquals", Shape::TextMap),
    Member::optional("SourceArn", SOURCE_ARN),
]);
const SOURCE_ARN: Shape = Shape::Pattern {
    min: 20,
    max: 512,
    printed: "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
    matches: is_source_arn,
};

/// Members of CreateGrant.
pub const CREATE_GRANT: &[Member] = &[
    KEY_ID,
    Member::optional("GranteePrincipal", PRINCIPAL),
    Member::optional("RetiringPrincipal", PRINCIPAL),
    Member::required("Operations", OPERATIONS),
    Member::optional("Constraints", CONSTRAINTS),
    GRANT_TOKENS,
    Member::optional("Name", NAME),
    DRY_RUN,
    Member::optional("GranteeServicePrincipal", SERVICE),
    Member::optional("RetiringServicePrincipal", SERVICE),
];
/// Members of ListGrants.
pub const LIST_GRANTS: &[Member] = &[
    LIMIT,
    MARKER,
    KEY_ID,
    Member::optional("GrantId", GRANT_ID),
    Member::optional("GranteePrincipal", PRINCIPAL),
    Member::optional("GranteeServicePrincipal", SERVICE),
];
/// Members of ListRetirableGrants.
pub const LIST_RETIRABLE_GRANTS: &[Member] = &[
    LIMIT,
    MARKER,
    Member::optional("RetiringPrincipal", PRINCIPAL),
    Member::optional("RetiringServicePrincipal", SERVICE),
];
/// Members of RetireGrant.
pub const RETIRE_GRANT: &[Member] = &[
    Member::optional("GrantToken", GRANT_TOKEN),
    Member::optional("KeyId", Shape::KeyName),
    Member::optional("GrantId", GRANT_ID),
    DRY_RUN,
];
/// Members of RevokeGrant.
pub const REVOKE_GRANT: &[Member] = &[KEY_ID, Member::required("GrantId", GRANT_ID), DRY_RUN];

fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_principal(text: &str) -> bool {
    is_made_of(text, |character| is_word_character(character) || "+=,.@:/-".contains(character))
}

fn is_service(text: &str) -> bool {
    let is_label = |label: &str| is_made_of(label, |character| character.is_ascii_alphanumeric() || character == '-');
    text.split('.').all(is_label) && text.split('.').count() > 2
}

fn is_name(text: &str) -> bool {
    is_made_of(text, |character| is_word_character(character) || ":/-".contains(character))
}

fn is_source_arn(text: &str) -> bool {
    let is_plain = |part: &str| {
        part.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-')
    };
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, resource) = (part(), part(), part(), part(), part(), part());
    let is_partition = partition.strip_prefix("aws").is_some_and(is_plain);
    let is_resource = !resource.is_empty() && !resource.contains(['\n', '\r']);
    scheme == "arn"
        && is_partition
        && !service.is_empty()
        && is_plain(service)
        && is_plain(region)
        && is_account(account)
        && is_resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_model() {
        let arns = [
            ("arn:aws:s3:::bucket", false),
            ("arn:aws:s3::111122223333:bucket", true),
            ("arn:aws-cn:s3:cn-north-1:111122223333:a:b", true),
            ("arn:aws:s3:us-east-1:11112222333:bucket", false),
            ("arn:azure:s3:us-east-1:111122223333:bucket", false),
            ("arn:aws:s3:us-east-1:111122223333:", false),
        ];
        arns.iter().for_each(|(text, right)| assert_eq!(is_source_arn(text), *right, "{text}"));
        let services = [("s3.amazonaws.com", true), ("amazonaws.com", false), ("s3..com", false), ("s_3.a.b", false)];
        services.iter().for_each(|(text, right)| assert_eq!(is_service(text), *right, "{text}"));
        assert!(is_principal("arn:aws:iam::111122223333:role/a+b=c,d.e@f-g") && !is_principal("a b"));
        assert!(is_name("a:b/c_d-e") && !is_name("a.b") && !is_name(""));
    }
}
