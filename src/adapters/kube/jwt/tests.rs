use super::*;
use crate::types::time::Span;

const ISSUER: &str = "https://kubernetes.default.svc";
const AUDIENCE: &str = "kms.coffer.dev/test";
/// Valid from 1800000000 to 4102444800.
const PAYLOAD: &str = concat!(
    r#"{"aud":["kms.coffer.dev/test"],"exp":4102444800,"iat":1800000000,"#,
    r#""iss":"https://kubernetes.default.svc","jti":"7d7f5d9a-6e0b-4c7e-a9f7-0a2f7c3a1b11","#,
    r#""kubernetes.io":{"namespace":"shop","node":{"name":"n1","uid":"n"},"pod":{"name":"app-0","uid":"p"},"#,
    r#""serviceaccount":{"name":"app","uid":"s"}},"nbf":1800000000,"sub":"system:serviceaccount:shop:app"}"#,
);
/// Algorithm, members of the key, and a signature of `PAYLOAD` under it, made with Python's `cryptography`.
const KEYS: [(&str, &str, &str); 4] = [
    (
        "ES256",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"6e9ek7st2UWmiqHFJL21ARqDAYXw1c8x9zMgIuh50I4\",\"y\":\"BfR5EFE3ZKSvi6u6xbv\
        DWEI9mwBj0Tz62S8gQjM0aIc\"}",
        "h9XuSBIEdI3_SRXG22YoG8YgZUxEOLzz0lk1r3eJVOAifFWTy-r0EdoY8svQNn3wH1E9WbjcUH88ViwUva6vUA",
    ),
    (
        "ES384",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AcHAEaVXmI5n9TrDuwBmDKfFV1l6FIHtKVR7rP23IEtQseXzK1fj0xYkVYSufG3H\",\"y\"\
        :\"TSQAgoF2TECu6mOkI4nnrMBbZhx_NwdaQJVpdqoEDgbxyuFuDfg3vxDkukErULaP\"}",
        "VQTOE98V8mqwZDhGzyQ1y5fI5sHoW2Wez3WbUODQE3lGavwfO8n8uzan7OS9dKxNKeGXSZ6xvnME3Q5a7ti71_Am2mrlnsk39U1g\
        uDt0r2Op4U6e51DPAScLjlNiWaXa",
    ),
    (
        "ES512",
        "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"ARVkhRbPH92EcCOju3cUxCw5yI3ApDakfENlZ7kRbJyVqhBYRB9PyhPXPMH3FmnOQNngT\
        NkY0quJPN4uWZPBLCsG\",\"y\":\"AbrfK8ZJ8NxnqkNIW3QG0qxIf0k1jzU2LK95lUqoxg-dDzBKEYVXZVZwrX8gFCVfd4lIqg-O4S\
        W13LUAy_UbGiuv\"}",
        "AaieTpFNfbFdNvTMGzV1won-U1Q58_pY5jOpjgL69kwR3WwOdgE0BWr8Jeh_xprIDGQQ0KSt90-H6W0Jo-tcNYjmAdkn-ABkd1UE\
        n1WJkGDv4HPQNEO_ecWCBscmIQBoOewTIgccK3vaHK4D9Wb_CZnSnOCo3wfn1zbG9ViLRbx7ao4l",
    ),
    (
        "RS256",
        "{\"kty\":\"RSA\",\"n\":\"tKkSOGUWnUdJsv4uSmoRSVEUE4kyETpbV-XYSKP9UHrvmQsBSilDHYPRmDSjVE6KFqAc3XMU5UJ3-VxTwg\
        TGwHQ51ikvj60_Z71WoAqBVWXPNcQZkE8PUt0RA6U4TT0mrv7L4fbGfDja6Jtmz92dYrAUu6TONwgkWMdBoJOVjyiFzMAAqmM2kO\
        AfQHSRckSZEz7Zji6ZpSFNm_tKf24OH_nXchDBpSW0Ss76NLrZx8lBi9rklOV9jid4NRGjPK2e1V66mCyxSJd8lUQt22aoIsWurY\
        kq2qGBt42_ZSVUzAcJ-j1L1evSLSjVJMj5ilr0nk-rg5VJ3EhVw8WIrBRDHw\",\"e\":\"AQAB\"}",
        "rPMpHKke27JwP0-m8pBBd1E9pFiW_yttayj9ds75o_c-rgZNjIw4R65Xa08Xh4iOnAUUmgJt7A-U86hUjXcs0361OIsX5uoGcJrK\
        aehsYccOAI4_SgD7IHR1WPTKl-uH20ynebqgo1zHNLTUh1tRnGIu74hZjISAe5LWTH6_8LCZfIAZmArjksa48jZZq4DwSe7j6grC\
        Tt4RCNLO7a4a6YryGF5zqhQX0nk4ZWhg8TUhk-ouY7X1MbK8c5SYrvHni5RrfztJggC_CB0R7_0bApVIDxlMu8uFR6RZ06YN8LR3\
        exxUv4tHeUbP1IFHWOlyMhXeoPamMoTBxi0HHoqLrQ",
    ),
];

