"""Who may call, and who may do what: tokens, RBAC, and what `kubectl auth can-i` says of it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from installation import Caller, Tenant
from support import Refusal, attempt, measured, outcome, refusal, until


def test_without_rights_everything_is_denied(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    blob = tenant.caller("owner").kms().encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms = tenant.caller("stranger", "view").kms()
    refused = refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x")
    assert (refused.code, refused.status) == ("AccessDeniedException", 400)
    assert refused.message.startswith("User: arn:aws:iam::") and ":role/stranger " in refused.message
    assert "is not authorized to perform: kms:Encrypt on resource: arn:aws:kms:us-east-1:" in refused.message
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (kms.decrypt, {"CiphertextBlob": blob}), (kms.describe_key, {"KeyId": key_id}), (kms.create_key, {}),
        (kms.list_keys, {}), (kms.disable_key, {"KeyId": key_id}), (kms.enable_key, {"KeyId": key_id}),
        (kms.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}), (kms.generate_random, {"NumberOfBytes": 8}),
        (kms.encrypt, {"KeyId": "00000000-0000-4000-8000-000000000000", "Plaintext": b"x"}),
    ]
    assert [outcome(call, **members) for call, members in calls] == ["AccessDeniedException"] * len(calls)


def test_another_namespace_learns_nothing_of_a_key(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    arn = tenant.status("orders")["arn"]
    blob = tenant.caller().kms().encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    other = tenant.installation.tenant().caller().kms()
    assert outcome(other.encrypt, KeyId=key_id, Plaintext=b"x") == "NotFoundException"
    assert outcome(other.encrypt, KeyId=arn, Plaintext=b"x") == "AccessDeniedException"
    assert outcome(other.decrypt, CiphertextBlob=blob) == "AccessDeniedException"


def test_a_rolebinding_acts_soon_and_so_does_its_removal(tenant: Tenant) -> None:
    key_id = tenant.make_key("orders")
    caller = tenant.caller("late", "view")
    clients = [caller.kms(server) for server in tenant.installation.replicas.values()]

    def outcomes() -> set[str]:
        return {outcome(kms.encrypt, KeyId=key_id, Plaintext=b"x") for kms in clients}

    for _ in range(3):
        assert outcomes() == {"AccessDeniedException"}
        began = time.monotonic()
        binding = caller.bind_role("coffer-user", "ClusterRole")
        until(lambda: outcomes() == {"ok"}, "the binding to act on both replicas", 10)
        assert measured("RoleBinding to Encrypt", began) < 2
        began = time.monotonic()
        caller.unbind(binding)
        until(lambda: outcomes() == {"AccessDeniedException"}, "the removal to act on both replicas", 10)
        assert measured("RoleBinding removed to AccessDenied", began) < 2


def test_a_role_may_name_one_key(tenant: Tenant) -> None:
    orders, parcels = tenant.make_key("orders"), tenant.make_key("parcels")
    caller = named_role(tenant, ["encrypt", "decrypt", "get"], ["orders"])
    kms = caller.kms()
    blob = kms.encrypt(KeyId=orders, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert outcome(kms.encrypt, KeyId=parcels, Plaintext=b"x") == "AccessDeniedException"
    assert outcome(kms.describe_key, KeyId=parcels) == "AccessDeniedException"
    # Who may not use the whole namespace does not learn which keys are not there.
    assert outcome(kms.describe_key, KeyId="00000000-0000-4000-8000-000000000000") == "AccessDeniedException"


def named_role(tenant: Tenant, verbs: list[str], names: list[str]) -> Caller:
    rule = {"apiGroups": ["kms.coffer.dev"], "resources": ["kmskeys"], "verbs": verbs, "resourceNames": names}
    tenant.api.post(tenant.rbac("roles"), {"metadata": {"name": "some"}, "rules": [rule]})
    caller = tenant.caller("named", "view")
    caller.bind_role("some", "Role")
    return caller


def test_kubectl_auth_can_i_says_what_really_happens(tenant: Tenant) -> None:
    ids = {"orders": tenant.make_key("orders"), "parcels": tenant.make_key("parcels")}
    callers = [
        tenant.caller("user", "coffer-user"), tenant.caller("admin", "coffer-key-admin"),
        tenant.caller("viewer", "coffer-viewer"), tenant.caller("nobody", "view"),
        named_role(tenant, ["decrypt", "get"], ["orders"]),
    ]
    user = callers[0].kms()
    blobs = {name: user.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"] for name, key_id in ids.items()}
    said, real = {}, {}
    for caller in callers:
        kms = caller.kms()
        for name, key_id in ids.items():
            calls = {
                "encrypt": (kms.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
                "decrypt": (kms.decrypt, {"CiphertextBlob": blobs[name]}),
                "get": (kms.describe_key, {"KeyId": key_id}),
                "enablekey": (kms.enable_key, {"KeyId": key_id}),
            }
            for verb, (call, members) in calls.items():
                case = (caller.name, verb, name)
                said[case] = can_i(tenant, caller, verb, name)
                real[case] = {"ok": "yes", "AccessDeniedException": "no"}.get(outcome(call, **members))
    assert real == said
    assert set(said.values()) == {"yes", "no"}


def can_i(tenant: Tenant, caller: Caller, verb: str, name: str) -> str:
    return tenant.kubectl("auth", "can-i", verb, f"kmskeys/{name}", "--as", caller.username).out.strip()


def test_a_token_for_another_audience_is_refused(tenant: Tenant) -> None:
    caller = tenant.caller()
    other = "kms.coffer.dev/00112233445566778899aabbccddeeff"
    for audience in ("kms.coffer.dev", other, "https://kubernetes.default.svc"):
        refused = refusal(caller.kms(token=caller.token(audience)).list_keys)
        assert refused.code == "UnrecognizedClientException", audience
        assert "audience" in refused.message


def test_what_is_no_token_is_refused(tenant: Tenant) -> None:
    caller = tenant.caller()
    good = caller.token()
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64url(json.dumps({**claims, "sub": "system:serviceaccount:default:x"}).encode())
    unsigned = base64url(json.dumps({"alg": "none", "kid": "x"}).encode())
    tokens = [
        "garbage", "a.b.c", f"{header}.{forged}.{signature}", f"{unsigned}.{payload}.",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA", f"{header}.{payload}",
    ]
    codes = [outcome(caller.kms(token=token).list_keys) for token in tokens]
    assert codes == ["UnrecognizedClientException"] * len(tokens)
    assert outcome(caller.kms(token=good).list_keys) == "ok"


def test_a_token_out_of_its_time_is_refused(tenant: Tenant) -> None:
    """Signed with the cluster's own key, so that nothing but the time is wrong."""
    caller, now = tenant.caller(), int(time.time())
    good = caller.token()
    times = {
        "as it was": {}, "expired": {"exp": now - 60, "iat": now - 4000, "nbf": now - 4000},
        "not yet": {"exp": now + 4000, "iat": now + 600, "nbf": now + 600}, "without an end": {"exp": None},
    }
    outcomes = {name: outcome(caller.kms(token=signed_anew(tenant, good, changes)).list_keys)
                for name, changes in times.items()}
    assert outcomes.pop("as it was") == "ok"
    assert set(outcomes.values()) == {"UnrecognizedClientException"}, outcomes


