"""KmsKey manifests on a real API server: which are accepted, and what kubectl says of the others."""

from __future__ import annotations

import pytest

from support import Case, Kubectl, Update, check_update, ids, manifest

UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MRK = "mrk-" + "0123456789abcdef" * 2

USAGES = {
    "ENCRYPT_DECRYPT": ["SYMMETRIC_DEFAULT", "RSA_2048", "RSA_3072", "RSA_4096", "SM2"],
    "SIGN_VERIFY": [
        "RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519", "SM2", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87",
    ],
    "KEY_AGREEMENT": ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "SM2"],
    "GENERATE_VERIFY_MAC": ["HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"],
    "ENCAPSULATE_DECAPSULATE": ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"],
}
SPECS = sorted({spec for specs in USAGES.values() for spec in specs})
COMBINATIONS = [(spec, usage, spec in legal) for usage, legal in USAGES.items() for spec in SPECS]

ACCEPTED = [
    Case("empty", {}),
    Case("explicit defaults", {"keySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT", "origin": "Generated"}),
    Case("usage alone", {"keyUsage": "ENCRYPT_DECRYPT"}),
    Case("longest description", {"description": "x" * 8192}),
    Case("description of astral characters", {"description": "🔑" * 8192}),
    Case("empty description", {"description": ""}),
    Case("imported", {"origin": "Imported"}),
    Case("imported rsa", {"origin": "Imported", "keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"}),
    Case("key store", {"origin": "KeyStore"}),
    Case("multi-Region", {"multiRegion": True}),
    Case("disabled", {"enabled": False}),
    Case("automatic rotation", {"rotation": {"automatic": True}}),
    Case("shortest period", {"rotation": {"automatic": True, "periodDays": 90}}),
    Case("longest period", {"rotation": {"automatic": True, "periodDays": 2560}}),
    Case("period of rotation that is off", {"rotation": {"automatic": False, "periodDays": 365}}),
    Case("rotation off for rsa", {"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY", "rotation": {"automatic": False}}),
    Case("rotation on demand", {"rotation": {"onDemandRequest": "2026-11-01"}}),
    Case("longest request", {"rotation": {"onDemandRequest": "x" * 64}}),
    Case("rotation on demand of imported", {"origin": "Imported", "rotation": {"onDemandRequest": "1"}}),
    Case("shortest window", {"deletion": {"pendingWindowDays": 7}}),
    Case("longest window", {"deletion": {"pendingWindowDays": 30}}),
    Case("retained", {"deletion": {"policy": "Retain", "protection": True, "onConflict": "NewKey"}}),
    Case("required policy", {"policy": "Required"}),
    Case("fixed id", {"keyId": UUID}),
    Case("fixed multi-Region id", {"keyId": MRK, "multiRegion": True}),
    Case("50 tags", {"tags": {f"tag-{number}": "x" for number in range(50)}}),
    Case("longest tag", {"tags": {"k" * 128: "v" * 256}}),
    Case("longest tag in unicode", {"tags": {"ключ" * 32: "値" * 256}}),
    Case("empty tag value", {"tags": {"team": ""}}),
    Case("tag key of three characters", {"tags": {"aws": "x"}}),
    Case("tag key with aws: inside", {"tags": {"x-aws:y": "x"}}),
]

NOT_ALONE = "spec.keyUsage must be given where spec.keySpec is not SYMMETRIC_DEFAULT"
AUTOMATIC = (
    "spec.rotation.automatic can be true only where spec.keySpec is SYMMETRIC_DEFAULT and spec.origin is Generated"
)
ON_DEMAND = (
    "spec.rotation.onDemandRequest can be given only where spec.keySpec is SYMMETRIC_DEFAULT and "
    "spec.origin is Generated or Imported"
)
KEY_ID = "spec.keyId must begin with `mrk-` where spec.multiRegion is true, and must not where it is not"
TAG_KEY = "a tag key must have 1 to 128 characters"
TAG_RESERVED = "a tag key must not begin with `aws:`, which is reserved; choose another prefix"

