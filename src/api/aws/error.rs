//! Errors of the AWS KMS API: each name with its HTTP status and its body.

use serde::Serialize;

use crate::types::wire_enum;

wire_enum! {
    /// The name of an error, as SDKs match on it.
    pub enum ErrorCode {
        AccessDenied = "AccessDeniedException",
        AlreadyExists = "AlreadyExistsException",
        CloudHsmClusterNotFound = "CloudHsmClusterNotFoundException",
        Conflict = "ConflictException",
        CustomKeyStoreNotFound = "CustomKeyStoreNotFoundException",
        DependencyTimeout = "DependencyTimeoutException",
        Disabled = "DisabledException",
        DryRunOperation = "DryRunOperationException",
        ExpiredImportToken = "ExpiredImportTokenException",
        IncompleteSignature = "IncompleteSignatureException",
        IncorrectKey = "IncorrectKeyException",
        IncorrectKeyMaterial = "IncorrectKeyMaterialException",
        InvalidAliasName = "InvalidAliasNameException",
        InvalidArn = "InvalidArnException",
        InvalidCiphertext = "InvalidCiphertextException",
        InvalidImportToken = "InvalidImportTokenException",
        InvalidKeyUsage = "InvalidKeyUsageException",
        InvalidMarker = "InvalidMarkerException",
        InvalidSignature = "InvalidSignatureException",
        KmsInternal = "KMSInternalException",
        KmsInvalidMac = "KMSInvalidMacException",
        KmsInvalidSignature = "KMSInvalidSignatureException",
        KmsInvalidState = "KMSInvalidStateException",
        LimitExceeded = "LimitExceededException",
        MissingAuthenticationToken = "MissingAuthenticationTokenException",
        NotAuthorized = "NotAuthorizedException",
        NotFound = "NotFoundException",
        RequestEntityTooLarge = "RequestEntityTooLargeException",
        Serialization = "SerializationException",
        Tag = "TagException",
        Throttling = "ThrottlingException",
        UnknownOperation = "UnknownOperationException",
        UnrecognizedClient = "UnrecognizedClientException",
        UnsupportedOperation = "UnsupportedOperationException",
        Validation = "ValidationException",
    }
}

impl ErrorCode {
    /// The HTTP status. SDKs try again on 500, so only what may pass has it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::KmsInternal => 500,
            Self::DependencyTimeout => 503,
            Self::RequestEntityTooLarge => 413,
            Self::AccessDenied
            | Self::AlreadyExists
            | Self::CloudHsmClusterNotFound
            | Self::Conflict
            | Self::CustomKeyStoreNotFound
            | Self::Disabled
            | Self::DryRunOperation
            | Self::ExpiredImportToken
            | Self::IncompleteSignature
            | Self::IncorrectKey
            | Self::IncorrectKeyMaterial
            | Self::InvalidAliasName
            | Self::InvalidArn
            | Self::InvalidCiphertext
            | Self::InvalidImportToken
            | Self::InvalidKeyUsage
            | Self::InvalidMarker
            | Self::InvalidSignature
            | Self::KmsInvalidMac
            | Self::KmsInvalidSignature
            | Self::KmsInvalidState
            | Self::LimitExceeded
            | Self::MissingAuthenticationToken
            | Self::NotAuthorized
            | Self::NotFound
            | Self::Serialization
            | Self::Tag
            | Self::Throttling
            | Self::UnknownOperation
            | Self::UnrecognizedClient
            | Self::UnsupportedOperation
            | Self::Validation => 400,
        }
    }
}

/// An error as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The name.
    pub code: ErrorCode,
    /// The message; AWS sends none with some errors, on purpose.
    pub message: Option<String>,
}

impl AwsError {
    /// An error with a message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// An error without a message.
    #[must_use]
    pub const fn silent(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// A `ValidationException`.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Validation, message)
    }

    /// A failure of ours: AWS's own text, since the cause belongs in our log and not in the answer.
    #[must_use]
    pub fn internal() -> Self {
        const TEXT: &str =
            "The request was rejected because an internal exception occurred. The request can be retried.";
        Self::new(ErrorCode::KmsInternal, TEXT)
    }

    /// The body of the answer.
    ///
    /// AWS writes the member as `Message` in these two errors and as `message` in all others; SDKs read both.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let capital = matches!(self.code, ErrorCode::AccessDenied | ErrorCode::Serialization);
        let body = Body {
            code: self.code,
            message: self.message.as_deref().filter(|_| !capital),
            capital_message: self.message.as_deref().filter(|_| capital),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "__type")]
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
    capital_message: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_awss() {
        let text = |error: AwsError| String::from_utf8(error.body()).unwrap();
        assert_eq!(text(AwsError::silent(ErrorCode::InvalidCiphertext)), r#"{"__type":"InvalidCiphertextException"}"#);
        assert_eq!(text(AwsError::validation("x")), r#"{"__type":"ValidationException","message":"x"}"#);
        let denied = AwsError::new(ErrorCode::AccessDenied, "no");
        assert_eq!(text(denied), r#"{"__type":"AccessDeniedException","Message":"no"}"#);
    }
}
