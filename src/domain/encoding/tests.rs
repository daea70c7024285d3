use proptest::prelude::*;
use serde_json::Value;

mod answers;

use answers::{cases, cbor, claim, entry, full, record, unhex};

use super::*;
use crate::domain::change::{self, Change};
use crate::domain::record::Material;

/// Holds every case of a list to its bytes, in both directions, and counts them.
fn hold_to_answers<T: Content + PartialEq + std::fmt::Debug>(list: &str, read: impl Fn(&Value) -> T) -> usize {
    let cases = cases(list);
    for (name, value, bytes) in &cases {
        let content = read(value);
        assert_eq!(encode(&content).unwrap(), *bytes, "{name}");
        assert_eq!(decode::<T>(bytes).unwrap(), content, "{name}");
    }
    cases.len()
}

#[test]
fn records_claims_and_entries_have_the_published_bytes() {
    assert_eq!(hold_to_answers("records", record), 17);
    assert_eq!(hold_to_answers("owners", claim), 1);
    assert_eq!(hold_to_answers("accounts", entry), 1);
}

#[test]
fn every_truncation_and_every_extension_is_malformed() {
    for (name, _, bytes) in cases("records") {
        for length in 0..bytes.len() {
            assert_eq!(decode::<Record>(&bytes[..length]), Err(ContentError::Malformed), "{name}, {length} bytes");
        }
        for extra in [0x00, 0x60, 0xf6, 0xff] {
            let longer = [bytes.as_slice(), &[extra]].concat();
            assert_eq!(decode::<Record>(&longer), Err(ContentError::Malformed), "{name}, {extra:02x}");
        }
    }
}

/// Each of these says the same as the canonical bytes, or nearly so, to a reader that is not strict.
#[test]
fn one_entry_has_one_encoding() {
    let uid = "50 66666666777748888999aaaaaaaaaaaa";
    let name = "67 64656661756c74";
    let canonical = format!("a3 01 01 02 {name} 03 {uid}");
    assert_eq!(unhex(&canonical), cbor("accounts", "entry"));
    assert!(decode::<AccountEntry>(&unhex(&canonical)).is_ok());
    let others = [
        ("an integer in two bytes", format!("a3 01 1801 02 {name} 03 {uid}")),
        ("an integer in nine bytes", format!("a3 01 1b0000000000000001 02 {name} 03 {uid}")),
        ("a key in two bytes", format!("a3 1801 01 02 {name} 03 {uid}")),
        ("a length in two bytes", format!("a3 01 01 02 78 07 64656661756c74 03 {uid}")),
        ("a map's length in two bytes", format!("b803 01 01 02 {name} 03 {uid}")),
        ("an indefinite map", format!("bf 01 01 02 {name} 03 {uid} ff")),
        ("an indefinite text", format!("a3 01 01 02 7f {name} ff 03 {uid}")),
        ("indefinite bytes", format!("a3 01 01 02 {name} 03 5f {uid} ff")),
        ("keys in another order", format!("a3 02 {name} 01 01 03 {uid}")),
        ("a key twice", format!("a4 01 01 01 01 02 {name} 03 {uid}")),
        ("a key missing", format!("a2 02 {name} 03 {uid}")),
        ("an unknown key", format!("a4 01 01 02 {name} 03 {uid} 04 00")),
        ("an unknown key with a tag", format!("a4 01 01 02 {name} 03 {uid} 04 c100")),
        ("a key of text", format!("a3 6131 01 02 {name} 03 {uid}")),
        ("an array", format!("83 01 {name} {uid}")),
        ("a tag before all", format!("d9d9f7 {canonical}")),
        ("a tag inside", format!("a3 01 01 02 c0 {name} 03 {uid}")),
        ("a float", format!("a3 01 f93c00 02 {name} 03 {uid}")),
        ("a negative schema", format!("a3 01 20 02 {name} 03 {uid}")),
        ("schema 0", format!("a3 01 00 02 {name} 03 {uid}")),
        ("null", format!("a3 01 01 02 f6 03 {uid}")),
        ("bytes for text", format!("a3 01 01 02 47 64656661756c74 03 {uid}")),
        ("text for bytes", format!("a3 01 01 02 {name} 03 70 30303030303030303030303030303030")),
        ("a short uid", format!("a3 01 01 02 {name} 03 4f 666666667777488889 99aaaaaaaaaa")),
        ("text that is not UTF-8", format!("a3 01 01 02 62 c328 03 {uid}")),
        ("nothing", String::new()),
    ];
    for (what, bytes) in others {
        assert_eq!(decode::<AccountEntry>(&unhex(&bytes)), Err(ContentError::Malformed), "{what}");
    }
}