def signed_anew(tenant: Tenant, token: str, changes: dict[str, Any]) -> str:
    """The same token with other claims, by the key with which the API server signs."""
    header, payload, _ = token.split(".")
    claims = {**json.loads(base64.urlsafe_b64decode(payload + "==")), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    signed = f"{header}.{base64url(json.dumps(claims).encode())}"
    key = load_pem_private_key((Path(tenant.cluster.kubeconfig).parent / "pki" / "tokens.key").read_bytes(), None)
    if isinstance(key, RSAPrivateKey):
        signature = key.sign(signed.encode(), PKCS1v15(), SHA256())
    else:
        assert isinstance(key, EllipticCurvePrivateKey)
        pair = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
        signature = b"".join(number.to_bytes(32, "big") for number in pair)
    return f"{signed}.{base64url(signature)}"


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_the_token_of_a_pod_that_was_there_once_is_refused(tenant: Tenant) -> None:
    """The API server knows that the pod is gone, although the signature is good for an hour."""
    caller = tenant.caller()
    token = caller.token()
    tenant.api.text("DELETE", f"/api/v1/namespaces/{tenant.namespace}/pods/{caller.name}?gracePeriodSeconds=0")
    until(lambda: tenant.api.find(f"/api/v1/namespaces/{tenant.namespace}/pods/{caller.name}") is None, "no pod")
    # The API server itself keeps what it said of a token for 10 s; nobody asked about this one yet.
    assert outcome(caller.kms(token=token).list_keys) == "UnrecognizedClientException"


def test_a_token_that_is_bound_to_no_pod_is_refused_unless_allowed(tenant: Tenant) -> None:
    caller = tenant.caller()
    token = caller.token(bound=False)
    refused = refusal(caller.kms(token=token).list_keys)
    assert refused.code == "UnrecognizedClientException" and "not bound to a pod" in refused.message
    lax = tenant.installation.prepare("coffer-lax", "--allow-unbound-tokens", "--reconcile", "never").start()
    try:
        assert outcome(caller.kms(lax, token).list_keys) == "ok"
    finally:
        del tenant.installation.replicas["coffer-lax"]
        lax.end()


def test_a_sidecar_without_a_good_server_says_so(tenant: Tenant) -> None:
    """A server that another authority vouches for is none."""
    caller = tenant.caller()
    sidecar = caller.sidecar()
    sidecar.stop()
    sidecar.put("ca.crt", tenant.api.authority_pem())
    refused = attempt(sidecar.start().kms().list_keys)
    assert isinstance(refused, Refusal) and refused.status == 503 and refused.code == "DependencyTimeoutException"
