"""The program that syncs manifests by the own engines of Argo CD and Flux; e2e/life runs it on an API server."""

from __future__ import annotations

from pathlib import Path

import go_build

SOURCE = Path(__file__).resolve().parent / "engines"


def program() -> Path:
    texts = {path.name: path.read_text("utf-8") for path in sorted(SOURCE.iterdir())}

    def prepare(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")

    return go_build.built("engines", [texts], prepare, "readonly")
