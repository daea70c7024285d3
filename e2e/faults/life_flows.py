"""What happens to keys in their lives: by what the manifest says, or by calls."""

from __future__ import annotations

from place import Key, Place
from support import until
from watched import Flow

WINDOW_DAYS, REMOVED_DAYS = 7, 30


def made(place: Place, name: str) -> Key:
    return place.make(name)[0]


def made_disabled(place: Place, name: str) -> Key:
    key = made(place, name)
    place.set_spec(key, {"enabled": False})
    until(lambda: place.states(key) == ("Disabled", "Disabled"), f"{name} to be disabled")
    return key


def made_held(place: Place, name: str) -> Key:
    """Disabled by a call, which its manifest does not say."""
    key = made(place, name)
    place.ok("DisableKey", KeyId=key.id)
    until(lambda: place.states(key) == ("Disabled", "Disabled"), f"{name} to be disabled")
    return key


def made_scheduled(place: Place, name: str) -> Key:
    key = made(place, name)
    place.ok("ScheduleKeyDeletion", KeyId=key.id, PendingWindowInDays=WINDOW_DAYS)
    until(lambda: place.states(key) == ("PendingDeletion", "PendingDeletion"), f"{name} to be scheduled")
    return key


def made_removed(place: Place, name: str) -> Key:
    key = made(place, name)
    place.keys.remove(name)
    until(lambda: place.states(key) == ("PendingDeletion", ""), f"{name} to be removed")
    return key


def is_rotated(place: Place, key: Key) -> bool:
    status = place.keys.status(key.name)
    return status.get("materialCount") == 2 and status["currentKeyMaterialId"] not in key.materials


def check_rotated(place: Place, key: Key) -> None:
    """Once, and the new material is the one that encrypts."""
    place.check_whole(key, (1, 2))
    place.check_usable(key)
    described = place.ok("DescribeKey", KeyId=key.id)["KeyMetadata"]
    assert described["CurrentKeyMaterialId"] == place.keys.status(key.name)["currentKeyMaterialId"]


def check_usable(place: Place, key: Key) -> None:
    place.check_whole(key)
    place.check_usable(key)


def check_disabled(place: Place, key: Key) -> None:
    place.check_whole(key)
    assert not place.opens(key), f"{key.name} is disabled and opens what it sealed"


def check_scheduled(place: Place, key: Key) -> None:
    place.check_whole(key)
    place.check_waits(key, WINDOW_DAYS)


def check_removed(place: Place, key: Key) -> None:
    place.check_whole(key)
    place.check_waits(key, REMOVED_DAYS)


ENABLED, DISABLED = ("Enabled", "Enabled"), ("Disabled", "Disabled")
PENDING, REMOVED = ("PendingDeletion", "PendingDeletion"), ("PendingDeletion", "")

SCHEDULE = Flow(
    made,
    lambda place, key: place.ok("ScheduleKeyDeletion", KeyId=key.id, PendingWindowInDays=WINDOW_DAYS),
    lambda place, key: place.states(key) == PENDING,
    check_scheduled,
)
CANCEL = Flow(
    made_scheduled,
    lambda place, key: place.ok("CancelKeyDeletion", KeyId=key.id),
    lambda place, key: place.states(key) == DISABLED,
    check_disabled,
)
DELETE = Flow(
    made,
    lambda place, key: place.keys.remove(key.name),
    lambda place, key: place.states(key) == REMOVED,
    check_removed,
)
RESTORE = Flow(
    made_removed,
    lambda place, key: place.keys.make(key.name),
    lambda place, key: place.states(key) == ENABLED,
    check_usable,
)
REST = {"schedule": SCHEDULE, "cancel": CANCEL, "delete": DELETE, "restore": RESTORE}

BY_MANIFEST: dict[str, Flow[Key]] = {
    "rotate": Flow(
        made,
        lambda place, key: place.set_spec(key, {"rotation": {"onDemandRequest": "once"}}),
        is_rotated,
        check_rotated,
    ),
    "disable": Flow(
        made,
        lambda place, key: place.set_spec(key, {"enabled": False}),
        lambda place, key: place.states(key) == DISABLED,
        check_disabled,
    ),
    "enable": Flow(
        made_disabled,
        lambda place, key: place.set_spec(key, {"enabled": True}),
        lambda place, key: place.states(key) == ENABLED,
        check_usable,
    ),
    **REST,
}

BY_CALL: dict[str, Flow[Key]] = {
    "rotate": Flow(made, lambda place, key: place.ok("RotateKeyOnDemand", KeyId=key.id), is_rotated, check_rotated),
    "disable": Flow(
        made,
        lambda place, key: place.ok("DisableKey", KeyId=key.id),
        lambda place, key: place.states(key) == DISABLED,
        check_disabled,
    ),
    "enable": Flow(
        made_held,
        lambda place, key: place.ok("EnableKey", KeyId=key.id),
        lambda place, key: place.states(key) == ENABLED,
        check_usable,
    ),
    **REST,
}
