//! From a call to an answer: one audit record for each, before the answer leaves.

use super::Engine;
use super::admit::throttled;
use super::last_usage::last_uses;
use super::table::{Row, find};
use super::trail::Trail;
use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::json::Json;
use crate::api::aws::member::Input;
use crate::api::aws::operation::Operation;
use crate::api::aws::trial::would_have_succeeded;
use crate::domain::last_usage::LastUse;
use crate::types::principal::Principal;
use crate::types::revision::Revision;
use crate::types::secret::SecretBytes;

/// An authenticated call.
pub struct Call<'a> {
    /// The id that answer and audit record carry.
    pub request_id: &'a str,
    /// The operation.
    pub operation: Operation,
    /// The body.
    pub body: &'a [u8],
    /// The caller.
    pub principal: Principal,
    /// The address that the call came from.
    pub source: Option<&'a str>,
    /// The caller's program, as it named itself.
    pub user_agent: Option<&'a str>,
    /// What an SDK sends unchanged when it tries again.
    pub invocation_id: Option<&'a str>,
    /// The revision that the caller has already seen.
    pub seen_revision: Option<Revision>,
}

/// What goes back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, which may hold plaintext.
    pub body: SecretBytes,
    /// The revision that the answer was made from.
    pub revision: Revision,
}

impl Engine {
    /// Serves a call. Where no audit record can be made, there is no answer but an error.
    pub async fn dispatch(&self, call: &Call<'_>) -> Answer {
        let row = find(call.operation);
        let mut trail = Trail::begin(self, call, row);
        let mut uses = Vec::new();
        let served = self.serve(call, row, &mut trail, &mut uses).await;
        let record = trail.outcome(served.as_ref().err());
        let audited = self.ports.audit.append(&record).await;
        let served = match audited {
            Ok(()) => {
                uses.into_iter().for_each(|last| self.ports.usage.note_last(last));
                served
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a request is refused because it cannot be audited"
                );
                Err(AwsError::internal())
            }
        };
        self.answer(served)
    }

    async fn serve(
        &self,
        call: &Call<'_>,
        row: &'static Row,
        trail: &mut Trail,
        uses: &mut Vec<LastUse>,
    ) -> Result<SecretBytes, AwsError> {
        if !self.limiter.admit_principal(&call.principal, self.ports.clock.wall()) {
            return Err(throttled());
        }
        let body = Json::parse(call.body).map_err(|_| AwsError::silent(ErrorCode::Serialization))?;
        let input = Input::read(body, row.members)?;
        trail.note_request(row, &input);
        let Some(handler) = row.handler else { return Err(not_implemented(row.operation)) };
        if let Some(revision) = call.seen_revision {
            self.show(revision).await;
        }
        let admitted = self.admit(call, row, &input, trail).await?;
        if row.changes {
            self.ports.audit.append(&trail.intent(self)).await.map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a change is refused because it cannot be audited"
                );
                AwsError::internal()
            })?;
        }
        let is_trial = admitted.is_trial;
        match handler(self, &admitted, trail).await {
            Ok(_) if is_trial => Err(would_have_succeeded()),
            Ok(body) => {
                *uses = last_uses(row, &admitted, trail);
                Ok(body)
            }
            refused => refused,
        }
    }

    fn answer(&self, served: Result<SecretBytes, AwsError>) -> Answer {
        let revision = self.snapshots.load().revision;
        match served {
            Ok(body) => Answer { status: 200, body, revision },
            Err(error) => Answer { status: error.code.status(), body: SecretBytes::new(error.body()), revision },
        }
    }
}

fn not_implemented(operation: Operation) -> AwsError {
    let message = format!("the operation {operation} is not implemented by this version of Coffer");
    AwsError::new(ErrorCode::UnsupportedOperation, message)
}
