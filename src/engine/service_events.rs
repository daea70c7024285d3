//! Records of what no caller did: rotations by the calendar, removals, destruction
//! ([AWS: CloudTrail service events](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html)).

use super::Engine;
use super::trail::new_id;
use crate::domain::plan::Reason;
use crate::domain::record::Record;
use crate::ports::audit::{AuditError, AuditRecord, AuditResource, Parameter, Parameters, Phase};
use crate::types::account::AccountId;

/// Whether a record is made before something is done or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before: without the record it is not done.
    Before,
    /// After.
    After,
}

/// What is recorded, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceEvent {
    /// The name, AWS's where AWS has one.
    pub name: &'static str,
    /// When.
    pub moment: Moment,
}

impl ServiceEvent {
    /// What is recorded of a plan, where anything is.
    #[must_use]
    pub const fn of(because: Reason) -> Option<Self> {
        let (name, moment) = match because {
            Reason::RotationShown => ("RotateKey", Moment::After),
            Reason::DeletionDue => ("DeleteKey", Moment::Before),
            Reason::Destroyed => ("DeleteKey", Moment::After),
            Reason::ImportExpired => ("DeleteExpiredKeyMaterial", Moment::Before),
            Reason::ResourceGone => ("ScheduleKeyDeletion", Moment::After),
            Reason::ResourceReplaced => ("RestoreKey", Moment::After),
            Reason::KeyReplaced | Reason::KeyDestroyedBefore => ("ReplaceKey", Moment::After),
            Reason::TombstoneOld => ("ForgetKey", Moment::Before),
            _ => return None,
        };
        Some(Self { name, moment })
    }
}

impl Engine {
    /// Records an event about a key.
    pub(super) async fn record_service_event(&self, event: &ServiceEvent, record: &Record) -> Result<(), AuditError> {
        let owner = format!("{}/{}", record.owner.namespace, record.owner.name);
        let mut details = vec![("kmsKey", Parameter::Text(owner))];
        if let Some(rotation) = record.rotating_material().and_then(|material| material.rotation) {
            details.push(("rotationType", Parameter::Text(rotation.to_string())));
        }
        self.record_event(event, Some(record), details).await
    }

    /// Records an event about a key or about none.
    pub(super) async fn record_event(
        &self,
        event: &ServiceEvent,
        record: Option<&Record>,
        details: Parameters,
    ) -> Result<(), AuditError> {
        let account =
            record.map_or(AccountId::INSTALLATION, |record| self.accounts.account_of(&record.owner.namespace));
        let key = record.map(|record| AuditResource {
            arn: self.place(account).key_arn(&record.key_id()),
            account_id: account.to_string(),
            kind: "AWS::KMS::Key",
        });
        let phase = if event.moment == Moment::Before { Phase::Intent } else { Phase::Outcome };
        let audit_record = AuditRecord {
            additional_event_data: details,
            event_id: new_id(self),
            read_only: false,
            resources: key.into_iter().collect(),
            recipient_account_id: account.to_string(),
            phase,
            ..AuditRecord::service_event(event.name, &self.region, self.ports.clock.wall())
        };
        self.ports.audit.append(&audit_record).await
    }
}