fn key_set() -> KeySet {
    let keys = KEYS.map(|(algorithm, members, _)| key_json(algorithm, members));
    KeySet::read(ISSUER.to_owned(), &format!(r#"{{"keys":[{}]}}"#, keys.join(","))).unwrap()
}

fn key_json(algorithm: &str, members: &str) -> String {
    let own = format!(r#""kid":"{algorithm}","alg":"{algorithm}","use":"sig"}}"#);
    format!("{},{own}", members.trim_end_matches('}'))
}

fn token(header: &str, payload: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

fn header(algorithm: &str) -> String {
    format!(r#"{{"alg":"{algorithm}","kid":"{algorithm}"}}"#)
}

fn genuine() -> String {
    let (algorithm, _, signature) = KEYS[3];
    token(&header(algorithm), PAYLOAD, signature)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(seconds * 1000)
}

const NOW: i64 = 2_000_000_000;

fn reason(token: &str) -> &'static str {
    match key_set().verify(token.as_bytes(), AUDIENCE, at(NOW)) {
        Err(Rejection::Invalid(reason)) => reason,
        Err(Rejection::UnknownKey) => "unknown key",
        Ok(_) => "accepted",
    }
}

#[test]
fn every_algorithm_that_kubernetes_signs_with_is_verified() {
    let keys = key_set();
    assert_eq!(keys.len(), KEYS.len());
    for (algorithm, _, signature) in KEYS {
        let token = token(&header(algorithm), PAYLOAD, signature);
        let claims = keys.verify(token.as_bytes(), AUDIENCE, at(NOW)).unwrap();
        assert_eq!((claims.subject.as_str(), claims.uid.as_str()), ("system:serviceaccount:shop:app", "s"));
        assert_eq!((claims.namespace.as_str(), claims.name.as_str()), ("shop", "app"));
        assert_eq!(claims.pod_uid.as_deref(), Some("p"));
    }
}

#[test]
fn a_signature_counts_under_its_own_key_and_over_its_own_bytes_alone() {
    let forged = "its signature is not one of this cluster";
    let [first, .., last] = KEYS;
    for (algorithm, _, signature) in KEYS {
        let changed = PAYLOAD.replace("shop", "bank");
        assert_eq!(reason(&token(&header(algorithm), &changed, signature)), forged);
        assert_eq!(reason(&token(&header(algorithm), PAYLOAD, "")), forged);
        let other = if algorithm == last.0 { first } else { last };
        assert_eq!(reason(&token(&header(algorithm), PAYLOAD, other.2)), forged);
        let confused = format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, other.0);
        assert_eq!(reason(&token(&confused, PAYLOAD, signature)), forged);
    }
}

#[test]
fn other_algorithms_do_not_exist() {
    let refused = "it is signed in a way that is not accepted";
    for algorithm in ["none", "None", "", "HS256", "HS512", "RS512", "PS256", "EdDSA", "rs256"] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"RS256"}}"#);
        assert_eq!(reason(&token(&header, PAYLOAD, KEYS[3].2)), refused, "{algorithm}");
    }
    let critical = r#"{"alg":"RS256","kid":"RS256","crit":["exp"]}"#;
    assert_eq!(reason(&token(critical, PAYLOAD, KEYS[3].2)), refused);
}