/// Replaces the one place where `from` occurs in the full record of schema 1.
fn edited(from: &str, to: &str) -> Vec<u8> {
    edited_in("every field", from, to)
}

fn edited_in(name: &str, from: &str, to: &str) -> Vec<u8> {
    let (bytes, from) = (cbor("records", name), unhex(from));
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&from)).collect();
    assert_eq!(places.len(), 1, "the place is not unique");
    [&bytes[..places[0]], &unhex(to), &bytes[places[0] + from.len()..]].concat()
}

#[test]
fn tags_are_sorted_pairs_without_repetition() {
    let (cost, a) = ("82 64436f7374 60", "82 6161 6131");
    assert_eq!(decode(&edited(&format!("{cost} {a}"), &format!("{cost} {a}"))), Ok(full()));
    let wrong = [format!("{a} {cost}"), format!("{a} {a}"), format!("{cost} 81 6161"), format!("{cost} a1 6161 6131")];
    for pairs in wrong {
        let bytes = edited(&format!("{cost} {a}"), &pairs);
        assert_eq!(decode::<Record>(&bytes), Err(ContentError::Malformed), "{pairs}");
    }
}

#[test]
fn an_absent_value_is_left_out_and_never_null() {
    let mut record = full();
    record.announced_version = None;
    let without = encode(&record).unwrap();
    assert_eq!(without.first(), Some(&0xae));
    assert_eq!(decode(&without), Ok(record));
    // Key 11 with its 4, in front of the accepted policy.
    assert_eq!(decode::<Record>(&edited("0b 04 0c a2", "0b f6 0c a2")), Err(ContentError::Malformed));
    assert_eq!(decode::<Record>(&edited("0b 04 0c a2", "0b f7 0c a2")), Err(ContentError::Malformed));
}

#[test]
fn unknown_words_and_wrong_types_are_malformed() {
    let cases = [
        ("67 43726561746564", "67 63726561746564", "created, lower case"),
        ("6a 44697361626c654b6579", "6a 44697361626c654b6578", "a cause that does not exist"),
        ("68 5265717569726564", "67 526571756972 65", "a shorter word"),
        ("0f 1b000001977420dc00", "0f fb4278797420dc0000", "a float as time"),
        ("0e 1a00010000", "0e 20", "a negative epoch"),
    ];
    for (from, to, what) in cases {
        assert_eq!(decode::<Record>(&edited(from, to)), Err(ContentError::Malformed), "{what}");
    }
}

/// The parts of the full record of schema 2 that the cases below edit, each as it stands there.
mod parts {
    /// Key 5 of the deletion, after its protection.
    pub const EXTEND: &str = "04 f5 05 f5";
    /// Both due times.
    pub const DUE: &str = "09 a2 01 1b00000199c82cc004 02 1b00000199c82cc005";
    /// The start of the first `imported`, in the third material, after its request.
    pub const IMPORTED: &str = "08 61 72 09 a3 01 f4 02";
    /// The current version, and the start of the announcement.
    pub const CURRENT: &str = "10 03 11 a4 01 1b00000199c82cc006 02";
    /// The import epoch.
    pub const EPOCH: &str = "14 18 18 15";
    /// When the resource came back.
    pub const RESTORED: &str = "16 1b00000199c82cc009";
    /// The public key.
    pub const PUBLIC_KEY: &str =
        "17 582c 302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    /// The end: when the resource vanished.
    pub const VANISHED: &str = "1818 1b00000199c82cc00a";
}

