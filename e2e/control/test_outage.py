"""The API server or its store is away: who was reviewed goes on for a while, and nothing is lost.

The tests are in the order of one story, because each outage takes its time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cluster import keys
from installation import Installation, Server, Tenant
from support import Refusal, attempt, measured, outcome, until

GRACE = 20
RBAC_LAG = 1.5


@dataclass
class Story:
    """A server, a key, and callers of whom one has been reviewed."""

    installation: Installation
    server: Server
    tenant: Tenant
    key_id: str
    known: Any
    blob: bytes

    def uses(self, kms: Any) -> list[str]:
        return [
            outcome(kms.encrypt, KeyId=self.key_id, Plaintext=b"x"), outcome(kms.decrypt, CiphertextBlob=self.blob),
        ]


@pytest.fixture(scope="module")
def story(own: Installation) -> Story:
    server = own.serve("coffer-0", "--outage-grace", str(GRACE))
    own.leader()
    tenant = own.tenant()
    key_id = tenant.make_key("orders")
    known = tenant.caller("known").kms()
    blob = known.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    story = Story(own, server, tenant, key_id, known, blob)
    assert story.uses(known) == ["ok", "ok"]
    return story


@contextmanager
def away(installation: Installation) -> Iterator[float]:
    """Without an API server; yields when it went."""
    installation.cluster.stop("kube-apiserver")
    try:
        yield time.monotonic()
    finally:
        installation.cluster.start("kube-apiserver")
        until(lambda: installation.api.answers(keys("default")), "the API server to serve our kinds", 30)


@contextmanager
def frozen(installation: Installation) -> Iterator[float]:
    """With an etcd that keeps its connections and does not answer."""
    installation.cluster.pause("etcd")
    try:
        yield time.monotonic()
    finally:
        installation.cluster.resume("etcd")


def test_without_an_api_server_reviewed_callers_go_on_for_the_grace_and_new_ones_are_refused(story: Story) -> None:
    stranger = story.tenant.caller("stranger").kms()
    before = sealed_names(story)
    use_for(story, RBAC_LAG)
    with away(story.installation) as went:
        slowest, refused = 0.0, None
        while time.monotonic() - went < GRACE * 0.6:
            began = time.monotonic()
            assert story.uses(story.known) == ["ok", "ok"], f"after {time.monotonic() - went:.1f} s"
            slowest = max(slowest, time.monotonic() - began)
            refused = refused or attempt(stranger.encrypt, KeyId=story.key_id, Plaintext=b"x")
        print(f"MEASURED slowest Encrypt and Decrypt while the API server is away: {slowest:.2f} s")
        assert slowest < 6
        assert isinstance(refused, Refusal) and (refused.code, refused.status) == ("DependencyTimeoutException", 503)
        assert "api server" in refused.message.lower()
        assert story.server.metric("coffer_api_server_unreachable") == 1
        until(lambda: "ok" not in story.uses(story.known), "the end of the grace", GRACE + 10, 0.25)
        assert measured(f"end of a grace of {GRACE} s", went) >= GRACE - 2
        late = attempt(story.known.encrypt, KeyId=story.key_id, Plaintext=b"x")
        assert isinstance(late, Refusal) and late.code == "DependencyTimeoutException"
        assert story.server.is_ready(), "an unready replica would take the Service away for nothing"
    back = time.monotonic()
    until(lambda: story.uses(story.known) == ["ok", "ok"], "service for known callers", 30, 0.1)
    measured("API server back to service", back)
    until(lambda: story.uses(stranger) == ["ok", "ok"], "service for new callers", 30, 0.1)
    until(lambda: story.server.metric("coffer_api_server_unreachable") == 0, "the metric", 30)
    until(lambda: story.server.metric("coffer_snapshot_age_seconds") < 12, "a fresh snapshot", 30)
    story.tenant.make_key("later")
    assert measured("API server back to a new key that is Ready", back) < 30
    assert sealed_names(story) >= before


def test_a_change_of_rights_just_before_an_outage_cuts_off_nobody_else(story: Story) -> None:
    until(lambda: story.server.metric("coffer_api_server_unreachable") == 0, "the end of earlier outages", 90)
    until(lambda: story.uses(story.known) == ["ok", "ok"], "service", 30)
    use_for(story, RBAC_LAG)
    story.installation.tenant().caller()
    # Every caller is reviewed anew after a change; those who were are to go on.
    use_for(story, 0.4)
    with away(story.installation):
        use_for(story, 3)


def test_with_a_frozen_store_reads_go_on_and_writes_fail_cleanly(story: Story) -> None:
    # Answers that stand in look like service; the grace of an earlier outage must not run on.
    until(lambda: story.server.metric("coffer_api_server_unreachable") == 0, "the end of earlier outages", 90)
    until(lambda: story.server.metric("coffer_snapshot_stale") == 0, "a fresh snapshot", 90)
    until(lambda: story.uses(story.known) == ["ok", "ok"], "service", 30)
    story.installation.leader()
    before, made = sealed_names(story), key_names(story)
    # The watches of RBAC come back within 5 s of the last outage, and what they list is reviewed anew.
    use_for(story, 8)
    with frozen(story.installation) as went:
        began = time.monotonic()
        refused = attempt(story.known.create_key)
        took = measured("CreateKey with a frozen store", began)
        assert isinstance(refused, Refusal), "CreateKey succeeded without a store"
        assert refused.code in ("KMSInternalException", "DependencyTimeoutException") and refused.status >= 500
        assert took < 15
        stale_after = None
        while time.monotonic() - went < 60 and stale_after is None:
            stale_after = time.monotonic() - went if story.server.metric("coffer_snapshot_stale") == 1 else None
            # Reviews are asked again after a while; the answers of before stand in while there are no new ones.
            assert story.uses(story.known) == ["ok", "ok"], f"after {time.monotonic() - went:.1f} s"
        assert stale_after is not None, "no staleness alarm within 60 s"
        print(f"MEASURED frozen store to staleness alarm: {stale_after:.1f} s")
    back = time.monotonic()
    until(lambda: story.uses(story.known) == ["ok", "ok"], "service", 30, 0.1)
    until(lambda: story.server.metric("coffer_snapshot_stale") == 0, "the alarm to end", 40, 0.1)
    measured("store back to the end of the alarm", back)
    story.tenant.make_key("after-the-frost")
    metadata = until(lambda: create(story.known), "CreateKey", 30)
    assert outcome(story.known.encrypt, KeyId=metadata["KeyId"], Plaintext=b"x") == "ok"
    # What the refused call may have begun is finished or was never there.
    for name in key_names(story) - made:
        story.tenant.ready(name, 30)
    assert sealed_names(story) >= before, "something sealed was destroyed"


def use_for(story: Story, seconds: float) -> None:
    """Changes of rights, which the making of a caller is, count as reviewed only when this is over."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        assert story.uses(story.known) == ["ok", "ok"]


def create(kms: Any) -> Any:
    answer = attempt(kms.create_key)
    return None if isinstance(answer, Refusal) else answer["KeyMetadata"]


def sealed_names(story: Story) -> set[str]:
    return {secret["metadata"]["name"] for secret in story.installation.sealed()}


def key_names(story: Story) -> set[str]:
    return {key["metadata"]["name"] for key in story.tenant.keys()}


def test_a_key_deleted_during_an_outage_of_the_server_is_found_by_the_sweep(story: Story) -> None:
    """No event tells a leader that starts later; the key must not live on."""
    key_id = story.tenant.make_key("forgotten")
    story.server.stop()
    story.tenant.kubectl("delete", "kmskey", "forgotten").ok()
    began = time.monotonic()
    story.server.start()

    def state() -> str:
        answer = attempt(story.known.describe_key, KeyId=key_id)
        return "" if isinstance(answer, Refusal) else answer["KeyMetadata"]["KeyState"]

    until(lambda: state() == "PendingDeletion", "PendingDeletion", 40)
    measured("start to a swept key", began)
