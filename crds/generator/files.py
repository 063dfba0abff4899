"""All generated files."""

from __future__ import annotations

from pathlib import Path

from generator.crd import crd_yaml
from generator.editors import all_kinds_json, editor_json
from generator.kinds import KINDS
from generator.reference import index_page, kind_page


def generated(root: Path) -> dict[Path, str]:
    """Path and text of each generated file."""
    files: dict[Path, str] = {}
    for kind in KINDS:
        example = (root / "crds" / "examples" / f"{kind.name.lower()}.yaml").read_text()
        files[root / "crds" / f"{kind.plural}.yaml"] = crd_yaml(kind)
        files[root / "crds" / "schemas" / f"{kind.name.lower()}.json"] = editor_json(kind)
        files[root / "docs" / "reference" / f"{kind.name.lower()}.md"] = kind_page(kind, example)
    files[root / "crds" / "schemas" / "ponte.json"] = all_kinds_json()
    files[root / "docs" / "reference" / "README.md"] = index_page()
    return files
