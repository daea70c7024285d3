"""What kubectl shows of our kinds, and what the API server does with status, unknown fields and managers."""

from __future__ import annotations

import pytest

from support import API_VERSION, CRDS, SAMPLES, Json, Kubectl, manifest

MOMENT = "2026-11-01T00:00:00Z"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KINDS = {
    "kmskeys": "kk", "keypolicies": "kp", "grants": "kg", "keyaliases": "ka", "installations": "coffer",
}
ALIAS = {"aliasName": "alias/orders", "keyRef": {"name": "orders"}}
GRANT = {"keyRef": {"name": "orders"}, "granteePrincipal": {"user": "jane"}, "operations": ["Sign", "Verify"]}


def condition(kind: str, status: str = "True") -> Json:
    return {
        "type": kind, "status": status, "reason": "AsExpected", "message": "", "observedGeneration": 1,
        "lastTransitionTime": MOMENT,
    }


def with_status(kubectl: Kubectl, written: Json, status: Json) -> None:
    """Creates a resource and writes its status as Coffer does."""
    kubectl.create(written).ok()
    kubectl(*apply_as("coffer", "--subresource=status"), manifest={**written, "status": status}).ok()


def apply_as(manager: str, *options: str) -> list[str]:
    return ["apply", "--server-side", f"--field-manager={manager}", *options]


def table(text: str) -> list[list[str]]:
    """The lines of a listing as words."""
    return [line.split() for line in text.splitlines()]


def names(text: str) -> list[str]:
    return sorted(line.partition("/")[2] for line in text.splitlines())


def test_columns_of_keys(fresh: Kubectl) -> None:
    written = manifest("KmsKey", {"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"}, name="orders")
    deleted = "2026-12-01T00:00:00Z"
    with_status(fresh, written, {
        "keyState": "PendingDeletion", "keyId": KEY_ID, "keyManager": "CUSTOMER", "deletionDate": deleted,
        "nextRotationDate": deleted, "conditions": [condition("Ready", "False")],
    })
    head, row = table(fresh("get", "kmskeys").ok())
    assert head == ["NAME", "STATE", "READY", "KEY-ID", "NEXT-ROTATION", "DELETION", "AGE"]
    assert row[:-1] == ["orders", "PendingDeletion", "False", KEY_ID, deleted, deleted]
    head, row = table(fresh("get", "kk", "-o", "wide").ok())
    assert head == ["NAME", "STATE", "READY", "SPEC", "KEY-ID", "MANAGER", "NEXT-ROTATION", "DELETION", "AGE"]
    assert row[:-1] == ["orders", "PendingDeletion", "False", "RSA_2048", KEY_ID, "CUSTOMER", deleted, deleted]


def test_columns_of_policies(fresh: Kubectl) -> None:
    written = manifest("KeyPolicy", {"delegateToNamespace": True}, name="orders")
    with_status(fresh, written, {"conditions": [condition("Accepted"), condition("Ready")]})
    head, row = table(fresh("get", "kp").ok())
    assert head == ["NAME", "DELEGATES", "ACCEPTED", "READY", "AGE"]
    assert row[:-1] == ["orders", "true", "True", "True"]


def test_columns_of_grants(fresh: Kubectl) -> None:
    written = manifest("Grant", GRANT, name="report")
    with_status(fresh, written, {"grantId": "ab" * 32, "conditions": [condition("Accepted"), condition("Ready")]})
    head, row = table(fresh("get", "grants.kms.coffer.dev").ok())
    assert head == ["NAME", "KEY", "ACCEPTED", "READY", "AGE"]
    assert row[:-1] == ["report", "orders", "True", "True"]
    head, row = table(fresh("get", "kg", "-o", "wide").ok())
    assert head == ["NAME", "KEY", "OPERATIONS", "ACCEPTED", "READY", "GRANT-ID", "AGE"]
    assert row[:-1] == ["report", "orders", '["Sign","Verify"]', "True", "True", "ab" * 32]


def test_columns_of_aliases(fresh: Kubectl) -> None:
    written = manifest("KeyAlias", ALIAS, name="orders")
    with_status(fresh, written, {"targetKeyId": KEY_ID, "conditions": [condition("Ready")]})
    head, row = table(fresh("get", "ka").ok())
    assert head == ["NAME", "ALIAS", "KEY", "READY", "TARGET-KEY-ID", "AGE"]
    assert row[:-1] == ["orders", "alias/orders", "orders", "True", KEY_ID]


