//! The published answers, and how their JSON is read.

use serde_json::Value;

use crate::domain::encoding::*;
use crate::domain::record::{
    AcceptedPolicy, AnnouncedImport, Announcement, Attempt, DeletionSpec, DueTimes, Hold, ImmutableSpec, Imported,
    Material, MutableSpec, Owner, RotationSpec,
};

const FORMATS: &str = include_str!("../../../../e2e/vectors/formats.json");

/// The cases of one list of `formats.json`: name, value and CBOR.
pub(super) fn cases(list: &str) -> Vec<(String, Value, Vec<u8>)> {
    let file: Value = serde_json::from_str(FORMATS).unwrap();
    let cases = file[list].as_array().unwrap().iter();
    cases.map(|case| (text(&case["name"]), case["value"].clone(), hex(&case["cbor"]))).collect()
}

/// The CBOR of the case of this name.
pub(super) fn cbor(list: &str, name: &str) -> Vec<u8> {
    cases(list).into_iter().find(|(known, ..)| known == name).unwrap().2
}

pub(super) fn full() -> Record {
    decode(&cbor("records", "every field")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

pub(super) fn hex(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

fn number<T: TryFrom<u64, Error: std::fmt::Debug>>(value: &Value) -> T {
    value.as_u64().unwrap().try_into().unwrap()
}

fn time(value: &Value) -> Timestamp {
    Timestamp::from_milliseconds(value.as_i64().unwrap())
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap()
}

fn rows<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(read).collect()
}

pub(super) fn record(value: &Value) -> Record {
    Record {
        schema: number(&value["schema"]),
        key_bytes: array(&value["key_id"]),
        multi_region: flag(&value["multi_region"]),
        owner: owner(&value["owner"]),
        immutable: immutable(&value["immutable_spec"]),
        spec: spec(&value["last_spec"]),
        lifecycle: Lifecycle::parse(value["lifecycle"].as_str().unwrap()).unwrap(),
        holds: rows(&value["holds"], hold),
        due: DueTimes {
            deletion: value["due_times"].get("deletion").map(time),
            rotation: value["due_times"].get("rotation").map(time),
        },
        materials: rows(&value["materials"], material),
        announced_version: value.get("announced_version").map(number),
        policy: value.get("accepted_policy").map(policy),
        previous_hash: array(&value["previous_hash"]),
        primary_epoch: number(&value["primary_epoch"]),
        created_at: time(&value["created_at"]),
        current_version: value.get("current_version").map(number),
        announcement: value.get("announcement").map(announcement),
        manager: value.get("manager").map(|word| KeyManager::parse(word.as_str().unwrap()).unwrap()),
        attempt: value.get("attempt").map(attempt),
        import_epoch: value.get("import_epoch").map(number),
        destroyed_at: value.get("destroyed_at").map(time),
        restored_at: value.get("restored_at").map(time),
        public_key: value.get("public_key").map(|hex| unhex(hex.as_str().unwrap()).into()),
        vanished_at: value.get("vanished_at").map(time),
    }
}

fn announcement(value: &Value) -> Announcement {
    Announcement {
        announced_at: time(&value["announced_at"]),
        rotation: value.get("rotation").map(rotation),
        request: value.get("request").map(text),
        import: value.get("import").map(|import| AnnouncedImport {
            material_id: MaterialId::new(array(&import["material_id"])),
            imported: imported(&import["imported"]),
        }),
    }
}

fn rotation(value: &Value) -> RotationType {
    RotationType::parse(value.as_str().unwrap()).unwrap()
}

fn imported(value: &Value) -> Imported {
    Imported {
        present: flag(&value["present"]),
        valid_to: value.get("valid_to").map(time),
        description: value.get("description").map(text),
    }
}

fn attempt(value: &Value) -> Attempt {
    Attempt { at: time(&value["at"]), actor: text(&value["actor"]), operation: text(&value["operation"]) }
}

fn owner(value: &Value) -> Owner {
    Owner {
        namespace: text(&value["namespace"]),
        name: text(&value["name"]),
        namespace_uid: ObjectUid::new(array(&value["namespace_uid"])),
        resource_uid: ObjectUid::new(array(&value["resource_uid"])),
        generation: number(&value["generation"]),
    }
}

fn immutable(value: &Value) -> ImmutableSpec {
    ImmutableSpec {
        key_spec: KeySpec::parse(value["key_spec"].as_str().unwrap()).unwrap(),
        key_usage: KeyUsage::parse(value["key_usage"].as_str().unwrap()).unwrap(),
        origin: Origin::parse(value["origin"].as_str().unwrap()).unwrap(),
    }
}

fn spec(value: &Value) -> MutableSpec {
    let (deletion, rotation) = (&value["deletion"], &value["rotation"]);
    MutableSpec {
        description: text(&value["description"]),
        enabled: flag(&value["enabled"]),
        tags: rows(&value["tags"], |pair| (text(&pair[0]), text(&pair[1]))).into_iter().collect(),
        policy: PolicyDefault::parse(value["policy"].as_str().unwrap()).unwrap(),
        deletion: DeletionSpec {
            policy: DeletionPolicy::parse(deletion["policy"].as_str().unwrap()).unwrap(),
            window_days: number(&deletion["pending_window_days"]),
            on_conflict: OnConflict::parse(deletion["on_conflict"].as_str().unwrap()).unwrap(),
            protection: flag(&deletion["protection"]),
            extend_on_use: deletion.get("extend_on_use").is_some_and(flag),
        },
        rotation: RotationSpec {
            automatic: flag(&rotation["automatic"]),
            period_days: number(&rotation["period_days"]),
            on_demand_request: rotation.get("on_demand_request").map(text),
        },
    }
}

fn hold(value: &Value) -> Hold {
    let cause = HoldCause::parse(value["cause"].as_str().unwrap()).unwrap();
    Hold { cause, since: time(&value["since"]), actor: text(&value["actor"]) }
}

fn material(value: &Value) -> Material {
    Material {
        version: number(&value["version"]),
        term: number(&value["term"]),
        material_id: MaterialId::new(array(&value["material_id"])),
        stored_name: text(&value["object_name"]),
        created_at: time(&value["created_at"]),
        rotation: value.get("rotation").map(rotation),
        activated_at: value.get("activated_at").map(time),
        request: value.get("request").map(text),
        imported: value.get("imported").map(imported),
    }
}

fn policy(value: &Value) -> AcceptedPolicy {
    AcceptedPolicy { number: number(&value["number"]), digest: array(&value["sha256"]) }
}

pub(super) fn claim(value: &Value) -> OwnerClaim {
    OwnerClaim {
        schema: number(&value["schema"]),
        key_bytes: array(&value["key_id"]),
        multi_region: flag(&value["multi_region"]),
        namespace: text(&value["namespace"]),
        name: text(&value["name"]),
        confirmed: flag(&value["confirmed"]),
    }
}

pub(super) fn entry(value: &Value) -> AccountEntry {
    AccountEntry {
        schema: number(&value["schema"]),
        namespace: text(&value["namespace"]),
        namespace_uid: ObjectUid::new(array(&value["namespace_uid"])),
    }
}
