"""Much of everything (group 35 of the list of bad inputs): one huge record, thousands of columns, a long file.

Each run is a process of its own whose greatest memory is measured: it depends on the batch, not on the file.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostile.conftest import Workplace, prepare

MEGABYTE = 1024 * 1024
LONG_FILE_ROWS = 200_000
ROW_TEXT = "x" * 1000


PROGRAM = """
import sys
from pathlib import Path
from ponte.cli.memory import settle_memory
settle_memory()  # as the command does
from ponte.cli.main import run_program
code = run_program(["run", "products", "-f", "job.yaml", "--ledger", "sqlite:///l.db"])
status = Path("/proc/self/status").read_text()  # ru_maxrss has that of the process that started this one in it
print("peak", status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Measured:
    """A run as a process: exit code, what it said, greatest memory in MB."""

    code: int
    said: str
    peak_mb: float


def measured(folder: Path) -> Measured:
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said, _, peak = (run.stdout + run.stderr).rpartition("peak ")
    return Measured(run.returncode, said, int(peak) / 1024)


@pytest.fixture(scope="module")
def after_one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A workplace whose job has delivered one small record, and the memory that took."""
    folder = tmp_path_factory.mktemp("after-one")
    prepare(folder, b"sku,value\n1,a\n", "csv: {}")
    return folder, measured(folder).peak_mb


@pytest.fixture
def resting_mb(after_one: tuple[Path, float], workplace: Workplace) -> float:
    """What a run of one small record takes; the workplace is as it was left by it."""
    folder, peak_mb = after_one
    for path in folder.iterdir():
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, workplace.folder / path.name)
    manifest = workplace.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace(str(folder), str(workplace.folder)))
    return peak_mb


def _drop(workplace: Workplace, data: bytes) -> None:
    (workplace.folder / "drop" / "in.csv").write_bytes(data)


def test_one_record_of_fifty_megabytes_goes_through(workplace: Workplace, resting_mb: float) -> None:
    _drop(workplace, b"sku,value\n2,b\n3," + b"x" * (50 * MEGABYTE) + b"\n4,d\n")

    run = measured(workplace.folder)

    assert (run.code, "Traceback" in run.said) == (0, False), run.said
    assert {key: len(value) for key, value in workplace.rows().items()} == {"1": 1, "2": 1, "3": 50 * MEGABYTE, "4": 1}
    assert run.peak_mb < resting_mb + 350


def test_a_quote_that_opens_fifty_megabytes_harms_no_other_line(workplace: Workplace, resting_mb: float) -> None:
    _drop(workplace, b'sku,value\n2,b\n3,"' + b"x" * (50 * MEGABYTE) + b"\n4,d\n")

    run = measured(workplace.folder)

    assert (run.code, "Traceback" in run.said) == (0, False), run.said
    assert workplace.rows() == {"1": "a", "2": "b", "4": "d"}
    assert run.peak_mb < resting_mb + 350


def test_three_thousand_columns_are_read(workplace: Workplace, resting_mb: float) -> None:
    names = ",".join(f"c{n}" for n in range(3000))
    rows = "".join(f"{n},v{n},{names}\n" for n in range(100))
    _drop(workplace, f"sku,value,{names}\n{rows}".encode())

    run = measured(workplace.folder)

    assert run.code == 0, run.said
    assert workplace.rows()["99"] == "v99"
    assert run.peak_mb < resting_mb + 100


def test_a_long_file_takes_the_memory_of_its_batches(workplace: Workplace, resting_mb: float) -> None:
    manifest = workplace.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("  mapping: product\n", "  mapping: product\n  batchSize: 2500\n"))
    lines = "".join(f"{n},{ROW_TEXT}\n" for n in range(LONG_FILE_ROWS))
    _drop(workplace, f"sku,value\n{lines}".encode())
    size_mb = LONG_FILE_ROWS * len(ROW_TEXT) / MEGABYTE

    run = measured(workplace.folder)

    assert (run.code, len(workplace.rows())) == (0, LONG_FILE_ROWS), run.said
    assert run.peak_mb < resting_mb + size_mb * 0.95