def test_the_installation_keeps_its_id_and_shows_its_replicas(kubectl: Kubectl) -> None:
    """The only test that stores the one Installation of the cluster."""
    spec = {"installationId": "00112233445566778899aabbccddeeff", "region": "us-east-1"}
    written = manifest("Installation", spec, name="coffer")
    replica = {"version": "0.1.0", "seenAt": MOMENT, "revision": "12", "leader": False}
    replicas = [{"name": f"coffer-{number}", **replica} for number in range(2)]
    try:
        with_status(kubectl, written, {
            "conditions": [condition("RootInSameStore", "False"), condition("DestroyFrozen", "True")], "keyCount": 3, "replicaCount": 2,
            "replicas": replicas,
        })
        head, row = table(kubectl("get", "coffer").ok())
        assert head == ["NAME", "ID", "REGION", "REPLICAS", "ROOTINSAMESTORE", "DESTROYFROZEN", "AGE"]
        assert row[:-1] == ["coffer", "00112233445566778899aabbccddeeff", "us-east-1", "2", "False", "True"]
        other = {**written, "spec": {"installationId": "f" * 32, "region": "us-east-1"}}
        says = "spec.installationId cannot be changed; another id is another installation"
        kubectl("apply", "--server-side", "--force-conflicts", manifest=other).refused(says)
        moved = {**written, "spec": {**written["spec"], "region": "eu-west-1"}}
        kubectl("apply", "--server-side", "--force-conflicts", manifest=moved).ok()
    finally:
        kubectl("delete", "installation", "coffer", "--ignore-not-found").ok()


@pytest.mark.parametrize(("plural", "short"), KINDS.items())
def test_short_names_and_category(kubectl: Kubectl, plural: str, short: str) -> None:
    kubectl("get", short).ok()
    listed = kubectl("api-resources", "--api-group=kms.coffer.dev", "--categories=kms", "-o", "wide").ok()
    row = next(line.split() for line in listed.splitlines() if line.startswith(plural))
    assert row[1:4] == [short, API_VERSION, str(plural != "installations").lower()]


def test_the_category_lists_every_kind(fresh: Kubectl) -> None:
    fresh.create(manifest("KmsKey", {}, name="orders")).ok()
    fresh.create(manifest("KeyPolicy", {"delegateToNamespace": True}, name="orders")).ok()
    fresh.create(manifest("KeyAlias", ALIAS, name="orders")).ok()
    fresh.create(manifest("Grant", GRANT, name="orders")).ok()
    listed = set(fresh("get", "kms", "-o", "name").ok().split())
    kinds = ["grant", "keyalias", "keypolicy", "kmskey"]
    assert {f"{kind}.kms.coffer.dev/orders" for kind in kinds} <= listed


@pytest.mark.parametrize(("path", "texts"), [
    ("kmskey", ["A key that never leaves Coffer. Removing this resource schedules the deletion of its key."]),
    ("kmskey.spec.keySpec", ["ENUM: SYMMETRIC_DEFAULT RSA_2048 RSA_3072", "Type of the key material"]),
    ("kmskey.spec.deletion", ["pendingWindowDays", "30 where absent"]),
    ("kmskey.status.holds", ["The reasons, other than `spec.enabled`, why the key may not be used."]),
    ("keypolicy.spec", ["delegateToNamespace", "-required-"]),
    ("keypolicy.spec.statements.principals", ["serviceAccounts", "Whether everybody matches; it stands alone."]),
    ("grant.spec.constraints", ["encryptionContextSubset", "They limit no operation that has none."]),
    ("keyalias.spec.aliasName", ["It cannot be changed."]),
    ("installation.status.replicas", ["leader", "Whether it reconciles."]),
])
def test_explain(kubectl: Kubectl, path: str, texts: list[str]) -> None:
    """kubectl wraps lines, so that words are compared."""
    said = " ".join(kubectl("explain", path).ok().split())
    for text in texts:
        assert text in said


