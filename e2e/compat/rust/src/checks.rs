//! Named checks, each of which ends as one line of JSON, and what all of them do with the client.

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{DisplayErrorContext, SdkError};
use aws_sdk_kms::primitives::{Blob, DateTime};
use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyUsageType};

/// Why a check failed.
pub struct Failure(pub String);

pub type Outcome<T = ()> = Result<T, Failure>;

impl<E, R> From<SdkError<E, R>> for Failure
where
    E: Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        Self(DisplayErrorContext(&error).to_string())
    }
}

/// Runs a check and tells its result.
pub async fn check(operation: &str, name: &str, body: impl Future<Output = Outcome>) {
    let (result, detail) = match body.await {
        Ok(()) => ("pass", String::new()),
        Err(Failure(detail)) => ("fail", detail),
    };
    let client = "sdk-rust";
    let line = serde_json::json!({
        "client": client, "operation": operation, "check": name, "result": result, "detail": detail,
    });
    println!("{line}");
}

pub fn equal<T: PartialEq + Debug>(found: T, wanted: T) -> Outcome {
    if found == wanted { Ok(()) } else { Err(Failure(format!("{found:?} is not {wanted:?}"))) }
}

pub fn given<T>(value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| Failure("a member is missing".to_owned()))
}

#[expect(clippy::disallowed_methods, reason = "a client's clock is the system's")]
pub fn recent(time: Option<&DateTime>) -> Outcome {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let age = now - given(time)?.as_secs_f64();
    equal(age > -60.0 && age < 900.0, true)
}

/// Whether a call ended with the variant that the SDK has for an exception.
pub fn refused<T: Debug, E, R>(answer: Result<T, SdkError<E, R>>, is_wanted: fn(&E) -> bool) -> Outcome
where
    E: Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Err(Failure(format!("not refused: {answer:?}"))),
        Err(SdkError::ServiceError(told)) if is_wanted(told.err()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub type Context = HashMap<String, String>;

pub fn tenant() -> Context {
    [("tenant", "blue"), ("Zweck", "Prüfung")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub struct Sdk {
    pub client: Client,
    aliases: Cell<u32>,
}

impl Sdk {
    pub fn new(client: Client) -> Self {
        Self { client, aliases: Cell::new(0) }
    }

    pub async fn new_key(&self) -> Outcome<String> {
        Ok(given(self.client.create_key().send().await?.key_metadata)?.key_id)
    }

    pub async fn key_of(&self, spec: KeySpec, usage: KeyUsageType) -> Outcome<String> {
        let answer = self.client.create_key().key_spec(spec).key_usage(usage).send().await?;
        Ok(given(answer.key_metadata)?.key_id)
    }

    pub async fn disabled_key(&self) -> Outcome<String> {
        let key = self.new_key().await?;
        self.client.disable_key().key_id(&key).send().await?;
        Ok(key)
    }

    pub async fn describe(&self, key: &str) -> Outcome<KeyMetadata> {
        given(self.client.describe_key().key_id(key).send().await?.key_metadata)
    }

    pub async fn new_alias(&self, key: &str) -> Outcome<String> {
        self.aliases.set(self.aliases.get() + 1);
        // A key's id is new in each run, so that the name is.
        let name = format!("alias/sdk-rust-{key}-{}", self.aliases.get());
        self.client.create_alias().alias_name(&name).target_key_id(key).send().await?;
        Ok(name)
    }

    pub async fn encrypt(&self, key: &str, plaintext: &str, context: Context) -> Outcome<Blob> {
        let call = self.client.encrypt().key_id(key).plaintext(Blob::new(plaintext));
        given(call.set_encryption_context(Some(context)).send().await?.ciphertext_blob)
    }

    pub async fn decrypt(&self, blob: Blob, context: Context) -> Outcome<Vec<u8>> {
        let call = self.client.decrypt().ciphertext_blob(blob).set_encryption_context(Some(context));
        Ok(given(call.send().await?.plaintext)?.into_inner())
    }
}
