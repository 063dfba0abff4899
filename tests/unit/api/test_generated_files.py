"""What is generated from the models is committed, and a stale file is named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "crds" / "generate.py", "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_generated_files_are_as_the_models_say():
    answer = check(ROOT)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "crds", tmp_path / "crds", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "reference", tmp_path / "docs" / "reference")
    return tmp_path


def test_stale_missing_and_left_over_files_are_named(copy):
    (copy / "crds" / "syncjobs.yaml").write_text("kind: Old\n")
    (copy / "docs" / "reference" / "mapping.md").unlink()
    (copy / "crds" / "schemas" / "gone.json").write_text("{}")

    answer = check(copy)

    assert answer.returncode == 1
    assert [line.split(" ")[0] for line in answer.stderr.splitlines()] == [
        "crds/schemas/gone.json",
        "crds/syncjobs.yaml",
        "docs/reference/mapping.md",
    ]


def test_generating_mends_what_is_stale(copy):
    (copy / "crds" / "syncjobs.yaml").write_text("kind: Old\n")
    (copy / "crds" / "schemas" / "gone.json").write_text("{}")
    subprocess.run([sys.executable, copy / "crds" / "generate.py"], check=True)
    assert check(copy).returncode == 0
    assert (copy / "crds" / "syncjobs.yaml").read_text() == (ROOT / "crds" / "syncjobs.yaml").read_text()
