//! The members of every operation against the input shapes of the AWS KMS model, both ways.
//!
//! `model_inputs.json` is what botocore says; a test in `e2e/local/test_model.py` compares the two.

use serde_json::{Map, Value, json};

use super::find;
use crate::api::aws::member::{Member, Shape};
use crate::api::aws::operation::Operation;

/// Where a member deliberately differs: the shape of the model, ours, and why.
fn known_differences() -> Vec<(Value, Value, &'static str)> {
    let pattern = r"^\p{ASCII}+$";
    vec![(
        json!({"type": "string", "min": 1, "max": 2048}),
        json!({"type": "string", "min": 1, "max": 2048, "pattern": pattern}),
        "AWS KMS refuses names of keys that are not ASCII, with this pattern, which its model does not tell",
    )]
}

fn model() -> Map<String, Value> {
    serde_json::from_str(include_str!("../../../e2e/vectors/model_inputs.json")).unwrap()
}

/// A bound that is none is left out, as the model does.
fn bounded(kind: &str, min: usize, max: usize, rest: Value) -> Value {
    let mut shape = json!({"type": kind, "min": min, "max": max});
    let shape_of = shape.as_object_mut().unwrap();
    if max == usize::MAX {
        shape_of.remove("min");
        shape_of.remove("max");
    }
    if let Value::Object(rest) = rest {
        shape_of.extend(rest);
    }
    shape
}

fn words(words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.sort_unstable();
    json!({"type": "string", "enum": words})
}

fn shape(shape: &Shape) -> Value {
    match *shape {
        Shape::Text { min, max } => bounded("string", min, max, Value::Null),
        Shape::KeyName => bounded("string", 1, 2048, json!({"pattern": r"^\p{ASCII}+$"})),
        Shape::Pattern { min, max, printed, .. } => bounded("string", min, max, json!({"pattern": printed})),
        Shape::Secret { min, max, pattern: None } => bounded("string", min, max, json!({"sensitive": true})),
        Shape::Secret { min, max, pattern: Some((printed, _)) } => {
            bounded("string", min, max, json!({"sensitive": true, "pattern": printed}))
        }
        // The order and, for data keys, the choice of the words that messages print are AWS KMS's own.
        Shape::Word(taken) | Shape::OddWord { taken, .. } => words(taken),
        Shape::Integer { min, max } => json!({"type": "integer", "min": min, "max": max}),
        Shape::Timestamp => json!({"type": "timestamp"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Blob { min, max, sensitive: true } => bounded("blob", min, max, json!({"sensitive": true})),
        Shape::Blob { min, max, sensitive: false } => bounded("blob", min, max, Value::Null),
        Shape::TextMap => json!({"type": "map", "key": {"type": "string"}, "value": {"type": "string"}}),
        Shape::List { min, max, item } => bounded("list", min, max, json!({"member": self::shape(item)})),
        Shape::Structure(members) => json!({"type": "structure", "members": table(members)}),
    }
}

fn table(members: &[Member]) -> Value {
    members
        .iter()
        .map(|member| json!({"name": member.name, "required": member.required, "shape": shape(&member.shape)}))
        .collect()
}

/// A shape of the model with what deliberately differs put in its place.
fn with_differences(shape: Value) -> Value {
    if let Some((_, ours, _)) = known_differences().into_iter().find(|(theirs, ..)| *theirs == shape) {
        return ours;
    }
    match shape {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_differences(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(with_differences).collect(),
        other => other,
    }
}

#[test]
fn the_members_of_every_operation_are_those_of_the_model_in_its_order() {
    let model = model();
    let names: Vec<&str> = model.keys().map(String::as_str).collect();
    let ours: Vec<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    assert_eq!(ours, names);
    for operation in Operation::ALL {
        let expected = with_differences(model[operation.as_str()].clone());
        assert_eq!(table(find(*operation).members), expected, "{operation}");
    }
}

#[test]
fn each_difference_from_the_model_is_one() {
    let model = Value::Object(model()).to_string();
    for (theirs, ours, _) in known_differences() {
        assert!(theirs != ours && model.contains(&theirs.to_string()), "{theirs}");
    }
}
