"""Applications in real pods, with no credentials but their ServiceAccounts."""

from __future__ import annotations

import json
import os
import subprocess
import time

from node import Application, Node, Tenant, until

ROUND_TRIP = """
key = kms.create_key(Description="made in a pod")["KeyMetadata"]["KeyId"]
blob = kms.encrypt(KeyId=key, Plaintext=b"attack at dawn", EncryptionContext={"shop": "one"})["CiphertextBlob"]
opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"shop": "one"})["Plaintext"]
wrong = refusal(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"shop": "two"})
print(json.dumps({"key": key, "opened": opened.decode(), "wrong": wrong}))
"""


def test_the_demo_tells_honestly_where_its_root_is(node: Node) -> None:
    def holds() -> bool:
        conditions = node.get("installation", "coffer").get("status", {}).get("conditions", [])
        return any((each["type"], each["status"]) == ("RootInSameStore", "True") for each in conditions)

    until(holds, "the condition RootInSameStore", 60)
    assert "ROOTINSAMESTORE" in node.kubectl("get", "installation", "coffer")


def test_boto3_in_a_pod_creates_encrypts_and_decrypts(node: Node) -> None:
    tenant = node.namespace()
    shop = tenant.application("shop", "coffer-user", "coffer-key-admin")
    found = json.loads(shop.python(ROUND_TRIP))
    assert (found["opened"], found["wrong"]) == ("attack at dawn", "InvalidCiphertextException")
    made = node.get("-n", tenant.name, "kmskeys")["items"]
    assert found["key"] in [item["status"]["keyId"] for item in made]
    assert all(item["metadata"]["name"].startswith("k-") for item in made)


REFUSALS = """
print(refusal(kms.encrypt, KeyId=sys.argv[1], Plaintext=b"x"), refusal(kms.create_key), refusal(kms.list_keys))
"""


def test_a_service_account_without_rights_gets_nothing(node: Node) -> None:
    tenant = node.namespace()
    key = tenant.key("orders")
    stranger = tenant.application("stranger")
    assert stranger.python(REFUSALS, key).split() == ["AccessDeniedException"] * 3


def allowed(application: Application, key: str) -> bool:
    return application.python("print(refusal(kms.encrypt, KeyId=sys.argv[1], Plaintext=b'x'))", key).strip() == "none"


POLL = """
want, end = sys.argv[2], time.monotonic() + 30
while (refusal(kms.encrypt, KeyId=sys.argv[1], Plaintext=b"x") == "none") != (want == "allowed"):
    assert time.monotonic() < end
    time.sleep(0.02)
print(time.time())
"""


def test_rights_act_within_two_seconds_and_so_does_their_removal(node: Node) -> None:
    tenant = node.namespace()
    key = tenant.key("orders")
    shop = tenant.application("shop")
    assert not allowed(shop, key)
    for want, change in [
        ("allowed", lambda: tenant.bind("shop", "coffer-user")),
        ("denied", lambda: tenant.kubectl("delete", "rolebinding", "shop-coffer-user")),
    ]:
        polling = shop.start(POLL, key, want)
        change()
        changed = time.time()
        output, errors = polling.communicate(timeout=60)
        assert polling.returncode == 0, errors
        seconds = float(output) - changed
        print(f"\n{want} {seconds:.2f} s after the change (aim 2 s)")
        assert seconds < 10


def test_kubectl_auth_agrees_with_what_callers_find(node: Node) -> None:
    tenant = node.namespace()
    keys = {name: tenant.key(name) for name in ("orders", "invoices")}
    tenant.kubectl("create", "role", "decrypter", "--verb=decrypt,encrypt,get", "--resource=kmskeys.kms.coffer.dev",
                   "--resource-name=orders")
    tenant.kubectl("create", "rolebinding", "decrypter", "--role=decrypter", f"--serviceaccount={tenant.name}:shop")
    shop = tenant.application("shop")
    user = f"--as=system:serviceaccount:{tenant.name}:shop"
    for name, key in keys.items():
        can = node.answers("auth", "can-i", "decrypt", f"kmskeys.kms.coffer.dev/{name}", "-n", tenant.name, user)
        assert can == allowed(shop, key) == (name == "orders")


