"""In bash, the tab key offers names from the manifests, and does not wait for Polars."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MANIFESTS = """# two ways to write it
kind: SyncJob
metadata: {labels: {team: sales}, name: products}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata:
  # of the night
  labels:
    name: not-this
  name: "prices"
spec: {}
---
kind: SyncSource
metadata: {name: erp}
---
kind: Mapping
metadata: {name: product}
--- half written
kind: SyncJob
metadata:
"""
ASK = """
eval "$(ponte --show-completion bash)"
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_ponte_completion ponte
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("integration", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "integration" / "all.yaml").write_text(MANIFESTS)
    (tmp_path / "elsewhere" / "one.yml").write_text("kind: SyncJob\nmetadata: {name: stock}\n")
    return tmp_path


@pytest.mark.needs("bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ponte run ''", ["prices", "products"]),
        ("ponte plan pro", ["products"]),
        ("ponte run -f elsewhere ''", ["stock"]),
        ("ponte rejects list pri", ["prices"]),
        ("ponte doctor ''", ["erp"]),
        ("ponte schema e", ["erp"]),
        ("ponte test ''", ["product"]),
    ],
)
def test_bash_completes_names_from_the_manifests(folder: Path, words: str, offered: list[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = ASK.format(words=words)

    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == offered, done.stderr


def test_names_are_completed_without_polars_and_models(folder: Path) -> None:
    asked = {"_PONTE_COMPLETE": "complete_bash", "COMP_WORDS": "ponte run ", "COMP_CWORD": "2"}
    watched = (
        "import sys, atexit; from ponte.cli.main import main\n"
        "atexit.register(lambda: print(*({'polars', 'ponte_api', 'yaml'} & set(sys.modules)), file=sys.stderr))\n"
        "main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", watched], cwd=folder, env=os.environ | asked, capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["prices", "products"], done.stderr
    assert done.stderr.split() == []
