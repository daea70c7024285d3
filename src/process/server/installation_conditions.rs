//! The conditions of the `Installation`: what somebody who runs the cluster should know.

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::api::crd::kms_key::StatusCondition;
use crate::domain::clock_guard::ClockDoubt;
use crate::engine::Engine;
use crate::engine::destruction::name_keys;
use crate::types::limits::CLOCK_SKEW_MAX;
use crate::types::time::Timestamp;

/// Each is deployed as a policy and a binding of this name; see `config/default/guard.yaml`.
pub const GUARDS: &[&str] = &["coffer-keep", "coffer-platform", "coffer-protected", "coffer-sealed"];

/// A condition as it is computed: type, whether it holds, reason, message.
type Told = (&'static str, bool, &'static str, String);

/// The guards that this cluster does not have. Nothing depends on them but the safety of people's hands.
///
/// # Errors
/// Why they cannot be looked for.
pub async fn missing_guards(client: &Client) -> Result<Vec<String>, String> {
    let api: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let listed = api.list_metadata(&ListParams::default()).await.map_err(|error| error.to_string())?;
    let there: Vec<String> = listed.items.iter().map(kube::ResourceExt::name_any).collect();
    let missing = GUARDS.iter().filter(|guard| !there.iter().any(|name| name == *guard));
    Ok(missing.map(|guard| (*guard).to_owned()).collect())
}

/// The whole list. The time of an unchanged status is kept.
#[must_use]
pub fn conditions(
    engine: &Engine,
    missing_guards: &Result<Vec<String>, String>,
    previous: &[StatusCondition],
    generation: i64,
) -> Vec<StatusCondition> {
    let now = engine.ports.clock.wall();
    let table = [ready(engine), root_in_same_store(), clock_skew(engine, now), frozen(engine), guarded(missing_guards)];
    let condition = |(kind, holds, reason, message): Told| {
        let status = if holds { "True" } else { "False" };
        let same = previous.iter().find(|before| before.kind == kind && before.status == status);
        StatusCondition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: generation,
            last_transition_time: same.map_or_else(|| now.to_rfc3339(), |same| same.last_transition_time.clone()),
        }
    };
    table.into_iter().map(condition).collect()
}

fn ready(engine: &Engine) -> Told {
    if !engine.snapshots.load().root_is_lost {
        return ("Ready", true, "AsExpected", String::new());
    }
    let message = "the Secret of the root is gone: bring it back from a backup before the last replica restarts, or no \
                   key opens any more; nothing new is sealed until then";
    ("Ready", false, "RootMissing", message.to_owned())
}

fn root_in_same_store() -> Told {
    let message = "the key that opens the root is a Secret in the same store as everything sealed: who can read both, \
                   or a backup of etcd, can open every key";
    ("RootInSameStore", true, "FileProvider", message.to_owned())
}

fn clock_skew(engine: &Engine, now: Timestamp) -> Told {
    let apart = engine.ports.clock.outside().map_or(0, |outside| now.since(outside).milliseconds().abs());
    if apart > CLOCK_SKEW_MAX.milliseconds() {
        let seconds = apart / 1000;
        let message =
            format!("the clocks of the leader and of the api server differ by {seconds} s; nothing is destroyed");
        return ("ClockSkew", true, "ClocksDiffer", message);
    }
    if engine.safe_now() == Err(ClockDoubt::Leap) {
        let message = "time made a leap of more than a day since anything ran here; nothing is destroyed for a day";
        return ("ClockSkew", true, "Leap", message.to_owned());
    }
    ("ClockSkew", false, "ClocksAgree", String::new())
}

fn frozen(engine: &Engine) -> Told {
    let frozen = engine.frozen_keys();
    if frozen.is_empty() {
        return ("DestroyFrozen", false, "NothingFrozen", String::new());
    }
    let (count, names) = (frozen.len(), name_keys(frozen.iter().copied()));
    let message = format!(
        "{count} keys vanished together and are not destroyed when their time comes ({names}); apply their resources \
         again to restore them, or set spec.destroyVanishedUntil to a time after they vanished to let them be destroyed"
    );
    ("DestroyFrozen", true, "VanishedTogether", message)
}

fn guarded(missing: &Result<Vec<String>, String>) -> Told {
    match missing {
        Ok(missing) if missing.is_empty() => ("Guarded", true, "AsExpected", String::new()),
        Ok(missing) => {
            let message = format!(
                "the admission policies {} are not bound: hands can delete what must not be deleted; apply config/default",
                missing.join(", ")
            );
            ("Guarded", false, "GuardsMissing", message)
        }
        Err(error) => ("Guarded", false, "GuardsUnknown", format!("the admission policies cannot be listed: {error}")),
    }
}
