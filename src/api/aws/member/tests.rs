use super::*;

const TAG_KEY: Shape = Shape::Text { min: 1, max: 128 };
const TAGS: Shape = Shape::List {
    min: 0,
    max: 3,
    item: &Shape::Structure(&[
        Member::required("TagKey", TAG_KEY),
        Member::required("TagValue", Shape::Text { min: 0, max: 256 }),
    ]),
};
const TAG_KEYS: Shape = Shape::List { min: 0, max: usize::MAX, item: &TAG_KEY };
const TEXTS: Shape = Shape::List { min: 0, max: 2, item: &Shape::Pattern { min: 1, max: 2, printed: "a*", matches } };
const RECIPIENT: Shape = Shape::Structure(&[Member::optional("KeyEncryptionAlgorithm", Shape::Word(&["A"]))]);
const SECRET: Shape = Shape::Secret { min: 2, max: 3, pattern: Some(("a*", matches)) };

fn matches(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'a')
}

const MEMBERS: &[Member] = &[
    Member::required("KeyId", Shape::KeyName),
    Member::required("Plaintext", Shape::Blob { min: 1, max: 4, sensitive: true }),
    Member::optional("NumberOfBytes", Shape::Integer { min: 1, max: 1024 }),
    Member::optional("KeySpec", Shape::Word(&["A", "B"])),
    Member::optional("Tags", TAGS),
    Member::optional("TagKeys", TAG_KEYS),
    Member::optional("EncryptionContext", Shape::TextMap),
    Member::not_implemented("DryRun", Shape::Boolean),
    Member::not_implemented("GrantTokens", TEXTS),
    Member::not_implemented("Recipient", RECIPIENT),
    Member::optional("Password", SECRET),
];

fn message(body: &str) -> String {
    let error = Input::read(Json::parse(body.as_bytes()).unwrap(), MEMBERS).expect_err(body);
    format!("{}: {}", error.code, error.message.unwrap_or_default())
}

#[test]
fn messages_are_awss() {
    let one = "ValidationException: 1 validation error detected: ";
    let cases = [
        (r#"{"Plaintext":"AA=="}"#, "Value null at 'keyId' failed to satisfy constraint: Member must not be null"),
        (r#"{"KeyId":"k"}"#, "Value at 'plaintext' failed to satisfy constraint: Member must not be null"),
        (
            r#"{"KeyId":"k","Plaintext":""}"#,
            "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AAAAAAA="}"#,
            "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","NumberOfBytes":1025}"#,
            "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","KeySpec":"C"}"#,
            "Value 'C' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","Tags":[{"TagKey":"","TagValue":""}]}"#,
            "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","TagKeys":["a",""]}"#,
            "Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have \
             length less than or equal to 128, Member must have length greater than or equal to 1]",
        ),
        (
            r#"{"KeyId":"キー","Plaintext":"AA=="}"#,
            r"Value 'キー' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","Tags":[{"TagKey":"a","TagValue":"b"},{"TagKey":"a"}]}"#,
            "Value null at 'tags.2.member.tagValue' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","GrantTokens":["a","b"]}"#,
            "Value '[a, b]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must \
             have length less than or equal to 2, Member must have length greater than or equal to 1, Member must \
             satisfy regular expression pattern: a*]",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","GrantTokens":["a","a","a"]}"#,
            "Value '[a, a, a]' at 'grantTokens' failed to satisfy constraint: Member must have length less than or \
             equal to 2",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","Recipient":{"KeyEncryptionAlgorithm":"B"}}"#,
            "Value 'B' at 'recipient.keyEncryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum \
             value set: [A]",
        ),
        (
            r#"{"KeyId":"k","Plaintext":"AA==","Password":"bb"}"#,
            "Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: a*",
        ),
    ];
    for (body, text) in cases {
        assert_eq!(message(body), format!("{one}{text}"));
    }
    assert!(
        message(r#"{"NumberOfBytes":0}"#).starts_with("ValidationException: 3 validation errors detected: Value null")
    );
}

#[test]
fn a_wrong_type_is_told_without_the_value() {
    let cases = [
        (r#"{"KeyId":7}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"NumberOfBytes":"7"}"#, "STRING_VALUE can not be converted to an Integer"),
        (r#"{"NumberOfBytes":1.5}"#, "NUMBER_VALUE can not be converted to an Integer"),
        (r#"{"KeyId":{}}"#, "Start of structure or map found where not expected."),
        (r#"{"EncryptionContext":{"a":null}}"#, "NULL_VALUE can not be converted to a String"),
        (r#"{"EncryptionContext":["a"]}"#, "Start of list found where not expected"),
        (r#"{"Plaintext":"AA="}"#, ""),
        (r#"{"Plaintext":"AB=="}"#, ""),
        (r#"{"Plaintext":"A A="}"#, ""),
    ];
    for (body, text) in cases {
        assert_eq!(message(body), format!("SerializationException: {text}"), "{body}");
    }
}

#[test]
fn a_member_that_is_not_implemented_is_refused_by_name() {
    for (extra, name) in [
        (r#""DryRun":true"#, "DryRun"),
        (r#""GrantTokens":["a"]"#, "GrantTokens"),
        (r#""Recipient":{"KeyEncryptionAlgorithm":"A"}"#, "Recipient"),
    ] {
        let body = format!(r#"{{"KeyId":"k","Plaintext":"AA==",{extra}}}"#);
        let text = format!("ValidationException: the member {name} is not implemented by this version of Coffer");
        assert_eq!(message(&body), text);
    }
    let absent = r#"{"KeyId":"k","Plaintext":"AA==","DryRun":false,"GrantTokens":[],"Recipient":null,"Unknown":1}"#;
    assert!(Input::read(Json::parse(absent.as_bytes()).unwrap(), MEMBERS).is_ok());
}