#[test]
fn times_are_those_of_the_clock_with_ten_seconds_to_either_side() {
    let keys = key_set();
    let token = genuine();
    let (not_before, expiry) = (1_800_000_000, 4_102_444_800);
    let cases = [
        (not_before - 11, Some("it is not valid yet")),
        (not_before - 10, None),
        (expiry, None),
        (expiry + 9, None),
        (expiry + 10, Some("it has expired")),
        (i64::MAX / 1000, Some("it has expired")),
    ];
    for (now, refused) in cases {
        let outcome = keys.verify(token.as_bytes(), AUDIENCE, at(now));
        assert_eq!(outcome.err(), refused.map(Rejection::Invalid), "{now}");
    }
    assert_eq!(TOKEN_SKEW_MAX, Span::from_seconds(10));
}

#[test]
fn audience_and_issuer_are_compared_whole() {
    let keys = key_set();
    for audience in ["kms.coffer.dev/tes", "kms.coffer.dev/test2", "kms.coffer.dev/TEST", ""] {
        let outcome = keys.verify(genuine().as_bytes(), audience, at(NOW));
        assert_eq!(outcome, Err(Rejection::Invalid("it is for another audience")), "{audience}");
    }
    let other = KeySet { issuer: format!("{ISSUER}/"), keys: keys.keys };
    let outcome = other.verify(genuine().as_bytes(), AUDIENCE, at(NOW));
    assert_eq!(outcome, Err(Rejection::Invalid("it was issued by another cluster")));
}

#[test]
fn what_is_no_token_is_refused_before_any_key_is_looked_up() {
    let genuine = genuine();
    let malformed = "it is no token of a service account";
    let long = format!("{genuine}{}", "A".repeat(TOKEN_MAX));
    assert_eq!(reason(&long), "it is too long");
    let unknown = r#"{"alg":"RS256","kid":"new"}"#;
    let claims = |change: &dyn Fn(String) -> String| token(unknown, &change(PAYLOAD.to_owned()), "AA");
    assert_eq!(reason(&claims(&|payload| payload)), "unknown key");
    let cases = [
        String::new(),
        "..".to_owned(),
        format!("{genuine}."),
        format!(" {genuine}"),
        genuine.replacen('.', "=.", 1),
        token("{}", PAYLOAD, "AA"),
        token(r#"{"alg":"RS256","alg":"RS256","kid":"new"}"#, PAYLOAD, "AA"),
        claims(&|payload| payload.replace("kubernetes.io", "kubernetes")),
        claims(&|payload| payload.replace(r#""exp":4102444800,"#, "")),
        claims(&|payload| payload.replace("4102444800", r#""4102444800""#)),
        claims(&|payload| payload.replace("serviceaccount:shop:app", "serviceaccount:bank:app")),
        claims(&|payload| payload.replace(r#""sub":"system:serviceaccount:shop:app""#, r#""sub":"system:admin""#)),
        claims(&|payload| payload.replace("shop", "")),
    ];
    for case in cases {
        assert_eq!(reason(&case), malformed, "{case}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_left_out() {
    let (_, members, _) = KEYS[0];
    let cases = [
        key_json("ES384", members),
        key_json("ES256", members).replace("sig", "enc"),
        key_json("ES256", &members.replace("6e9e", "6e9f")),
        r#"{"kty":"oct","kid":"HS256","alg":"HS256","k":"AAAA"}"#.to_owned(),
        key_json("RS512", KEYS[3].1),
        r#"{"kty":"RSA","kid":"RS256","n":"","e":"AQAB"}"#.to_owned(),
        "7".to_owned(),
    ];
    for case in cases {
        let set = KeySet::read(ISSUER.to_owned(), &format!(r#"{{"keys":[{case}]}}"#)).unwrap();
        assert!(set.is_empty(), "{case}");
    }
}
