"""Flux's kustomize-controller, built from its module, with the definitions of the kinds that it follows."""

from __future__ import annotations

import json
from pathlib import Path

import go_build

SOURCE = Path(__file__).resolve().parent / "controller"
CONTROLLER = "github.com/fluxcd/kustomize-controller"
# The definition of a module's kinds is in its module.
DEFINED = {f"{CONTROLLER}@v1.7.3": ["kustomize.toolkit.fluxcd.io_kustomizations"],
           "github.com/fluxcd/source-controller@v1.7.2": [
               f"source.toolkit.fluxcd.io_{kind}"
               for kind in ("buckets", "externalartifacts", "gitrepositories", "ocirepositories")]}


def program() -> Path:
    """The definitions stand beside it, as files of YAML."""
    texts = {path.name: path.read_text("utf-8") for path in sorted(SOURCE.iterdir())}

    def prepare(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
        for module, names in DEFINED.items():
            answer = json.loads(go_build.go(folder, "mod", "download", "-json", module))
            for name in names:
                definition = Path(answer["Dir"]) / "config" / "crd" / "bases" / f"{name}.yaml"
                (folder / f"{name}.yaml").write_bytes(definition.read_bytes())

    return go_build.built("kustomize-controller", [texts, DEFINED], prepare, "readonly", CONTROLLER)