def test_keys_are_selected_by_their_fields(fresh: Kubectl) -> None:
    fresh.create(manifest("KmsKey", {}, name="plain")).ok()
    symmetric = {"keySpec": "SYMMETRIC_DEFAULT", "origin": "Imported", "multiRegion": True}
    fresh.create(manifest("KmsKey", symmetric, name="symmetric")).ok()
    rsa = manifest("KmsKey", {"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"}, name="rsa")
    with_status(fresh, rsa, {"keyId": KEY_ID, "keyState": "Enabled", "keyManager": "CUSTOMER"})
    for selector, expected in {
        "spec.keySpec=SYMMETRIC_DEFAULT": ["symmetric"],
        "spec.keySpec=": ["plain"],
        "spec.keySpec!=RSA_2048": ["plain", "symmetric"],
        "spec.keyUsage=SIGN_VERIFY": ["rsa"],
        "spec.origin=Imported": ["symmetric"],
        "spec.multiRegion=true": ["symmetric"],
        "status.keyState=Enabled": ["rsa"],
        "status.keyManager=CUSTOMER,spec.keySpec=RSA_2048": ["rsa"],
        f"status.keyId={KEY_ID}": ["rsa"],
    }.items():
        assert names(fresh("get", "kmskeys", "--field-selector", selector, "-o", "name").ok()) == expected, selector
    refused = fresh("get", "kmskeys", "--field-selector", "spec.description=x")
    refused.refused('field label not supported: spec.description')


def test_the_others_are_selected_by_their_key(fresh: Kubectl) -> None:
    for name in ["orders", "invoices"]:
        reference = {"keyRef": {"name": name}}
        fresh.create(manifest("KeyAlias", {"aliasName": f"alias/{name}", **reference}, name=name)).ok()
        fresh.create(manifest("Grant", {**GRANT, **reference}, name=name)).ok()
        fresh.create(manifest("KeyPolicy", {"delegateToNamespace": True}, name=name)).ok()
    for kind, selector, expected in [
        ("grants.kms.coffer.dev", "spec.keyRef.name=orders", ["orders"]),
        ("keyaliases", "spec.keyRef.name=orders", ["orders"]),
        ("keyaliases", "spec.aliasName=alias/invoices", ["invoices"]),
        ("keypolicies", "spec.delegateToNamespace=true", ["invoices", "orders"]),
    ]:
        assert names(fresh("get", kind, "--field-selector", selector, "-o", "name").ok()) == expected, selector


def test_a_status_in_a_manifest_is_dropped(kubectl: Kubectl) -> None:
    """A backup that is applied again must not tell of a key that is not there."""
    written = manifest("KmsKey", {})
    kubectl.create({**written, "status": {"keyState": "Enabled", "keyId": KEY_ID}}).ok()
    name = written["metadata"]["name"]
    assert "status" not in kubectl.json("kmskey", name)
    kubectl("apply", manifest={**written, "status": {"keyState": "Enabled"}}).ok()
    assert "status" not in kubectl.json("kmskey", name)


def test_a_status_changes_neither_spec_nor_generation(kubectl: Kubectl) -> None:
    written = manifest("KmsKey", {"description": "a"})
    kubectl.create(written).ok()
    name = written["metadata"]["name"]
    patch = '{"spec": {"description": "b"}, "status": {"keyState": "Enabled", "observedGeneration": 1}}'
    kubectl("patch", "kmskey", name, "--subresource=status", "--type=merge", "-p", patch).ok()
    stored = kubectl.json("kmskey", name)
    assert (stored["spec"], stored["metadata"]["generation"]) == ({"description": "a"}, 1)
    assert stored["status"] == {"keyState": "Enabled", "observedGeneration": 1}


@pytest.mark.parametrize(("status", "says"), [
    ({"keyState": "Broken"}, 'status.keyState: Unsupported value: "Broken"'),
    ({"keyManager": "ME"}, 'status.keyManager: Unsupported value: "ME": supported values: "CUSTOMER", "AWS"'),
    ({"conditions": [condition("Ready", "Maybe")]}, 'status.conditions[0].status: Unsupported value: "Maybe"'),
    ({"conditions": [condition("Ready"), condition("Ready")]}, "status.conditions[1]: Duplicate value"),
    ({"conditions": [{"type": "Ready"}]}, "status.conditions[0].lastTransitionTime: Required value"),
    ({"conditions": [condition(f"C{number}") for number in range(9)]}, "Too many: 9: must have at most 8 items"),
    ({"materials": [{"version": 1, "keyMaterialId": "a", "creationDate": MOMENT}] * 17}, "must have at most 16 items"),
    ({"holds": [{"cause": "a", "since": MOMENT, "actor": "b"}] * 17}, "must have at most 16 items"),
])
def test_a_status_is_bounded(kubectl: Kubectl, status: Json, says: str) -> None:
    written = manifest("KmsKey", {})
    kubectl.create(written).ok()
    kubectl("replace", "--subresource=status", manifest={**written, "status": status}).refused(says)