REJECTED = [
    Case("no spec", ..., "spec: Required value"),
    Case("spec is null", None, "spec: Required value"),
    Case("unknown key spec", {"keySpec": "AES_256"}, 'spec.keySpec: Unsupported value: "AES_256": supported values: '),
    Case("key spec in lower case", {"keySpec": "symmetric_default"}, 'Unsupported value: "symmetric_default"'),
    Case("empty key spec", {"keySpec": ""}, 'spec.keySpec: Unsupported value: ""'),
    Case("unknown usage", {"keyUsage": "ENCRYPT"}, 'spec.keyUsage: Unsupported value: "ENCRYPT"'),
    Case("aws origin", {"origin": "AWS_KMS"}, 'supported values: "Generated", "Imported", "KeyStore"'),
    Case("enabled is text", {"enabled": "true"}, "spec.enabled in body must be of type boolean"),
    Case("description too long", {"description": "x" * 8193}, "spec.description: Too long: may not be more than 8192"),
    Case("usage of rsa missing", {"keySpec": "RSA_2048"}, f"spec.keyUsage: Required value: {NOT_ALONE}"),
    Case(
        "rsa in a key store", {"origin": "KeyStore", "keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"},
        "spec.keySpec must be SYMMETRIC_DEFAULT where spec.origin is KeyStore",
    ),
    Case(
        "multi-Region in a key store", {"origin": "KeyStore", "multiRegion": True},
        "spec.multiRegion must be false where spec.origin is KeyStore",
    ),
    Case(
        "automatic rotation of rsa",
        {"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY", "rotation": {"automatic": True}}, AUTOMATIC,
    ),
    Case("automatic rotation of imported", {"origin": "Imported", "rotation": {"automatic": True}}, AUTOMATIC),
    Case("automatic rotation in a key store", {"origin": "KeyStore", "rotation": {"automatic": True}}, AUTOMATIC),
    Case(
        "on-demand rotation of hmac",
        {"keySpec": "HMAC_256", "keyUsage": "GENERATE_VERIFY_MAC", "rotation": {"onDemandRequest": "1"}}, ON_DEMAND,
    ),
    Case("on-demand rotation in a key store", {"origin": "KeyStore", "rotation": {"onDemandRequest": "1"}}, ON_DEMAND),
    Case(
        "period alone", {"rotation": {"periodDays": 365}},
        "spec.rotation.automatic must be given beside spec.rotation.periodDays; the period acts only while it is true",
    ),
    Case(
        "period too short", {"rotation": {"automatic": True, "periodDays": 89}},
        "spec.rotation.periodDays in body should be greater than or equal to 90",
    ),
    Case(
        "period too long", {"rotation": {"automatic": True, "periodDays": 2561}},
        "spec.rotation.periodDays in body should be less than or equal to 2560",
    ),
    Case("period is a fraction", {"rotation": {"automatic": True, "periodDays": 90.5}}, "must be of type integer"),
    Case("request is empty", {"rotation": {"onDemandRequest": ""}}, "should be at least 1 chars long"),
    Case("request too long", {"rotation": {"onDemandRequest": "x" * 65}}, "may not be more than 64"),
    Case(
        "window too short", {"deletion": {"pendingWindowDays": 6}},
        "spec.deletion.pendingWindowDays in body should be greater than or equal to 7",
    ),
    Case(
        "window too long", {"deletion": {"pendingWindowDays": 31}},
        "spec.deletion.pendingWindowDays in body should be less than or equal to 30",
    ),
    Case("unknown deletion policy", {"deletion": {"policy": "Delete"}}, 'supported values: "Schedule", "Retain"'),
    Case("unknown conflict", {"deletion": {"onConflict": "Overwrite"}}, 'supported values: "Refuse", "NewKey"'),
    Case("unknown policy default", {"policy": "None"}, 'supported values: "Default", "Required"'),
    Case("id in upper case", {"keyId": UUID.upper()}, "spec.keyId in body should match"),
    Case("id is no uuid", {"keyId": "my-key"}, "spec.keyId in body should match"),
    Case("id too long", {"keyId": UUID + "0"}, "may not be more than 36"),
    Case("uuid of a multi-Region key", {"keyId": UUID, "multiRegion": True}, KEY_ID),
    Case("mrk of a single-Region key", {"keyId": MRK}, KEY_ID),
    Case("mrk where multiRegion is false", {"keyId": MRK, "multiRegion": False}, KEY_ID),
    Case(
        "51 tags", {"tags": {f"tag-{number}": "x" for number in range(51)}},
        "spec.tags: Too many: 51: must have at most 50 items",
    ),
    Case("tag key too long", {"tags": {"k" * 129: "x"}}, TAG_KEY),
    Case("tag key empty", {"tags": {"": "x"}}, TAG_KEY),
    Case("tag value too long", {"tags": {"team": "v" * 257}}, "may not be more than 256"),
    Case("tag value is a number", {"tags": {"team": 1}}, "must be of type string"),
    Case("tags are a list", {"tags": [{"key": "a", "value": "b"}]}, 'unknown field "spec.tags[0].key"'),
    Case("reserved tag", {"tags": {"aws:team": "x"}}, TAG_RESERVED),
    Case("reserved tag in upper case", {"tags": {"AWS:team": "x"}}, TAG_RESERVED),
    Case("unknown field", {"keyspec": "RSA_2048"}, 'strict decoding error: unknown field "spec.keyspec"'),
    Case("unknown field below", {"rotation": {"period": 90}}, 'unknown field "spec.rotation.period"'),
]

