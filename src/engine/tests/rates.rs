//! In which classes requests count, and how often.

use serde_json::json;

use super::pairs::make;
use super::support::{PLAINTEXT, Setup};
use crate::api::aws::operation::Operation;
use crate::domain::quota::{QuotaClass, Rate};
use crate::engine::limiter::Rates;
use crate::types::key::{KeySpec, KeyUsage};

const fn rate(class: QuotaClass) -> Option<Rate> {
    match class {
        QuotaClass::Symmetric => Some(Rate { per_second: 3 }),
        QuotaClass::Rsa => Some(Rate { per_second: 1 }),
        _ => None,
    }
}

/// Opening is one use of a key, and sealing is another.
#[test]
fn re_encrypt_counts_for_each_of_its_keys_in_the_class_of_that_key() {
    let mut setup = Setup::new();
    setup.rates = Rates { principal: None, class: rate };
    let world = setup.start();
    let symmetric = world.key("symmetric");
    let rsa = make(&world, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt)["KeyId"].clone();
    let blob = world.encrypt(&symmetric);
    world.pass(1000);
    let here = json!({"CiphertextBlob": blob, "DestinationKeyId": symmetric.to_string()});
    let there = json!({
        "CiphertextBlob": blob, "DestinationKeyId": rsa, "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    });
    let throttled = |operation, body| assert_eq!(world.refused(operation, body), "ThrottlingException", "{operation}");
    let encrypt = json!({"KeyId": symmetric.to_string(), "Plaintext": PLAINTEXT});

    world.ok(Operation::ReEncrypt, here);
    world.ok(Operation::Encrypt, encrypt.clone());
    throttled(Operation::Encrypt, encrypt.clone());

    world.pass(1000);
    world.ok(Operation::ReEncrypt, there.clone());
    throttled(Operation::ReEncrypt, there);
    world.ok(Operation::Encrypt, encrypt.clone());
    throttled(Operation::Encrypt, encrypt);
}