def test_conditions_of_two_managers_stand_side_by_side(kubectl: Kubectl) -> None:
    written = manifest("KeyPolicy", {"delegateToNamespace": True})
    kubectl.create(written).ok()
    for manager, kind in [("one", "Ready"), ("two", "Accepted")]:
        status = {**written, "status": {"conditions": [condition(kind)]}}
        kubectl(*apply_as(manager, "--subresource=status"), manifest=status).ok()
    stored = kubectl.json("keypolicy", written["metadata"]["name"])
    assert sorted(condition["type"] for condition in stored["status"]["conditions"]) == ["Accepted", "Ready"]


def test_kubectl_waits_for_conditions(kubectl: Kubectl) -> None:
    written = manifest("KmsKey", {})
    with_status(kubectl, written, {"observedGeneration": 1, "conditions": [condition("Ready")]})
    kubectl("wait", "kmskey", written["metadata"]["name"], "--for=condition=Ready", "--timeout=10s").ok()


def test_tags_of_two_managers_stand_side_by_side(kubectl: Kubectl) -> None:
    """Each manager owns its tags alone: neither removes the other's, and a conflict names the manager."""
    written = manifest("KmsKey", {"tags": {"team": "shop", "tier": "1"}})
    name = written["metadata"]["name"]
    kubectl(*apply_as("git"), manifest=written).ok()
    kubectl(*apply_as("coffer-api"), manifest={**written, "spec": {"tags": {"cost": "7"}}}).ok()
    assert kubectl.json("kmskey", name)["spec"]["tags"] == {"team": "shop", "tier": "1", "cost": "7"}
    conflict = kubectl(*apply_as("coffer-api"), manifest={**written, "spec": {"tags": {"team": "x"}}})
    assert ".spec.tags.team" in conflict.refused('conflict with "git"')
    kubectl(*apply_as("git"), manifest={**written, "spec": {"tags": {"team": "shop"}}}).ok()
    assert kubectl.json("kmskey", name)["spec"]["tags"] == {"team": "shop", "cost": "7"}


def test_the_union_of_two_managers_is_validated(kubectl: Kubectl) -> None:
    written = manifest("KmsKey", {"tags": {f"git-{number}": "x" for number in range(50)}})
    kubectl(*apply_as("git"), manifest=written).ok()
    more = {**written, "spec": {"tags": {"api": "x"}}}
    kubectl(*apply_as("coffer-api"), manifest=more).refused("spec.tags: Too many: 51: must have at most 50 items")


def test_unknown_fields_are_refused_warned_of_or_dropped(kubectl: Kubectl) -> None:
    """As its user asks kubectl: an error by default, a warning, or nothing; never stored."""
    typo = {"descripton": "a"}
    kubectl("apply", manifest=manifest("KmsKey", typo)).refused('unknown field "spec.descripton"')
    says = ".spec.descripton: field not declared in schema"
    kubectl(*apply_as("git"), manifest=manifest("KmsKey", typo)).refused(says)
    warned = manifest("KmsKey", typo)
    answer = kubectl("create", "--validate=warn", manifest=warned)
    answer.ok()
    assert 'Warning: unknown field "spec.descripton"' in answer.err
    assert kubectl.json("kmskey", warned["metadata"]["name"])["spec"] == {}
    ignored = manifest("KmsKey", typo)
    kubectl("create", "--validate=ignore", manifest=ignored).ok()
    assert kubectl.json("kmskey", ignored["metadata"]["name"])["spec"] == {}


def test_the_samples_are_accepted(fresh: Kubectl) -> None:
    samples = sorted(SAMPLES.glob("*.yaml"))
    assert {path.stem for path in samples} >= {"kmskey", "keypolicy", "grant", "keyalias", "installation"}
    for path in samples:
        options = ["--dry-run=server"] if path.stem == "installation" else []
        fresh("apply", "--server-side", *options, "-f", str(path)).ok()
    assert len(fresh("get", "kms", "-o", "name").ok().split()) >= len(samples) - 1


def test_the_definitions_apply_again_without_a_change(kubectl: Kubectl) -> None:
    """What the API server stores is what was generated: nothing is dropped, converted or defaulted into drift."""
    answer = kubectl("diff", "--server-side", "--force-conflicts", "-k", str(CRDS))
    assert (answer.code, answer.out) == (0, ""), answer.out + answer.err