NULLS = [
    Case("keySpec", {"keySpec": None}, "string"),
    Case("keyUsage", {"keyUsage": None}, "string"),
    Case("origin", {"origin": None}, "string"),
    Case("enabled", {"enabled": None}, "boolean"),
    Case("multiRegion", {"multiRegion": None}, "boolean"),
    Case("keyId", {"keyId": None}, "string"),
    Case("policy", {"policy": None}, "string"),
    Case("tags", {"tags": None}, "object"),
    Case("tags.team", {"tags": {"team": None}}, "string"),
    Case("rotation", {"rotation": None}, "object"),
    Case("rotation.automatic", {"rotation": {"automatic": None}}, "boolean"),
    Case("deletion.pendingWindowDays", {"deletion": {"pendingWindowDays": None}}, "integer"),
]

RSA = {"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"}
SYMMETRIC = {"keySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT"}


def fixed(field: str) -> str:
    return f"spec.{field}: Forbidden: spec.{field} cannot be changed; a key with another {field} is another key"


UPDATES = [
    Update("spec changed", RSA, {**RSA, "keySpec": "RSA_4096"}, fixed("keySpec")),
    Update("spec added", {}, RSA, fixed("keySpec")),
    Update("spec removed", RSA, {}, fixed("keySpec")),
    Update("spec made null", RSA, {"keySpec": None, "keyUsage": "SIGN_VERIFY"}, fixed("keySpec")),
    Update("default spec written out", {}, SYMMETRIC),
    Update("default spec left out", SYMMETRIC, {}),
    Update("usage changed", RSA, {**RSA, "keyUsage": "ENCRYPT_DECRYPT"}, fixed("keyUsage")),
    Update("usage removed", RSA, {"keySpec": "RSA_2048"}, fixed("keyUsage")),
    Update("origin changed", {"origin": "Imported"}, {"origin": "Generated"}, fixed("origin")),
    Update("origin added", {}, {"origin": "Imported"}, fixed("origin")),
    Update("origin removed", {"origin": "Imported"}, {}, fixed("origin")),
    Update("multi-Region added", {}, {"multiRegion": True}, fixed("multiRegion")),
    Update("multi-Region removed", {"multiRegion": True}, {}, fixed("multiRegion")),
    Update("multi-Region turned off", {"multiRegion": True}, {"multiRegion": False}, fixed("multiRegion")),
    Update("multi-Region false written out", {}, {"multiRegion": False}),
    Update("id added", {}, {"keyId": UUID}, fixed("keyId")),
    Update("id removed", {"keyId": UUID}, {}, fixed("keyId")),
    Update("id changed", {"keyId": UUID}, {"keyId": UUID.replace("1", "2")}, fixed("keyId")),
    Update(
        "everything else changed",
        {"description": "a", "tags": {"a": "b"}, "rotation": {"automatic": True}},
        {
            "description": "b", "enabled": False, "policy": "Required", "tags": {"c": "d"},
            "rotation": {"automatic": False, "periodDays": 90, "onDemandRequest": "1"},
            "deletion": {"policy": "Retain", "pendingWindowDays": 7, "protection": True, "onConflict": "NewKey"},
        },
    ),
    Update("made too long", {"description": "a"}, {"description": "x" * 8193}, "may not be more than 8192"),
]


