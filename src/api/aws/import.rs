//! Requests and answers of the operations that import key material.

use serde::Serialize;

use super::error::{AwsError, ErrorCode};
use super::key::KEY_ID;
use super::member::{Input, Member, Shape, is_made_of};
use super::reply::Base64;
use crate::types::ids::MaterialId;
use crate::types::import::{ExpirationModel, ImportType, WrappingAlgorithm, WrappingKeySpec};
use crate::types::limits::{
    IMPORT_TOKEN_MAX, IMPORTED_MATERIAL_LIFETIME_MAX, MATERIAL_DESCRIPTION_CHARACTERS_MAX, MATERIAL_ID_CHARACTERS,
    WRAPPED_MATERIAL_MAX,
};
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

const WRAPPING_ALGORITHM_WORDS: &[&str] = &[
    "RSAES_PKCS1_V1_5",
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
    "SM2PKE",
];
const WRAPPING_KEY_SPEC_WORDS: &[&str] = &["RSA_2048", "RSA_3072", "RSA_4096", "SM2"];
const EXPIRATION_MODEL_WORDS: &[&str] = &["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"];
const IMPORT_TYPE_WORDS: &[&str] = &["NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"];

const DESCRIPTION: Shape = Shape::Pattern {
    min: 0,
    max: MATERIAL_DESCRIPTION_CHARACTERS_MAX,
    printed: r"^[a-zA-Z0-9:/_\s.-]+$",
    matches: is_description,
};
const MATERIAL_ID: Member = Member::optional(
    "KeyMaterialId",
    Shape::Pattern {
        min: MATERIAL_ID_CHARACTERS,
        max: MATERIAL_ID_CHARACTERS,
        printed: "^[a-f0-9]+$",
        matches: is_material_id,
    },
);

/// Members of GetParametersForImport.
pub const GET_PARAMETERS_FOR_IMPORT: &[Member] = &[
    KEY_ID,
    Member::required("WrappingAlgorithm", Shape::Word(WRAPPING_ALGORITHM_WORDS)),
    Member::required("WrappingKeySpec", Shape::Word(WRAPPING_KEY_SPEC_WORDS)),
];
/// Members of ImportKeyMaterial.
pub const IMPORT_KEY_MATERIAL: &[Member] = &[
    KEY_ID,
    Member::required("ImportToken", Shape::Blob { min: 1, max: IMPORT_TOKEN_MAX, sensitive: false }),
    Member::required("EncryptedKeyMaterial", Shape::Blob { min: 1, max: WRAPPED_MATERIAL_MAX, sensitive: false }),
    Member::optional("ValidTo", Shape::Timestamp),
    Member::optional("ExpirationModel", Shape::Word(EXPIRATION_MODEL_WORDS)),
    Member::optional("ImportType", Shape::Word(IMPORT_TYPE_WORDS)),
    Member::optional("KeyMaterialDescription", DESCRIPTION),
    MATERIAL_ID,
];
/// Members of DeleteImportedKeyMaterial.
pub const DELETE_IMPORTED_KEY_MATERIAL: &[Member] = &[KEY_ID, MATERIAL_ID];

/// What a GetParametersForImport asks for, besides its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetParametersForImport {
    /// How the material will be wrapped; one that Coffer unwraps.
    pub algorithm: WrappingAlgorithm,
    /// The key that will wrap it; one that Coffer makes.
    pub spec: WrappingKeySpec,
}

impl GetParametersForImport {
    /// Reads the request.
    ///
    /// # Errors
    /// `UnsupportedOperationException` for an algorithm or a spec of AWS KMS that Coffer does not have.
    pub fn read(input: &Input<'_>) -> Result<Self, AwsError> {
        let algorithm = input.text("WrappingAlgorithm").and_then(WrappingAlgorithm::parse);
        let algorithm = algorithm.ok_or_else(AwsError::internal)?;
        let spec = input.text("WrappingKeySpec").and_then(WrappingKeySpec::parse).ok_or_else(AwsError::internal)?;
        if !algorithm.is_supported() {
            return Err(unsupported(&format!("the WrappingAlgorithm {algorithm}")));
        }
        if spec.rsa_size().is_none() {
            return Err(unsupported(&format!("the WrappingKeySpec {spec}")));
        }
        Ok(Self { algorithm, spec })
    }
}

