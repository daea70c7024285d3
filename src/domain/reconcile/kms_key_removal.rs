//! Rules about a resource's removal and return. Removing a resource is a wish to delete its key, and the same
//! manifest applied again takes it back.

use super::kms_key::{Case, Step, note_spec, owner};
use crate::api::crd::condition::ConditionReason;
use crate::api::crd::kms_key::{DeletionPolicy, OnConflict};
use crate::domain::plan::{Action, Reason};
use crate::domain::record::{Hold, HoldCause, KeyManager, Record};
use crate::domain::vanished::remember;
use crate::types::time::Span;

/// The removal of the resource is a wish to delete: the window counts from now, the material stays.
pub(super) fn note_removal(case: &Case<'_>) -> Option<Step> {
    if case.input.resource.is_some() || case.is_kept_by_calls() {
        return None;
    }
    let record = case.record()?;
    let owner = (record.owner.namespace.as_str(), record.owner.name.as_str());
    let claimed = case.input.seen.claim.as_ref();
    // A claim may name a key by a fixed id that another resource was faster to make.
    let is_foreign = claimed.is_some_and(|claim| (claim.namespace.as_str(), claim.name.as_str()) != owner);
    (!is_foreign && goes_with_resource(record)).then(|| case.begin_window()).flatten()
}

/// Another resource of the same name tells that the earlier one was removed, though nobody saw it go: a replacement by
/// force is that quick, and so is everything while no replica runs. What the new one wants is asked afterwards.
pub(super) fn note_replacement(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let owner = (&record.owner.namespace, &record.owner.name);
    let is_foreign = (&resource.namespace, &resource.name) != owner;
    let removed = !is_foreign && !case.is_same_resource() && goes_with_resource(record);
    removed.then(|| case.begin_window()).flatten()
}

/// A platform-managed key is nobody's to delete; its resource is made again.
fn goes_with_resource(record: &Record) -> bool {
    record.hold(HoldCause::ResourceDeleted).is_none() && record.manager() == KeyManager::Customer
}

impl Case<'_> {
    /// Holds the key because its resource is gone. A deletion that the API scheduled keeps its date.
    fn begin_window(&self) -> Option<Step> {
        let since = self.input.now.max(self.input.gates.latest);
        self.replace(Reason::ResourceGone, |record| {
            record.set_hold(Hold { cause: HoldCause::ResourceDeleted, since, actor: "coffer".to_owned() });
            let deletion = record.spec.deletion;
            if deletion.policy == DeletionPolicy::Schedule && record.due.deletion.is_none() {
                record.due.deletion = Some(since.plus(Span::from_days(i64::from(deletion.window_days))));
                record.vanished_at.get_or_insert(since);
                record.attempt = None;
            }
        })
    }
}

pub(super) fn refuse_changed_immutables(case: &Case<'_>) -> Option<Step> {
    let (record, wanted) = case.record().zip(case.wanted())?;
    let key_id_fits = wanted.key_id.is_none_or(|key_id| key_id == record.key_id());
    let field = match (wanted.immutable, record.immutable) {
        (new, old) if new.key_spec != old.key_spec => "keySpec",
        (new, old) if new.key_usage != old.key_usage => "keyUsage",
        (new, old) if new.origin != old.origin => "origin",
        _ if wanted.multi_region != record.multi_region => "multiRegion",
        _ if !key_id_fits => "keyId",
        _ => return None,
    };
    if case.is_same_resource() {
        let message = format!("spec.{field} cannot be changed; a key with another {field} is another key");
        return Step::stall(Reason::SpecRefused, ConditionReason::ImmutableFieldChanged, message);
    }
    if wanted.mutable.deletion.on_conflict == OnConflict::NewKey {
        return case.make_new_key(record);
    }
    let message = format!(
        "the key {} of an earlier KmsKey of this name has another spec.{field}; apply the earlier manifest to restore \
         it, or set spec.deletion.onConflict to NewKey to leave it to its deletion and make another key",
        record.key_id()
    );
    Step::stall(Reason::SpecRefused, ConditionReason::RestoreConflict, message)
}

impl Case<'_> {
    /// The resource asks for another key in the place of the earlier one, which is left to its own window first.
    fn make_new_key(&self, record: &Record) -> Option<Step> {
        if record.hold(HoldCause::ResourceDeleted).is_none() {
            return self.begin_window();
        }
        self.move_owner(Reason::KeyReplaced)
    }

    /// Binds the resource's name to a key of its own.
    pub(super) fn move_owner(&self, because: Reason) -> Option<Step> {
        let claim = self.claim_on(&self.input.new_key_id?)?;
        Some(Step::act(because, Action::MoveOwner { from: self.input.key_id, claim }))
    }
}

/// A namespace that was deleted and made again gets no keys of the old one by accident.
pub(super) fn wait_for_restore_approval(case: &Case<'_>) -> Option<Step> {
    let (resource, record) = case.input.resource.zip(case.record())?;
    let own = case.is_same_resource() || resource.namespace_uid == record.owner.namespace_uid;
    if own || case.input.gates.restore {
        return None;
    }
    let message = format!(
        "the key {} belongs to an earlier namespace of this name; an administrator approves its restore by adding \
         namespace {} and namespaceUid {} to spec.restoreApprovals of the Installation",
        record.key_id(),
        resource.namespace,
        resource.namespace_uid
    );
    Step::stall(Reason::ResourceReplaced, ConditionReason::RestorePendingApproval, message)
}

/// The same manifest applied again finds its key: the hold of its removal is lifted, others stay, and so does a
/// deletion that the API scheduled.
pub(super) fn adopt_resource(case: &Case<'_>) -> Option<Step> {
    let (resource, wanted) = case.input.resource.zip(case.wanted())?;
    let held = case.record()?.hold(HoldCause::ResourceDeleted).is_some();
    if case.is_same_resource() && !held {
        return None;
    }
    let now = case.input.now;
    case.replace(Reason::ResourceReplaced, |record| {
        record.owner = owner(resource);
        note_spec(record, &wanted.mutable, now);
        remember(record);
        record.lift_hold(HoldCause::ResourceDeleted);
        if record.hold(HoldCause::ScheduleKeyDeletion).is_none() {
            record.due.deletion = None;
        }
        if held {
            record.restored_at = Some(now);
        }
    })
}