@pytest.mark.parametrize(("spec", "usage", "legal"), COMBINATIONS)
def test_specs_and_usages_are_those_of_aws(kubectl: Kubectl, spec: str, usage: str, legal: bool) -> None:
    answer = kubectl.create(manifest("KmsKey", {"keySpec": spec, "keyUsage": usage}))
    if legal:
        answer.ok()
        return
    possible = " or ".join(other for other, specs in USAGES.items() if spec in specs)
    says = answer.refused("spec.keyUsage must be ").replace(", ", " or ")
    assert f"spec.keyUsage must be {possible} where spec.keySpec is" in says and spec in says


@pytest.mark.parametrize("case", ACCEPTED, ids=ids(ACCEPTED))
def test_accepted(kubectl: Kubectl, case: Case) -> None:
    """What is stored is what was written: nothing is filled in and nothing is dropped."""
    written = manifest("KmsKey", case.spec)
    kubectl.create(written).ok()
    assert kubectl.json("kmskey", written["metadata"]["name"])["spec"] == case.spec


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_rejected(kubectl: Kubectl, case: Case) -> None:
    written = manifest("KmsKey", case.spec)
    if case.spec is ...:
        del written["spec"]
    kubectl.create(written).refused(case.says)


@pytest.mark.parametrize("case", NULLS, ids=ids(NULLS))
def test_an_explicit_null_is_never_stored(kubectl: Kubectl, case: Case) -> None:
    """It is dropped as in the API server's own kinds, and refused in server-side apply."""
    written = manifest("KmsKey", case.spec)
    says = f'spec.{case.name} in body must be of type {case.says}: "null"'
    kubectl("apply", "--server-side", manifest=written).refused(says)
    kubectl.create(written).ok()
    stored = kubectl.json("kmskey", written["metadata"]["name"])["spec"]
    top, _, below = case.name.partition(".")
    assert stored == ({top: {}} if below else {})


@pytest.mark.parametrize("update", UPDATES, ids=ids(UPDATES))
def test_updates(kubectl: Kubectl, update: Update) -> None:
    check_update(kubectl, "KmsKey", update)


def test_removing_and_adding_back_does_not_get_around_immutability(kubectl: Kubectl) -> None:
    written = manifest("KmsKey", {"origin": "Imported", "description": "a"})
    kubectl("apply", manifest=written).ok()
    kubectl("apply", manifest={**written, "spec": {"description": "a"}}).refused(fixed("origin"))
    kubectl("apply", manifest={**written, "spec": {"origin": "KeyStore", "description": "a"}}).refused(fixed("origin"))
    patch = '{"spec": {"origin": null}}'
    kubectl("patch", "kmskey", written["metadata"]["name"], "--type=merge", "-p", patch).refused(fixed("origin"))


def test_a_null_in_a_patch_removes_the_field(kubectl: Kubectl) -> None:
    written = manifest("KmsKey", {"description": "a", "enabled": False})
    kubectl.create(written).ok()
    name = written["metadata"]["name"]
    kubectl("patch", "kmskey", name, "--type=merge", "-p", '{"spec": {"description": null}}').ok()
    assert kubectl.json("kmskey", name)["spec"] == {"enabled": False}


def test_names_have_at_most_63_characters(kubectl: Kubectl) -> None:
    kubectl.create(manifest("KmsKey", {}, name="a" * 63)).ok()
    answer = kubectl.create(manifest("KmsKey", {}, name="a" * 64))
    answer.refused("metadata.name must have at most 63 characters; choose a shorter name")
    kubectl.create(manifest("KmsKey", {}, name="Orders")).refused("a lowercase RFC 1123 subdomain")


def test_several_faults_are_told_at_once(kubectl: Kubectl) -> None:
    spec = {"keySpec": "RSA_2048", "origin": "KeyStore", "rotation": {"automatic": True}}
    says = kubectl.create(manifest("KmsKey", spec)).refused(NOT_ALONE)
    assert AUTOMATIC in says and "spec.keySpec must be SYMMETRIC_DEFAULT where spec.origin is KeyStore" in says