/// When imported material ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiration {
    /// Never.
    Never,
    /// At this time.
    At(Timestamp),
}

impl Expiration {
    fn read(input: &Input<'_>) -> Result<Self, AwsError> {
        let model = input.text("ExpirationModel").and_then(ExpirationModel::parse);
        match (model.unwrap_or(ExpirationModel::Expires), input.time("ValidTo")) {
            (ExpirationModel::Expires, Some(time)) => Ok(Self::At(time)),
            (ExpirationModel::Expires, None) => Err(AwsError::validation(VALID_TO_MISSING)),
            (ExpirationModel::DoesNotExpire, None) => Ok(Self::Never),
            (ExpirationModel::DoesNotExpire, Some(_)) => Err(AwsError::validation(VALID_TO_GIVEN)),
        }
    }

    /// Whether the end is later than now and at most 365 days away.
    ///
    /// # Errors
    /// `ValidationException` where it is not.
    pub fn check(self, now: Timestamp) -> Result<(), AwsError> {
        match self {
            Self::At(time) if time <= now => Err(AwsError::validation(VALID_TO_PAST)),
            Self::At(time) if time > now.plus(IMPORTED_MATERIAL_LIFETIME_MAX) => {
                Err(AwsError::validation(VALID_TO_FAR))
            }
            Self::Never | Self::At(_) => Ok(()),
        }
    }

    /// The model that DescribeKey shows.
    #[must_use]
    pub const fn model(self) -> ExpirationModel {
        match self {
            Self::Never => ExpirationModel::DoesNotExpire,
            Self::At(_) => ExpirationModel::Expires,
        }
    }

    /// The time, where there is one.
    #[must_use]
    pub const fn valid_to(self) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::At(time) => Some(time),
        }
    }
}

/// What an ImportKeyMaterial asks for, besides its key.
#[derive(Debug)]
pub struct ImportKeyMaterial<'a> {
    /// The token of an earlier GetParametersForImport.
    pub token: &'a SecretBytes,
    /// The wrapped material.
    pub wrapped: &'a SecretBytes,
    /// When the material ends.
    pub expiration: Expiration,
    /// New or existing; where it is absent, the key's first material is new and each later one existing.
    pub import_type: Option<ImportType>,
    /// The description, where one is given.
    pub description: Option<&'a str>,
    /// The material that this must be, where one is named.
    pub material_id: Option<MaterialId>,
}

impl<'a> ImportKeyMaterial<'a> {
    /// Reads the request and checks what one member says against another. The time of `expiration` is for its
    /// own check, which needs a clock.
    ///
    /// # Errors
    /// `ValidationException` for an end that the model has no place for or lacks, or for the id of a material
    /// that is new.
    pub fn read(input: &'a Input<'_>) -> Result<Self, AwsError> {
        let expiration = Expiration::read(input)?;
        let import_type = input.text("ImportType").and_then(ImportType::parse);
        let material_id = material_id(input);
        if import_type == Some(ImportType::New) && material_id.is_some() {
            return Err(AwsError::validation(ID_OF_NEW));
        }
        Ok(Self {
            token: input.blob("ImportToken").ok_or_else(AwsError::internal)?,
            wrapped: input.blob("EncryptedKeyMaterial").ok_or_else(AwsError::internal)?,
            expiration,
            import_type,
            description: input.text("KeyMaterialDescription"),
            material_id,
        })
    }
}

/// The material that a request names, such as the one that a DeleteImportedKeyMaterial deletes; where it names
/// none, that is the current one.
#[must_use]
pub fn material_id(input: &Input<'_>) -> Option<MaterialId> {
    input.text("KeyMaterialId").and_then(MaterialId::parse)
}

/// Answer of GetParametersForImport.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImportAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The token.
    pub import_token: Base64<'a>,
    /// The wrapping key, SubjectPublicKeyInfo DER.
    pub public_key: Base64<'a>,
    /// When token and wrapping key end, in seconds since 1970-01-01 UTC.
    pub parameters_valid_to: f64,
}

