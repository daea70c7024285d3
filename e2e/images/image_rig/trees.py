"""What is inside of the small images: one static program, and the least that programs expect around it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .image import USER, Image

PAUSE_NAME = "localhost/pause:1"
PAUSE_SOURCE = Path(__file__).resolve().parent.parent / "pause.c"


class Failure(Exception):
    """Something that the person at the terminal can understand and act on."""


def base(tree: Path) -> None:
    """Names for the users, and a place for temporary files where the root file system may be written."""
    (tree / "etc").mkdir()
    (tree / "etc/passwd").write_text(
        f"root:x:0:0:root:/:/sbin/nologin\ncoffer:x:{USER}:{USER}:coffer:/tmp:/sbin/nologin\n"
    )
    (tree / "etc/group").write_text(f"root:x:0:\ncoffer:x:{USER}:\n")
    (tree / "tmp").mkdir()
    (tree / "tmp").chmod(0o1777)


def one_program(tree: Path, program: str, binary: Path, name: str) -> Image:
    """No shell, no libraries: what is not there cannot be called."""
    if not binary.is_file():
        raise Failure(f"there is no program {binary}; {how_to_build(program)}")
    refuse_dynamic(binary, program)
    base(tree)
    shutil.copyfile(binary, tree / program)
    (tree / program).chmod(0o755)
    return Image(name, [f"/{program}"])


def how_to_build(program: str) -> str:
    return (
        'build it with: RUSTFLAGS="-C target-feature=+crt-static" cargo build --release '
        f"--target x86_64-unknown-linux-gnu --bin {program}"
    )


def refuse_dynamic(binary: Path, program: str) -> None:
    """A program that asks for a loader would not start in an empty image, with a message that says little."""
    data = binary.read_bytes()
    if data[:4] != b"\x7fELF":
        raise Failure(f"{binary} is not a program of Linux")
    start, size, count = (int.from_bytes(data[at:at + width], "little") for at, width in ((32, 8), (54, 2), (56, 2)))
    interpreter_kind = 3
    kinds = [int.from_bytes(data[start + size * index:][:4], "little") for index in range(count)]
    if interpreter_kind in kinds:
        raise Failure(f"{binary} is not static; {how_to_build(program)}")


def pause(tree: Path) -> Image:
    """Holds the namespaces of a pod."""
    command = ["gcc", "-Os", "-static", "-s", "-Wl,--build-id=none", "-o", str(tree / "pause"), str(PAUSE_SOURCE)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure("gcc is missing; run: sudo apt-get install gcc libc6-dev") from error
    if result.returncode:
        raise Failure(f"gcc failed; sudo apt-get install libc6-dev may help:\n{result.stderr}")
    return Image(PAUSE_NAME, ["/pause"])
