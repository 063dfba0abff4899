"""Output that cannot be written, and signals before a run began: the run's own outcome is what the exit code says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
FULL = Path("/dev/full")


@pytest.fixture
def shop(ponte: Ponte, tmp_path: Path) -> Path:
    """A folder with an integration; nothing has run."""
    assert ponte("init").returncode == 0
    return tmp_path


def program_into(program: list[str], folder: Path, words: list[str], *full: str) -> subprocess.CompletedProcess[bytes]:
    """Starts the program with these streams on a full disk."""
    with ExitStack() as stack:
        streams = {
            name: stack.enter_context(FULL.open("wb")) if name in full else subprocess.PIPE
            for name in ("stdout", "stderr")
        }
        return subprocess.run([*program, *words], cwd=folder, timeout=60, check=False, **streams)  # type: ignore[call-overload,no-any-return]  # the streams


@pytest.mark.skipif(not FULL.exists(), reason="needs: /dev/full")
def test_a_run_whose_result_cannot_be_written_is_a_run_that_was_done(
    shop: Path, program: list[str], ponte: Ponte
) -> None:
    done = program_into(program, shop, ["run", "products"], "stdout")

    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "The result could not be written: No space left on device. The run is on record: ponte runs products"
    ]
    assert "unchanged 3" in ponte("run", "products").stdout


@pytest.mark.skipif(not FULL.exists(), reason="needs: /dev/full")
def test_a_run_that_nobody_hears_of_ends_as_it_would(shop: Path, program: list[str]) -> None:
    assert program_into(program, shop, ["run", "products"], "stdout", "stderr").returncode == 0


@pytest.mark.skipif(not FULL.exists(), reason="needs: /dev/full")
@pytest.mark.parametrize(
    "words", [["validate", "-o", "json"], ["--help"], ["run", "--help"], ["--version"]], ids=" ".join
)
def test_what_only_writes_and_cannot_has_failed(words: list[str], shop: Path, program: list[str]) -> None:
    done = program_into(program, shop, words, "stdout")

    assert done.returncode == 74
    assert done.stderr.decode() == "Standard output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("words", [["run", "products"], ["validate"]], ids=" ".join)
def test_a_closed_pipe_is_quiet(words: list[str], shop: Path, program: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    done = subprocess.run([*program, *words], cwd=shop, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)

    assert (done.returncode, done.stderr) == (0, b"")


def test_the_program_runs_as_a_module_of_its_package(shop: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "ponte", "validate"], cwd=shop, capture_output=True, check=False)

    assert (done.returncode, b"No faults" in done.stdout) == (0, True)


def test_sigterm_while_the_program_starts_ends_it_76_with_nothing_done(shop: Path) -> None:
    starting = (
        "import os, signal, sys\n"
        "class Terminated:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'ponte.cli.actions.run': os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Terminated())\n"
        "from ponte.cli.main import main\n"
        "sys.argv[1:] = ['run', 'products']\n"
        "main()\n"
    )

    done = subprocess.run([sys.executable, "-c", starting], cwd=shop, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (76, "")
    assert done.stderr.splitlines() == [
        "Stopped by a signal. Nothing was under way, and what was done before is kept.",
        "Next: run it again to go on.",
    ]
    assert not (shop / ".ponte").exists()