LOAD = """
from concurrent.futures import ThreadPoolExecutor
key, seconds = sys.argv[1], float(sys.argv[2])
blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
end, failures, calls = time.monotonic() + seconds, [], 0

def work(number):
    done = 0
    while time.monotonic() < end:
        try:
            kms.encrypt(KeyId=key, Plaintext=b"x") if number % 2 else kms.decrypt(CiphertextBlob=blob)
        except Exception as error:
            failures.append(repr(error))
        done += 1
    return done

with ThreadPoolExecutor(8) as pool:
    calls = sum(pool.map(work, range(8)))
print(json.dumps({"calls": calls, "failures": failures[:5], "failed": len(failures)}))
"""


def test_a_rolling_restart_under_load_loses_no_call(node: Node) -> None:
    tenant = node.namespace()
    key = tenant.key("orders")
    shop = tenant.application("shop", "coffer-user")
    load = shop.start(LOAD, key, "75")
    node.kubectl("-n", "coffer-system", "rollout", "restart", "statefulset/coffer")
    node.kubectl("-n", "coffer-system", "rollout", "status", "statefulset/coffer", "--timeout=70s")
    output, errors = load.communicate(timeout=150)
    assert load.returncode == 0, errors
    print(f"\nrolling restart: {output.strip()}")
    found = json.loads(output)
    assert found["failed"] == 0 and found["calls"] > 100


def test_everything_restarted_opens_what_was_sealed_before(node: Node) -> None:
    tenant = node.namespace()
    key = tenant.key("orders")
    shop = tenant.application("shop", "coffer-user")
    blob = shop.python("print(kms.encrypt(KeyId=sys.argv[1], Plaintext=b'kept')['CiphertextBlob'].hex())", key).strip()
    tenant.kubectl("delete", "pod", "shop", "--wait")
    node.kubectl("-n", "coffer-system", "delete", "pods", "-l", "app.kubernetes.io/component=server", "--wait")
    again = tenant.application("shop")
    node.kubectl("-n", "coffer-system", "rollout", "status", "statefulset/coffer", "--timeout=120s")
    script = "print(kms.decrypt(CiphertextBlob=bytes.fromhex(sys.argv[1]))['Plaintext'].decode())"
    assert again.python(script, blob).strip() == "kept"


def test_the_server_may_read_secrets_in_one_namespace_alone(node: Node) -> None:
    server = "--as=system:serviceaccount:coffer-system:coffer-server"
    for verb in ("get", "list", "watch", "create", "update", "delete"):
        can = {place: node.answers("auth", "can-i", verb, "secrets", "-n", place, server)
               for place in ("coffer-keys", "coffer-system", "default", "kube-system")}
        assert [place for place, allowed in can.items() if allowed] == ["coffer-keys"], verb
        assert not node.answers("auth", "can-i", verb, "secrets", "-A", server)


def test_the_images_have_no_shell_and_run_as_nobody(node: Node) -> None:
    assert not node.answers("-n", "coffer-system", "exec", "coffer-0", "--", "/bin/sh", "-c", "true")
    assert {owner for owner, _ in in_containers("coffer")} == {"65532"}


def in_containers(program: str) -> list[tuple[str, int]]:
    """The user and the resident KiB of each process of a program that runs in a container of the node."""
    done = subprocess.run(["ps", "-C", program, "-o", "uid=,rss=,pidns="], text=True, capture_output=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    outside = str(os.stat("/proc/self/ns/pid").st_ino)
    return [(user, int(resident)) for user, resident, namespace in rows if namespace != outside]


def test_a_sidecar_at_rest_is_small(node: Node) -> None:
    tenant: Tenant = node.namespace()
    tenant.application("idle")
    smallest = min(resident for _, resident in in_containers("coffer-sidecar")) / 1024
    print(f"\nsidecar at rest: {smallest:.1f} MiB (limit 15 MiB)")
    assert smallest <= 15


def test_what_would_delete_every_key_is_refused(node: Node) -> None:
    crd = "kmskeys.kms.coffer.dev"
    for arguments in (["namespace", "coffer-keys"], ["namespace", "coffer-system"], ["crd", crd]):
        refused = until(lambda: refusal(node, "delete", *arguments, "--dry-run=server"), "the guard to act")
        assert "would make every key of this cluster useless" in refused and "delete-all-keys=yes" in refused


def refusal(node: Node, *arguments: str) -> str:
    done = subprocess.run([node.rig, "kubectl", "--name", "pods", *arguments], text=True, capture_output=True)
    return done.stderr if done.returncode else ""
