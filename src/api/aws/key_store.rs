//! Requests about custom key stores, none of which can be made here, and the answer to who asks for them.

use serde::Serialize;

use super::error::{AwsError, ErrorCode};
use super::member::{Input, Member, Shape, is_made_of};
use super::page::{LIMIT, MARKER};
use super::region::is_region;

/// The id of a custom key store.
pub const KEY_STORE_ID: Shape = Shape::Text { min: 1, max: 64 };
/// The id of a key in an external key store.
pub const XKS_KEY_ID: Shape =
    Shape::Pattern { min: 1, max: 128, printed: "^[a-zA-Z0-9-_.]+$", matches: is_external_key_id };
const NAME: Shape = Shape::Text { min: 1, max: 256 };
const REQUIRED_ID: Member = Member::required("CustomKeyStoreId", KEY_STORE_ID);
const CLUSTER_ID: Member = Member::optional(
    "CloudHsmClusterId",
    Shape::Pattern { min: 19, max: 24, printed: "cluster-[2-7a-zA-Z]{11,16}", matches: is_cluster_id },
);
const PASSWORD: Member = Member::optional("KeyStorePassword", Shape::Secret { min: 7, max: 32, pattern: None });
const URI_ENDPOINT: Member = Member::optional(
    "XksProxyUriEndpoint",
    Shape::Pattern { min: 10, max: 128, printed: "^https://[a-zA-Z0-9.-]+$", matches: is_endpoint },
);
const URI_PATH: Member = Member::optional(
    "XksProxyUriPath",
    Shape::Pattern {
        min: 10,
        max: 128,
        printed: r"^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$",
        matches: is_uri_path,
    },
);
const ENDPOINT_SERVICE: Member = Member::optional(
    "XksProxyVpcEndpointServiceName",
    Shape::Pattern {
        min: 20,
        max: 64,
        printed: r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$",
        matches: is_endpoint_service,
    },
);
const SERVICE_OWNER: Member = Member::optional(
    "XksProxyVpcEndpointServiceOwner",
    Shape::Pattern { min: 12, max: 12, printed: "[0-9]{12}", matches: is_account },
);
const CREDENTIAL: Member = Member::optional(
    "XksProxyAuthenticationCredential",
    Shape::Structure(&[
        Member::required(
            "AccessKeyId",
            Shape::Secret { min: 20, max: 30, pattern: Some(("^[A-Z2-7]+$", is_access_key_id)) },
        ),
        Member::required(
            "RawSecretAccessKey",
            Shape::Secret { min: 43, max: 64, pattern: Some((r"^[a-zA-Z0-9\/+=]+$", is_secret_key)) },
        ),
    ]),
);
const CONNECTIVITY: Member =
    Member::optional("XksProxyConnectivity", Shape::Word(&["PUBLIC_ENDPOINT", "VPC_ENDPOINT_SERVICE"]));

