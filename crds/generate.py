"""Writes what follows from the models: CRDs, JSON Schemas for editors, reference pages.

python crds/generate.py            write
python crds/generate.py --check    name what is stale and exit 1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generator.files import generated

ROOT = Path(__file__).resolve().parent.parent


def stale(root: Path) -> list[Path]:
    """Generated files that are missing, differ from the models, or no longer belong here."""
    wanted = generated(root)
    differing = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    return sorted(differing + [path for path in _present(root) if path not in wanted])


def _present(root: Path) -> list[Path]:
    patterns = ("crds/*.yaml", "crds/schemas/*.json", "docs/reference/*.md")
    return [path for pattern in patterns for path in root.glob(pattern)]


def write(root: Path) -> None:
    """Writes all generated files and removes those that no longer belong here."""
    wanted = generated(root)
    for path in _present(root):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main() -> int:
    """Writes or checks."""
    parser = argparse.ArgumentParser(description="Writes CRDs, JSON Schemas and reference pages from the models.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 and name what is stale")
    if not parser.parse_args().check:
        write(ROOT)
        return 0
    found = stale(ROOT)
    for path in found:
        sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run python crds/generate.py\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
