"""The targets of `e2e/images/build`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import client, trees
from .image import Image, pack
from .trees import Failure

DESCRIPTION = """Builds an image as a tar file in the OCI layout, without a container engine and without root, and prints
its path. The same inputs give the same bytes: times are 0 or SOURCE_DATE_EPOCH, entries are sorted.

targets:
  coffer          localhost/coffer:dev           the static program of --binary at /coffer, and nothing else
  coffer-sidecar  localhost/coffer-sidecar:dev   the same at /coffer-sidecar
  client          localhost/client:dev           Python, boto3 and the AWS CLI as e2e/requirements.txt pins them, and
                                                 busybox: what tests run as an application
  pause           localhost/pause:1              what holds the namespaces of a pod; e2e/cluster builds it by itself

All run as the user and group 65532, and on a read-only root file system. For example:

  RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --target x86_64-unknown-linux-gnu
  e2e/cluster load --name pods "$(e2e/images/build coffer --binary target/x86_64-unknown-linux-gnu/release/coffer)"
  e2e/cluster load --name pods "$(e2e/images/build client)"

With kind: kind load image-archive "$(e2e/images/build client)". With podman: podman load --input.
"""
PROGRAMS = ("coffer", "coffer-sidecar")


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coffer" / "images"


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="e2e/images/build", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("target", choices=[*PROGRAMS, "client", "pause"])
    result.add_argument("--binary", type=Path, help="the static program, for coffer and coffer-sidecar")
    result.add_argument("--name", help="another name for the image, such as localhost/coffer:next")
    result.add_argument("--output", type=Path, metavar="FILE", help="default: TARGET.tar in the cache folder")
    result.add_argument("--digest", action="store_true", help="print the image's digest instead of the path")
    return result


def build(arguments: argparse.Namespace, target: Path) -> tuple[Image, str]:
    with tempfile.TemporaryDirectory(prefix="coffer-image-") as name:
        tree = Path(name)
        if arguments.target == "client":
            tree, image = client.tree(cache_folder())
        elif arguments.target == "pause":
            image = trees.pause(tree)
        elif arguments.binary:
            image = trees.one_program(tree, arguments.target, arguments.binary, f"localhost/{arguments.target}:dev")
        else:
            raise Failure(f"--binary is missing; {trees.how_to_build(arguments.target)}")
        if arguments.name:
            image = Image(arguments.name, image.entrypoint, image.environment, image.user)
        return image, pack(image, tree, target)


def main(given: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(given)
    target = (arguments.output or cache_folder() / f"{arguments.target}.tar").resolve()
    try:
        image, digest = build(arguments, target)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    print(f"{image.name} {digest} ({target.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
    print(digest if arguments.digest else target)
    return 0