/// Members of CreateCustomKeyStore.
pub const CREATE_CUSTOM_KEY_STORE: &[Member] = &[
    Member::required("CustomKeyStoreName", NAME),
    CLUSTER_ID,
    Member::optional("TrustAnchorCertificate", Shape::Text { min: 1, max: 5000 }),
    PASSWORD,
    Member::optional("CustomKeyStoreType", Shape::Word(&["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])),
    URI_ENDPOINT,
    URI_PATH,
    ENDPOINT_SERVICE,
    SERVICE_OWNER,
    CREDENTIAL,
    CONNECTIVITY,
];
/// Members of UpdateCustomKeyStore.
pub const UPDATE_CUSTOM_KEY_STORE: &[Member] = &[
    REQUIRED_ID,
    Member::optional("NewCustomKeyStoreName", NAME),
    PASSWORD,
    CLUSTER_ID,
    URI_ENDPOINT,
    URI_PATH,
    ENDPOINT_SERVICE,
    SERVICE_OWNER,
    CREDENTIAL,
    CONNECTIVITY,
];
/// Members of ConnectCustomKeyStore, DisconnectCustomKeyStore and DeleteCustomKeyStore.
pub const KEY_STORE_ONLY: &[Member] = &[REQUIRED_ID];
/// Members of DescribeCustomKeyStores.
pub const DESCRIBE_CUSTOM_KEY_STORES: &[Member] =
    &[Member::optional("CustomKeyStoreId", KEY_STORE_ID), Member::optional("CustomKeyStoreName", NAME), LIMIT, MARKER];

/// A store that a request names is never there.
///
/// # Errors
/// `CustomKeyStoreNotFoundException` where the request names one.
pub fn check_none_named(input: &Input<'_>) -> Result<(), AwsError> {
    match input.text("CustomKeyStoreId").or_else(|| input.text("CustomKeyStoreName")) {
        None => Ok(()),
        Some(name) => Err(not_found(&format!("The custom key store {name} does not exist."))),
    }
}

/// What is told of a store that is not there.
#[must_use]
pub fn not_found(message: &str) -> AwsError {
    AwsError::new(ErrorCode::CustomKeyStoreNotFound, message)
}

/// Answer of DescribeCustomKeyStores.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCustomKeyStoresAnswer {
    /// The stores: none.
    pub custom_key_stores: [(); 0],
    /// Whether there is a next page.
    pub truncated: bool,
}

fn is_alphanumeric_or(others: &'static str) -> impl Fn(char) -> bool {
    move |character| character.is_ascii_alphanumeric() || others.contains(character)
}

fn is_external_key_id(text: &str) -> bool {
    is_made_of(text, is_alphanumeric_or("-_."))
}

fn is_cluster_id(text: &str) -> bool {
    let is_digit = |character: char| matches!(character, '2'..='7') || character.is_ascii_alphabetic();
    let is_rest = |rest: &str| (11..=16).contains(&rest.len()) && is_made_of(rest, is_digit);
    text.strip_prefix("cluster-").is_some_and(is_rest)
}

fn is_endpoint(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|host| is_made_of(host, is_alphanumeric_or(".-")))
}

fn is_uri_path(text: &str) -> bool {
    let Some((start, version)) = text.rsplit_once("/kms/xks/v") else { return false };
    let is_start = start.strip_prefix('/').is_some_and(|rest| is_made_of(rest, is_alphanumeric_or("/_-")));
    let is_version = matches!(version.len(), 1 | 2) && version.bytes().all(|byte| byte.is_ascii_digit());
    is_version && (start.is_empty() || is_start)
}

fn is_endpoint_service(text: &str) -> bool {
    let rest = text.strip_prefix("com.").or_else(|| text.strip_prefix("eu."));
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix("amazonaws.vpce.")) else { return false };
    let Some((region, service)) = rest.split_once(".vpce-svc-") else { return false };
    let is_digit = |character: char| character.is_ascii_digit() || character.is_ascii_lowercase();
    is_region(region) && is_made_of(service, is_digit)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_access_key_id(text: &str) -> bool {
    is_made_of(text, |character| matches!(character, 'A'..='Z' | '2'..='7'))
}

fn is_secret_key(text: &str) -> bool {
    is_made_of(text, is_alphanumeric_or("/+="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_model() {
        let paths = ["/kms/xks/v1", "/a/b_c-d/kms/xks/v12"];
        assert!(paths.into_iter().all(is_uri_path));
        let wrong = ["kms/xks/v1", "/kms/xks/v", "/kms/xks/v123", "/a b/kms/xks/v1", "//kms/xks/v1x"];
        assert!(!wrong.into_iter().any(is_uri_path));
        assert!(is_endpoint_service("com.amazonaws.vpce.us-east-1.vpce-svc-0a1b"));
        let wrong = ["org.amazonaws.vpce.us-east-1.vpce-svc-0a", "com.amazonaws.vpce.us-1.vpce-svc-0a", ""];
        assert!(!wrong.into_iter().any(is_endpoint_service));
        assert!(is_cluster_id("cluster-abcdefghij2") && !is_cluster_id("cluster-abcdefghij1"));
        assert!(is_endpoint("https://a.b-c") && !is_endpoint("http://a.b") && !is_endpoint("https://a/b"));
        assert!(is_external_key_id("a-b_c.d") && !is_external_key_id("a/b"));
        assert!(is_access_key_id("A27") && !is_access_key_id("a1") && is_secret_key("a/+=") && !is_secret_key("-"));
        assert!(is_account("012345678901") && !is_account("01234567890"));
    }
}
