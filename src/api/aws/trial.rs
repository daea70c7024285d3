//! Members that make a call a trial, and the one that names an enclave as the recipient of an answer.

use super::error::{AwsError, ErrorCode};
use super::member::{Input, Member, Shape};
use crate::types::limits::ATTESTATION_DOCUMENT_MAX;

/// Whether the call is a trial: everything is checked and nothing is answered.
pub const DRY_RUN: Member = Member::optional("DryRun", Shape::Boolean);
/// What a trial leaves out.
pub const DRY_RUN_MODIFIERS: Member = Member::optional("DryRunModifiers", MODIFIERS);
/// The enclave that alone can read the answer.
pub const RECIPIENT: Member = Member::optional("Recipient", RECIPIENT_INFO);

const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";
const MODIFIERS: Shape = Shape::List { min: 0, max: usize::MAX, item: &Shape::Word(&[IGNORE_CIPHERTEXT]) };
const RECIPIENT_INFO: Shape = Shape::Structure(&[
    Member::optional("KeyEncryptionAlgorithm", Shape::Word(&["RSAES_OAEP_SHA_256"])),
    Member::optional("AttestationDocument", Shape::Blob { min: 1, max: ATTESTATION_DOCUMENT_MAX, sensitive: false }),
]);

/// Whether a trial says that its ciphertext does not matter.
///
/// # Errors
/// `ValidationException` where a call that is no trial says so.
pub fn ignores_ciphertext(input: &Input<'_>) -> Result<bool, AwsError> {
    let ignores = input.texts("DryRunModifiers").contains(&IGNORE_CIPHERTEXT);
    if ignores && !input.flag("DryRun") {
        return Err(AwsError::validation("DryRunModifiers can only be specified when DryRun is true."));
    }
    Ok(ignores)
}

/// What a trial is told that would have succeeded, in AWS's words.
#[must_use]
pub fn would_have_succeeded() -> AwsError {
    const TEXT: &str = "The request would have succeeded, but the DryRun option is set.";
    AwsError::new(ErrorCode::DryRunOperation, TEXT)
}

/// No enclave of AWS Nitro runs where Coffer does, so no attestation document can be valid.
///
/// # Errors
/// `ValidationException` where the call has a recipient.
pub fn refuse_recipient(input: &Input<'_>) -> Result<(), AwsError> {
    if input.has("Recipient") {
        return Err(AwsError::validation("The attestation document in the request is not valid."));
    }
    Ok(())
}