/// Answer of ImportKeyMaterial and DeleteImportedKeyMaterial.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImportedMaterialAnswer<'a> {
    /// The key's ARN.
    pub key_id: &'a str,
    /// The material that was imported or deleted, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

fn unsupported(what: &str) -> AwsError {
    AwsError::new(ErrorCode::UnsupportedOperation, format!("{what} is not implemented by this version of Coffer"))
}

/// `\s` of Java's regular expressions is ASCII white space, the vertical tab among it.
fn is_description(text: &str) -> bool {
    is_made_of(
        text,
        |character| matches!(character, 'a'..='z' | 'A'..='Z' | '0'..='9' | ':' | '/' | '_' | '.' | '-' | ' ' | '\t'..='\r'),
    )
}

fn is_material_id(text: &str) -> bool {
    is_made_of(text, |character| matches!(character, 'a'..='f' | '0'..='9'))
}

const VALID_TO_MISSING: &str = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES";
const VALID_TO_GIVEN: &str = "ValidTo must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE";
const VALID_TO_PAST: &str = "ValidTo must be in the future";
const VALID_TO_FAR: &str = "ValidTo must be at most 365 days from now";
const ID_OF_NEW: &str = "KeyMaterialId must not be set if the ImportType is NEW_KEY_MATERIAL";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::aws::json::Json;
    use crate::api::aws::reply::encode;
    use crate::types::time::Span;

    const ID: &str = "5adff73ee29c3d1aede2c14eae912c8bdd871d6940b41a42f29682019d4b3f99";

    fn input<'a>(body: &'a str, members: &'static [Member]) -> Result<Input<'a>, AwsError> {
        Input::read(Json::parse(body.as_bytes()).unwrap(), members)
    }

    fn body(rest: &str) -> String {
        format!(r#"{{"KeyId":"k","ImportToken":"AQ==","EncryptedKeyMaterial":"AgM="{rest}}}"#)
    }

    /// The message of an ImportKeyMaterial that is refused.
    fn refused(rest: &str) -> String {
        let body = body(rest);
        let error = match input(&body, IMPORT_KEY_MATERIAL) {
            Ok(input) => ImportKeyMaterial::read(&input).expect_err(rest),
            Err(error) => error,
        };
        format!("{}: {}", error.code, error.message.unwrap_or_default())
    }

    fn expiration(rest: &str) -> Expiration {
        let body = body(rest);
        ImportKeyMaterial::read(&input(&body, IMPORT_KEY_MATERIAL).unwrap()).unwrap().expiration
    }

    #[test]
    fn the_words_are_those_of_the_types() {
        let words = |words: &[&str], types: Vec<&str>| assert_eq!(words, types);
        words(WRAPPING_ALGORITHM_WORDS, WrappingAlgorithm::ALL.iter().map(|word| word.as_str()).collect());
        words(WRAPPING_KEY_SPEC_WORDS, WrappingKeySpec::ALL.iter().map(|word| word.as_str()).collect());
        words(EXPIRATION_MODEL_WORDS, ExpirationModel::ALL.iter().map(|word| word.as_str()).collect());
        words(IMPORT_TYPE_WORDS, ImportType::ALL.iter().map(|word| word.as_str()).collect());
    }

    #[test]
    fn every_supported_pair_of_parameters_is_read_and_no_other() {
        let mut read = 0;
        for (spec, algorithm) in
            WrappingKeySpec::ALL.iter().flat_map(|spec| WrappingAlgorithm::ALL.iter().map(move |word| (*spec, *word)))
        {
            let body = format!(r#"{{"KeyId":"k","WrappingAlgorithm":"{algorithm}","WrappingKeySpec":"{spec}"}}"#);
            match GetParametersForImport::read(&input(&body, GET_PARAMETERS_FOR_IMPORT).unwrap()) {
                Ok(request) => {
                    assert_eq!(request, GetParametersForImport { algorithm, spec });
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::UnsupportedOperation);
                    assert!(spec.rsa_size().is_none() || !algorithm.is_supported());
                }
            }
        }
        assert_eq!(read, 12);
    }

    #[test]
    fn what_parameters_lack_is_told_in_the_models_order() {
        let error = input("{}", GET_PARAMETERS_FOR_IMPORT).unwrap_err().message.unwrap();
        let places = ["'keyId'", "'wrappingAlgorithm'", "'wrappingKeySpec'"].map(|member| error.find(member).unwrap());
        assert!(places.is_sorted(), "{error}");
    }

    #[test]
    fn an_end_is_a_number_with_or_without_a_fraction() {
        let at = |milliseconds| Expiration::At(Timestamp::from_milliseconds(milliseconds));
        assert_eq!(expiration(r#","ValidTo":1795350896"#), at(1_795_350_896_000));
        assert_eq!(expiration(r#","ValidTo":1795350896.789"#), at(1_795_350_896_789));
        assert_eq!(
            expiration(r#","ValidTo":1.795350896789E9,"ExpirationModel":"KEY_MATERIAL_EXPIRES""#),
            at(1_795_350_896_789)
        );
        assert_eq!(
            expiration(r#","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","ValidTo":null"#),
            Expiration::Never
        );
        for (text, message) in [
            (r#""2026-11-22T12:34:56Z""#, "STRING_VALUE can not be converted to milliseconds since epoch"),
            ("true", "TRUE_VALUE can not be converted to milliseconds since epoch"),
            ("[]", "Start of list found where not expected"),
        ] {
            assert_eq!(refused(&format!(r#","ValidTo":{text}"#)), format!("SerializationException: {message}"));
        }
    }

    #[test]
    fn what_members_say_against_each_other_is_refused() {
        let cases = [
            ("", VALID_TO_MISSING),
            (r#","ExpirationModel":"KEY_MATERIAL_EXPIRES""#, VALID_TO_MISSING),
            (r#","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","ValidTo":1"#, VALID_TO_GIVEN),
        ];
        for (rest, message) in cases {
            assert_eq!(refused(rest), format!("ValidationException: {message}"));
        }
        let named = format!(r#","ValidTo":1,"ImportType":"NEW_KEY_MATERIAL","KeyMaterialId":"{ID}""#);
        assert_eq!(refused(&named), format!("ValidationException: {ID_OF_NEW}"));
    }

    #[test]
    fn an_end_is_in_the_future_and_at_most_365_days_away() {
        let now = Timestamp::from_milliseconds(1_795_350_896_789);
        let check = |span: Span| Expiration::At(now.plus(span)).check(now).map_err(|error| error.message.unwrap());
        let moment = Span::from_milliseconds(1);
        assert_eq!(check(moment), Ok(()));
        assert_eq!(check(Span::from_days(365)), Ok(()));
        assert_eq!(check(Span::default()), Err(VALID_TO_PAST.to_owned()));
        assert_eq!(check(Span::from_days(-1)), Err(VALID_TO_PAST.to_owned()));
        let later = Span::from_milliseconds(Span::from_days(365).milliseconds() + 1);
        assert_eq!(check(later), Err(VALID_TO_FAR.to_owned()));
        assert_eq!(Expiration::Never.check(now), Ok(()));
        for rest in [r#","ValidTo":1e300"#, r#","ValidTo":-1e300"#, r#","ValidTo":9223372036854775807"#] {
            assert!(expiration(rest).check(now).is_err(), "{rest}");
        }
    }

    #[test]
    fn everything_of_a_request_is_read() {
        let rest = format!(
            r#","ValidTo":1,"ImportType":"EXISTING_KEY_MATERIAL","KeyMaterialDescription":"a:/_ \t\n.-Z9","KeyMaterialId":"{ID}""#
        );
        let body = body(&rest);
        let input = input(&body, IMPORT_KEY_MATERIAL).unwrap();
        let request = ImportKeyMaterial::read(&input).unwrap();
        assert_eq!((request.token.expose(), request.wrapped.expose()), (&[1][..], &[2, 3][..]));
        assert_eq!(request.import_type, Some(ImportType::Existing));
        assert_eq!(request.description, Some("a:/_ \t\n.-Z9"));
        assert_eq!(request.material_id, MaterialId::parse(ID));
        assert!(request.material_id.is_some());
        assert_eq!(
            (request.expiration.model(), request.expiration.valid_to()),
            (ExpirationModel::Expires, Some(Timestamp::from_seconds(1)))
        );
    }

    #[test]
    fn descriptions_and_ids_keep_to_their_patterns() {
        let one = "ValidationException: 1 validation error detected: Value";
        let pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern:";
        for wrong in ["", "a,b", "é", "a\u{a0}b"] {
            let message = refused(&format!(r#","ValidTo":1,"KeyMaterialDescription":"{wrong}""#));
            assert_eq!(
                message,
                format!(r"{one} '{wrong}' at 'keyMaterialDescription' {pattern} ^[a-zA-Z0-9:/_\s.-]+$")
            );
        }
        let long = refused(&format!(r#","ValidTo":1,"KeyMaterialDescription":"{}""#, "d".repeat(257)));
        assert!(long.ends_with("Member must have length less than or equal to 256"), "{long}");
        let capital = ID.to_uppercase();
        let message = refused(&format!(r#","ValidTo":1,"KeyMaterialId":"{capital}""#));
        assert_eq!(message, format!("{one} '{capital}' at 'keyMaterialId' {pattern} ^[a-f0-9]+$"));
        let short = refused(&format!(r#","ValidTo":1,"KeyMaterialId":"{}""#, &ID[1..]));
        assert!(short.ends_with("Member must have length greater than or equal to 64"), "{short}");
    }

    #[test]
    fn bytes_that_are_too_many_are_refused_and_never_printed() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let one = "ValidationException: 1 validation error detected: Value at";
        for (member, path) in [("ImportToken", "importToken"), ("EncryptedKeyMaterial", "encryptedKeyMaterial")] {
            let with = |length: usize| {
                let (token, wrapped) = if member == "ImportToken" { (length, 1) } else { (1, length) };
                let (token, wrapped) = (STANDARD.encode(vec![0; token]), STANDARD.encode(vec![0; wrapped]));
                format!(r#"{{"KeyId":"k","ImportToken":"{token}","EncryptedKeyMaterial":"{wrapped}","ValidTo":1}}"#)
            };
            let message = |length| input(&with(length), IMPORT_KEY_MATERIAL).unwrap_err().message.unwrap();
            assert!(input(&with(6144), IMPORT_KEY_MATERIAL).is_ok());
            let expected = format!(
                "{one} '{path}' failed to satisfy constraint: Member must have length less than or equal to 6144"
            );
            assert_eq!(format!("ValidationException: {}", message(6145)), expected);
            assert!(message(0).ends_with("Member must have length greater than or equal to 1"));
        }
    }

    #[test]
    fn a_deletion_names_a_material_or_none() {
        let named = format!(r#"{{"KeyId":"k","KeyMaterialId":"{ID}"}}"#);
        let id = material_id(&input(&named, DELETE_IMPORTED_KEY_MATERIAL).unwrap());
        assert_eq!(id.unwrap().to_string(), ID);
        assert_eq!(material_id(&input(r#"{"KeyId":"k"}"#, DELETE_IMPORTED_KEY_MATERIAL).unwrap()), None);
    }

    #[test]
    fn answers_have_awss_members() {
        let text = |body: SecretBytes| String::from_utf8(body.expose().to_vec()).unwrap();
        let answer = GetParametersForImportAnswer {
            key_id: "arn",
            import_token: Base64(&[1]),
            public_key: Base64(&[2]),
            parameters_valid_to: Timestamp::from_milliseconds(1_500).epoch_seconds(),
        };
        let expected = r#"{"KeyId":"arn","ImportToken":"AQ==","PublicKey":"Ag==","ParametersValidTo":1.5}"#;
        assert_eq!(text(encode(&answer).unwrap()), expected);
        let answer =
            |id: Option<&str>| ImportedMaterialAnswer { key_id: "arn", key_material_id: id.map(str::to_owned) };
        assert_eq!(text(encode(&answer(Some("ab"))).unwrap()), r#"{"KeyId":"arn","KeyMaterialId":"ab"}"#);
        assert_eq!(text(encode(&answer(None)).unwrap()), r#"{"KeyId":"arn"}"#);
    }
}
