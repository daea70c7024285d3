//! Sealed containers: known answers, and every change that must be refused.

use super::negatives::flips;
use super::vectors::{ContentCase, Formats, MaterialCase, ObjectCase, RootInputs};
use crate::api::container::HEADER_LENGTH;
use crate::crypto::digest::sha256;
use crate::crypto::kdf::{kbkdf, label};
use crate::crypto::seal::{MaterialBinding, check_value};
use crate::crypto::{derive, siv};
use crate::types::ids::{InstallationId, KeyId};
use crate::types::key::{KeySpec, Origin};
use crate::types::object::{Kind, ObjectName};

fn material() -> MaterialCase {
    Formats::load().material
}

/// The object whose refusals are tested; the record of a key stands for all.
fn state() -> ObjectCase {
    Formats::load().objects.into_iter().find(|case| case.purpose == "state").unwrap()
}

fn binding(case: &MaterialCase) -> MaterialBinding {
    MaterialBinding {
        key_id: KeyId::new(case.key_id.array(), false),
        version: case.version,
        spec: KeySpec::parse(&case.key_spec).unwrap(),
        origin: Origin::parse(&case.origin).unwrap(),
    }
}

/// The seal key by the words of the manual's page, without the code under test.
fn seal_key(inputs: &RootInputs, purpose: &str) -> [u8; 64] {
    let term = inputs.term.to_be_bytes();
    let mut key = [0; 64];
    let parts: [&[u8]; 5] = [label::SEAL_KEY, &[0], &inputs.installation, &term, purpose.as_bytes()];
    kbkdf(&inputs.root_key, &parts, &mut key).unwrap();
    key
}

#[test]
fn the_published_material_is_sealed_and_opens() {
    let case = material();
    let (root, binding) = (case.inputs.root(), binding(&case));
    assert_eq!(case.purpose, Kind::Material.purpose());
    assert_eq!(sha256(&[&seal_key(&case.inputs, &case.purpose)]), *case.seal_key_sha256);
    let check = check_value(&case.inputs.installation(), case.inputs.term, &case.inputs.key());
    assert_eq!((check, root.header().check_value), (case.check_value.array(), check));
    assert_eq!(root.seal_material(&binding, &case.plaintext).unwrap(), *case.container);
    assert_eq!(root.open_material(&binding, &case.container).unwrap().expose(), &*case.plaintext);
}

#[test]
fn the_published_object_of_each_purpose_is_sealed_and_opens() {
    let cases = Formats::load().objects;
    for case in &cases {
        let (root, name) = (case.inputs.root(), case.name());
        assert_eq!(sha256(&[&seal_key(&case.inputs, &case.purpose)]), *case.seal_key_sha256, "{name}");
        let key_id = name.key_id().map(|key_id| *key_id.as_bytes());
        assert_eq!(key_id, case.key_id.as_ref().map(super::vectors::Hex::array), "{name}");
        assert_eq!(key_id.unwrap_or_else(|| derive::object_id(&name)), *case.bound_id, "{name}");
        assert_eq!(root.seal_object(&name, case.epoch, &case.plaintext).unwrap(), *case.stored, "{name}");
        let (epoch, opened) = root.open_object(&name, &case.stored).unwrap();
        assert_eq!((epoch, opened.expose()), (case.epoch, &*case.plaintext), "{name}");
    }
    let purposes: Vec<&str> = cases.iter().map(|case| case.purpose.as_str()).collect();
    assert_eq!(purposes, ["state", "policy", "owner", "alias", "account", "grants", "ca", "replica", "usage"]);
    assert_eq!(cases.iter().filter(|case| case.object_name == case.name().as_str()).count(), 9);
}

