"""What the Installation tells: that nothing guards it, and that a crowd of removals is frozen."""

from __future__ import annotations

from collections.abc import Callable

from installation import Installation, Tenant, condition
from support import API_VERSION, Json, until

INSTALLATION = f"/apis/{API_VERSION}/installations/coffer"
# It is looked at every thirty seconds.
TOLD_SECONDS = 45.0
CROWD = 7
RESCUED = 4


def test_the_installation_tells_that_nothing_guards_it_and_that_a_crowd_is_frozen(alone: Installation) -> None:
    tenant = alone.tenant()
    guarded = told(tenant, "Guarded", "False")
    assert guarded["reason"] == "GuardsMissing" and "coffer-keep" in guarded["message"]
    names = [f"crowd-{number}" for number in range(CROWD)]
    manifests = [tenant.manifest(name) for name in names]
    tenant.cluster.apply(*manifests)
    key_ids = {name: tenant.ready(name)["keyId"] for name in names}
    tenant.kubectl("delete", "kmskeys", "--all", "--timeout=10s").ok()
    told(tenant, "DestroyFrozen", "True", lambda message: int(message.split()[0]) >= CROWD)
    # What is rescued counts on: the few that are left do not thaw, and are named.
    rescued, left = ({key_ids[name] for name in some} for some in (names[:RESCUED], names[RESCUED:]))
    tenant.cluster.apply(*manifests[:RESCUED])
    for name in names[:RESCUED]:
        tenant.ready(name)
    told(tenant, "DestroyFrozen", "True", lambda message: named(message, left) == left and not named(message, rescued))
    # The rest is approved for all times, which means until now.
    tenant.api.patch(INSTALLATION, {"spec": {"destroyVanishedUntil": "2999-01-01T00:00:00Z"}})
    told(tenant, "DestroyFrozen", "False")


def named(message: str, key_ids: set[str]) -> set[str]:
    return {key_id for key_id in key_ids if key_id in message}


def told(tenant: Tenant, kind: str, status: str, says: Callable[[str], bool] = lambda _: True) -> Json:
    def look() -> Json | None:
        found = condition(tenant.api.get(INSTALLATION), kind)
        return found if found.get("status") == status and says(found["message"]) else None

    return until(look, f"{kind}={status}", TOLD_SECONDS, 0.2)