/// A case: what, and the place of the full record of schema 2 before and after.
type Edit = (&'static str, &'static str, &'static str);

fn assert_malformed(edits: &[Edit]) {
    for (what, from, to) in edits {
        let bytes = edited_in("schema 2, every field", from, to);
        assert_eq!(decode::<Record>(&bytes), Err(ContentError::Malformed), "{what}");
    }
}

#[test]
fn unknown_words_of_schema_2_are_malformed() {
    assert_malformed(&[
        ("a rotation type", "06 69 4155544f4d41544943", "06 66 4d414e55414c"),
        ("a rotation type in lower case", "02 69 4f4e5f44454d414e44", "02 69 6f6e5f64656d616e64"),
        ("a lifecycle", "6a 44657374726f79696e67", "69 44657374726f796572"),
        ("a hold cause", "73 5363686564756c654b657944656c6574696f6e", "68 5363686564756c65"),
        ("a manager", "65 4f574e4544", "65 4f574e4552"),
    ]);
}

#[test]
fn fields_of_schema_2_have_one_type_and_are_left_out_where_absent() {
    use parts::{CURRENT, DUE, EPOCH, EXTEND, IMPORTED, PUBLIC_KEY, RESTORED, VANISHED};
    assert_malformed(&[
        ("extend on use false, written out", EXTEND, "04 f5 05 f4"),
        ("extend on use as a number", EXTEND, "04 f5 05 01"),
        ("extend on use null", EXTEND, "04 f5 05 f6"),
        ("the next rotation null", DUE, "09 a2 01 1b00000199c82cc004 02 f6"),
        ("imported without present", IMPORTED, "08 61 72 09 a2 02"),
        ("imported as a flag, the rest unknown", IMPORTED, "08 61 72 09 f5 01 f4 02"),
        ("present as a number", IMPORTED, "08 61 72 09 a3 01 00 02"),
        ("present null", IMPORTED, "08 61 72 09 a3 01 f6 02"),
        ("current version as text", CURRENT, "10 61 33 11 a4 01 1b00000199c82cc006 02"),
        ("current version null", CURRENT, "10 f6 11 a4 01 1b00000199c82cc006 02"),
        ("current version negative", CURRENT, "10 20 11 a4 01 1b00000199c82cc006 02"),
        ("current version of 33 bits", CURRENT, "10 1b0000000100000000 11 a4 01 1b00000199c82cc006 02"),
        ("current version in two bytes", CURRENT, "10 18 03 11 a4 01 1b00000199c82cc006 02"),
        ("an announcement without its time", CURRENT, "10 03 11 a3 02"),
        ("an unknown key of an announcement", CURRENT, "10 03 11 a5 00 00 01 1b00000199c82cc006 02"),
        ("an import epoch of 33 bits", EPOCH, "14 1b0000000100000000 15"),
        ("restored at as a float", RESTORED, "16 fb4278797420dc0000"),
        ("restored at as text", RESTORED, "16 60"),
        ("restored at null", RESTORED, "16 f6"),
        ("a public key null", PUBLIC_KEY, "17 f6"),
        ("a public key as text", PUBLIC_KEY, "17 62 3061"),
        ("a public key as a list of bytes", PUBLIC_KEY, "17 82 18 30 18 2a"),
        ("a public key of an indefinite length", PUBLIC_KEY, "17 5f 42 302a ff"),
        ("a public key with its length in two bytes", PUBLIC_KEY, "17 59 0002 302a"),
        ("vanished at as a float", VANISHED, "1818 fb4278797420dc0000"),
        ("vanished at as text", VANISHED, "1818 60"),
        ("vanished at null", VANISHED, "1818 f6"),
        ("vanished at before the public key", RESTORED, "1818 1b00000199c82cc00a 16 1b00000199c82cc009"),
        ("an unknown key at the end, not counted", VANISHED, "1818 1b00000199c82cc00a 1819 00"),
    ]);
}

fn assert_ill_formed(record: &Record, what: &str) {
    assert_eq!(encode(record), Err(ContentError::IllFormed), "{what}");
    let bytes = minicbor::to_vec(record).unwrap();
    assert_eq!(decode::<Record>(&bytes), Err(ContentError::IllFormed), "{what}");
}

#[test]
fn a_customers_key_and_the_first_import_epoch_are_not_written_out() {
    let record: Record = decode(&cbor("records", "schema 2, every field")).unwrap();
    assert_ill_formed(&Record { manager: Some(KeyManager::Customer), ..record.clone() }, "manager");
    assert_ill_formed(&Record { import_epoch: Some(0), ..record }, "import epoch");
}

/// Takes one thing out of a record of schema 2 and puts it into one of schema 1.
type Transfer = fn(&mut Record, &Record);

#[test]
fn a_record_of_schema_1_has_nothing_that_schema_2_added() {
    let new: Record = decode(&cbor("records", "schema 2, every field")).unwrap();
    let transfers: [(&str, Transfer); 18] = [
        ("current version", |old, new| old.current_version = new.current_version),
        ("announcement", |old, new| old.announcement.clone_from(&new.announcement)),
        ("manager", |old, new| old.manager = new.manager),
        ("attempt", |old, new| old.attempt.clone_from(&new.attempt)),
        ("import epoch", |old, new| old.import_epoch = new.import_epoch),
        ("destroyed at", |old, new| old.destroyed_at = new.destroyed_at),
        ("restored at", |old, new| old.restored_at = new.restored_at),
        ("public key", |old, new| old.public_key.clone_from(&new.public_key)),
        ("vanished at", |old, new| old.vanished_at = new.vanished_at),
        ("the next rotation", |old, new| old.due.rotation = new.due.rotation),
        ("extend on use", |old, new| old.spec.deletion.extend_on_use = new.spec.deletion.extend_on_use),
        ("Destroying", |old, _| old.lifecycle = Lifecycle::Destroying),
        ("Destroyed", |old, _| old.lifecycle = Lifecycle::Destroyed),
        ("ScheduleKeyDeletion", |old, new| old.set_hold(new.hold(HoldCause::ScheduleKeyDeletion).unwrap().clone())),
        ("rotation", |old, new| old.materials[2].rotation = new.materials[2].rotation),
        ("activated at", |old, new| old.materials[2].activated_at = new.materials[2].activated_at),
        ("request", |old, new| old.materials[2].request.clone_from(&new.materials[2].request)),
        ("imported", |old, new| old.materials[2].imported.clone_from(&new.materials[2].imported)),
    ];
    for (what, transfer) in transfers {
        let mut old = full();
        transfer(&mut old, &new);
        assert_ne!(old, full(), "{what}");
        assert_ill_formed(&old, what);
        old.schema = RECORD_SCHEMA;
        assert!(encode(&old).is_ok(), "{what}");
    }
}

/// Old records are read for ever, and nothing that was added later appears in them by reading.
#[test]
fn a_record_of_schema_1_is_read_and_keeps_its_bytes() {
    for (name, encrypts_with) in
        [("minimal, Creating", None), ("Created with one material", Some(1)), ("every field", Some(3))]
    {
        let bytes = cbor("records", name);
        let record: Record = decode(&bytes).unwrap();
        assert_eq!(record.schema, 1, "{name}");
        assert_eq!(encode(&record).unwrap(), bytes, "{name}");
        assert_eq!((record.current_version, record.current_version()), (None, encrypts_with), "{name}");
        assert_eq!(record.current_material(), record.materials.last(), "{name}");
        // The first change makes it a record of schema 2, which still says nothing of a current version.
        let again = Record { schema: RECORD_SCHEMA, ..record };
        let written = encode(&again).unwrap();
        assert_eq!((written.len(), decode(&written)), (bytes.len(), Ok(again)), "{name}");
    }
}

#[test]
fn an_attempt_noted_in_a_record_of_schema_1_makes_it_one_of_schema_2() {
    let note = |record: &Record| match change::note_attempt(record, "arn", "Decrypt", Timestamp::default()) {
        Change::Write(next) => *next,
        other => panic!("{other:?}"),
    };
    let next = note(&full());
    assert_eq!((full().schema, next.schema, next.attempt.is_some()), (1, RECORD_SCHEMA, true));
    assert_eq!(decode(&encode(&next).unwrap()), Ok(next));
    let newer = note(&Record { schema: RECORD_SCHEMA + 1, ..full() });
    assert_eq!(encode(&newer), Err(ContentError::NewerSchema(RECORD_SCHEMA + 1)));
}

#[test]
fn the_current_version_need_not_be_the_newest() {
    for (name, encrypts_with, newest) in [
        ("schema 2, rotated", 3, 3),
        ("schema 2, a rotation on its way", 1, 2),
        ("schema 2, imported material that waits", 1, 2),
        ("schema 2, a record of schema 1 written again", 1, 1),
    ] {
        let record: Record = decode(&cbor("records", name)).unwrap();
        assert_eq!(record.current_material().map(|material| material.version), Some(encrypts_with), "{name}");
        assert_eq!(record.materials.last().map(|material| material.version), Some(newest), "{name}");
    }
    let on_its_way: Record = decode(&cbor("records", "schema 2, a rotation on its way")).unwrap();
    assert_eq!(on_its_way.rotating_material().map(|material| material.version), Some(2));
    let waits: Record = decode(&cbor("records", "schema 2, imported material that waits")).unwrap();
    assert_eq!(waits.waiting_material().map(|material| material.version), Some(2));
    assert_eq!(waits.rotating_material(), None);
}

#[test]
fn a_newer_schema_is_read_and_never_written() {
    let newer = unhex("a4 01 02 02 67 64656661756c74 03 50 66666666777748888999aaaaaaaaaaaa 18 63 82 01 a1 01 02");
    let entry: AccountEntry = decode(&newer).unwrap();
    assert_eq!((entry.schema, entry.namespace.as_str()), (2, "default"));
    assert_eq!(encode(&entry), Err(ContentError::NewerSchema(2)));
    let record = Record { schema: RECORD_SCHEMA + 1, ..full() };
    assert_eq!(encode(&record), Err(ContentError::NewerSchema(RECORD_SCHEMA + 1)));
    let longer = [newer.as_slice(), &[0]].concat();
    assert_eq!(decode::<AccountEntry>(&longer), Err(ContentError::Malformed));
}

#[test]
fn more_holds_or_materials_than_a_record_may_have_are_not_written() {
    let (row, hold) = (full().materials[0].clone(), full().holds[0].clone());
    for (count, allowed) in [(MATERIALS_MAX, true), (MATERIALS_MAX + 1, false)] {
        let versions = 1..=u32::try_from(count).unwrap();
        let materials = versions.map(|version| Material { version, ..row.clone() }).collect();
        let record = Record { materials, ..full() };
        assert_eq!(encode(&record).is_ok(), allowed, "{count} materials");
    }
    let record = Record { holds: vec![hold; HOLDS_MAX + 1], ..full() };
    assert_eq!(encode(&record), Err(ContentError::IllFormed));
}

#[test]
fn lists_out_of_order_are_neither_written_nor_read() {
    let record = full();
    let mut swapped = record.clone();
    swapped.holds.reverse();
    let mut repeated = record.clone();
    repeated.materials.push(record.materials[2].clone());
    for ill_formed in [swapped, repeated] {
        assert_eq!(encode(&ill_formed), Err(ContentError::IllFormed));
        let bytes = minicbor::to_vec(&ill_formed).unwrap();
        assert_eq!(decode::<Record>(&bytes), Err(ContentError::IllFormed));
    }
}

/// Lengths and depths that bytes only claim must cost neither memory nor the stack.
#[test]
fn claims_of_enormous_size_are_malformed() {
    let nested = [unhex("a4 01 02"), unhex("18 63"), vec![0x81; 100_000]].concat();
    assert_eq!(decode::<AccountEntry>(&nested), Err(ContentError::Malformed));
    for huge in
        ["bb ffffffffffffffff", "a1 08 9b ffffffffffffffff", "a1 02 5b ffffffffffffffff", "a1 07 7b 7fffffffffffffff"]
    {
        assert_eq!(decode::<Record>(&unhex(huge)), Err(ContentError::Malformed), "{huge}");
    }
}

proptest! {
    #[test]
    fn whatever_decodes_under_this_schema_encodes_to_the_same_bytes(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        name in prop::sample::select(cases("records").into_iter().map(|(name, ..)| name).collect::<Vec<_>>()),
    ) {
        let mut bytes = cbor("records", &name);
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(record) = decode::<Record>(&bytes)
            && record.schema <= RECORD_SCHEMA
        {
            prop_assert_eq!(encode(&record).unwrap(), bytes);
        }
    }

    #[test]
    fn foreign_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode::<Record>(&bytes).is_err());
        prop_assert!(decode::<OwnerClaim>(&bytes).is_err());
    }
}