#[test]
fn the_published_records_claims_and_entries_are_sealed_and_open() {
    let Formats { records, owners, accounts, .. } = Formats::load();
    let cases: Vec<&ContentCase> = records.iter().chain(&owners).chain(&accounts).collect();
    for case in &cases {
        let (root, name) = (case.inputs.root(), case.name());
        let bound_id = name.key_id().map_or_else(|| derive::object_id(&name), |key_id| *key_id.as_bytes());
        assert_eq!(bound_id, *case.bound_id, "{}", case.name);
        assert_eq!(root.seal_object(&name, case.epoch, &case.cbor).unwrap(), *case.stored, "{}", case.name);
        assert_eq!(sha256(&[&case.stored]), *case.stored_sha256, "{}", case.name);
        let (epoch, opened) = root.open_object(&name, &case.stored).unwrap();
        assert_eq!((epoch, opened.expose()), (case.epoch, &*case.cbor), "{}", case.name);
    }
    assert_eq!(cases.len(), 19);
    // A record of schema 1, what followed it, and what followed that when it was written again as schema 2.
    for (before, after) in [(0, 1), (1, 4)] {
        let previous = serde_json::json!(hex(&records[before].stored_sha256));
        assert_eq!(records[after].value["previous_hash"], previous, "{}", records[after].name);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn each_single_bit_flip_of_a_material_is_refused() {
    let case = material();
    let (root, binding) = (case.inputs.root(), binding(&case));
    let refused = flips(&case.container).filter(|(_, flipped)| root.open_material(&binding, flipped).is_err());
    assert_eq!(refused.count(), 544);
}

#[test]
fn each_single_bit_flip_of_an_object_is_refused_its_epoch_included() {
    let case = state();
    let (root, name) = (case.inputs.root(), case.name());
    let refused = flips(&case.stored).filter(|(_, flipped)| root.open_object(&name, flipped).is_err());
    assert_eq!((refused.count(), case.stored.len()), (512, 64));
}

#[test]
fn truncated_and_extended_containers_are_refused() {
    let (sealed, object) = (material(), state());
    let (root, binding, name) = (sealed.inputs.root(), binding(&sealed), object.name());
    for length in 0..sealed.container.len() {
        assert!(root.open_material(&binding, &sealed.container[..length]).is_err(), "{length} bytes");
    }
    for length in 0..object.stored.len() {
        assert!(root.open_object(&name, &object.stored[..length]).is_err(), "{length} bytes");
    }
    for extra in 1..=64 {
        let tail = vec![0; extra];
        assert!(root.open_material(&binding, &[&*sealed.container, &tail].concat()).is_err(), "{extra} bytes");
        assert!(root.open_object(&name, &[&*object.stored, &tail].concat()).is_err(), "{extra} bytes");
    }
}

#[test]
fn a_material_is_bound_to_each_bit_of_key_and_version() {
    let case = material();
    let (root, right) = (case.inputs.root(), binding(&case));
    for (bit, flipped) in flips(&case.key_id) {
        let key_id = KeyId::new(flipped.try_into().unwrap(), false);
        assert!(root.open_material(&MaterialBinding { key_id, ..right }, &case.container).is_err(), "bit {bit}");
    }
    for bit in 0..32 {
        let version = right.version ^ (1 << bit);
        assert!(root.open_material(&MaterialBinding { version, ..right }, &case.container).is_err(), "bit {bit}");
    }
}

#[test]
fn a_material_is_bound_to_spec_and_origin() {
    let case = material();
    let (root, right) = (case.inputs.root(), binding(&case));
    for spec in KeySpec::ALL {
        let opened = root.open_material(&MaterialBinding { spec: *spec, ..right }, &case.container);
        assert_eq!(opened.is_ok(), *spec == right.spec, "{spec}");
    }
    for origin in Origin::ALL {
        let opened = root.open_material(&MaterialBinding { origin: *origin, ..right }, &case.container);
        assert_eq!(opened.is_ok(), *origin == right.origin, "{origin}");
    }
}

/// The header's check value tells most of these apart before the cipher runs. So each container is tried a
/// second time with the header that the other root expects.
#[test]
fn containers_are_bound_to_installation_and_term() {
    let (sealed, object) = (material(), state());
    let installations = flips(&sealed.inputs.installation)
        .map(|(_, other)| (InstallationId::new(other.try_into().unwrap()), sealed.inputs.term));
    let terms = (0..32).map(|bit| (sealed.inputs.installation(), sealed.inputs.term ^ (1 << bit)));
    for (installation, term) in installations.chain(terms) {
        let other = sealed.inputs.root_of(installation, term);
        let header = other.header().to_bytes();
        let moved = [&header, &sealed.container[HEADER_LENGTH..]].concat();
        assert!(other.open_material(&binding(&sealed), &sealed.container).is_err(), "{installation} {term}");
        assert!(other.open_material(&binding(&sealed), &moved).is_err(), "{installation} {term}");
        let moved = [&object.stored[..8], &header, &object.stored[8 + HEADER_LENGTH..]].concat();
        assert!(other.open_object(&object.name(), &object.stored).is_err(), "{installation} {term}");
        assert!(other.open_object(&object.name(), &moved).is_err(), "{installation} {term}");
    }
}

#[test]
fn a_material_is_no_object_and_an_object_is_no_material() {
    let (sealed, object) = (material(), state());
    let (root, binding) = (sealed.inputs.root(), binding(&sealed));
    let epoch = u64::from(binding.version).to_be_bytes();
    let as_object = [&epoch, &*sealed.container].concat();
    let names = [ObjectName::key(&binding.key_id), ObjectName::material(&binding.key_id, 3, 7)];
    for name in names {
        assert!(root.open_object(&name, &as_object).is_err(), "{name}");
        assert!(root.open_object(&name, &sealed.container).is_err(), "{name}");
    }
    assert!(root.open_material(&binding, &object.stored).is_err());
    assert!(root.open_material(&MaterialBinding { version: 1, ..binding }, &object.stored[8..]).is_err());
}

/// Epoch, key and content are the same throughout, so only the purpose keeps these apart.
#[test]
fn an_object_opens_as_its_own_kind_only() {
    let case = state();
    let root = case.inputs.root();
    let printed = case.name().key_id().unwrap().to_string();
    let kinds = [(Kind::Key, ""), (Kind::Policy, "-1"), (Kind::Grants, "-0"), (Kind::Material, "-v1-t7")];
    let names = kinds.map(|(kind, rest)| ObjectName::parse(kind, &format!("{kind}-{printed}{rest}")).unwrap());
    for written in &names {
        let stored = root.seal_object(written, 1, b"content").unwrap();
        for read in &names {
            assert_eq!(root.open_object(read, &stored).is_ok(), read == written, "{written} read as {read}");
        }
    }
}

#[test]
fn an_object_is_bound_to_the_key_in_its_name_or_to_the_name() {
    let case = state();
    for (bit, flipped) in flips(&case.bound_id) {
        let other = ObjectName::key(&KeyId::new(flipped.try_into().unwrap(), false));
        assert!(case.inputs.root().open_object(&other, &case.stored).is_err(), "bit {bit}");
    }
    let others =
        [("owner", "owner-4rgi3mdmi57ezgcl7gfqrfkz3pqfw2la"), ("alias", "alias-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")];
    let more = [("account", "account-110250956500"), ("ca", "ca-2"), ("replica", "replica-coffer-1")];
    for (purpose, other) in others.into_iter().chain(more) {
        let case = Formats::load().objects.into_iter().find(|case| case.purpose == purpose).unwrap();
        let other = ObjectName::parse(case.name().kind(), other).unwrap();
        assert!(case.inputs.root().open_object(&other, &case.stored).is_err(), "{other}");
    }
}

#[test]
fn an_object_is_bound_to_its_epoch() {
    let case = state();
    let (root, name) = (case.inputs.root(), case.name());
    let stored = |epoch: u64| root.seal_object(&name, epoch, &case.plaintext).unwrap();
    for epoch in [0_u64, 2, 256, u64::MAX] {
        let moved = [&epoch.to_be_bytes(), &case.stored[8..]].concat();
        assert!(root.open_object(&name, &moved).is_err(), "{epoch}");
        assert_ne!(stored(epoch)[8..], case.stored[8..], "{epoch}");
    }
}

/// The vector is built here by the words of the manual's page. A cipher that joined its strings, or did not
/// care for their order, would open what must stay shut.
#[test]
fn the_eight_strings_cannot_trade_places_or_bytes() {
    let case = material();
    let key = seal_key(&case.inputs, "material");
    let (header, sealed) = case.container.split_at(HEADER_LENGTH);
    let version = case.version.to_be_bytes();
    let right: [&[u8]; 8] = [
        b"k8s-kms/v1/seal",
        header,
        &case.inputs.installation,
        &case.key_id,
        &version,
        b"material",
        case.key_spec.as_bytes(),
        case.origin.as_bytes(),
    ];
    let right = right.map(<[u8]>::to_vec);
    assert!(opens(&key, &right, sealed));
    for (first, second) in (0..8).flat_map(|first| (first + 1..8).map(move |second| (first, second))) {
        let mut swapped = right.clone();
        swapped.swap(first, second);
        assert!(!opens(&key, &swapped, sealed), "{first} and {second} swapped");
    }
    for at in 0..7 {
        let mut joined = right.to_vec();
        let next = joined.remove(at + 1);
        joined[at].extend(next);
        assert!(!opens(&key, &joined, sealed), "{at} joined with the next");
        let mut shifted = right.clone();
        let last = shifted[at].pop().unwrap();
        shifted[at + 1].insert(0, last);
        assert!(!opens(&key, &shifted, sealed), "the last byte of {at} given to the next");
    }
}

fn opens(key: &[u8; 64], strings: &[Vec<u8>], sealed: &[u8]) -> bool {
    let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
    siv::open(key, &strings, sealed).is_ok()
}
