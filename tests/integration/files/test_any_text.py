"""Any text that pretends to be CSV: no line is lost, none is read as another, and nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ponte.engine.ports import Batch, Read, System

Make = Callable[..., System]
ODD = st.sampled_from('a,,,;"""\t\r\0 é\u2028\x0c\x1a\ufeff\x85=')
LINES = st.lists(st.text(ODD, max_size=8), max_size=15)


async def read(system: System, size: int) -> list[Batch]:
    return [batch async for batch in system.source("a").read(Read("all", size))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(lines=LINES, size=st.integers(1, 9))
@example(lines=["\r\r", ",\r\r"], size=1)
async def test_without_quotes_each_line_is_its_cells_or_a_reject(
    drop: Path, make_system: Make, lines: list[str], size: int
) -> None:
    (drop / "a.csv").write_text("x,y\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")

    batches = await read(make_system(csv={"quote": ""}), size)

    found: dict[int, Any] = {}
    for batch in batches:
        found.update({int(item.position.removeprefix("line ")): None for item in batch.unreadable})
    told = [line.rstrip("\r") for line in lines]  # several ends of a line are one
    good = {
        number: tuple(cell or None for cell in line.split(","))
        for number, line in enumerate(told, 2)
        if line.count(",") == 1 and not {"\r", "\0"} & set(line)
    }
    rejected = {number for number, line in enumerate(told, 2) if line.strip("\r") and number not in good}
    assert [row for batch in batches for row in batch.frame.rows()] == list(good.values())
    assert set(found) == rejected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(before=LINES, after=st.integers(0, 5), size=st.integers(1, 9))
@example(before=["\r\r", "\r\r\r"], after=1, size=1)
async def test_whatever_quotes_do_the_lines_behind_them_are_read(
    drop: Path, make_system: Make, before: list[str], after: int, size: int
) -> None:
    closed = [line for line in before if line.count('"') % 2 == 0]
    text = "x,y\n" + "".join(f"{line}\n" for line in closed) + "".join(f"{n},end\n" for n in range(after))
    (drop / "a.csv").write_text(text, encoding="utf-8", newline="")

    batches = await read(make_system(csv={}), size)

    rows = [row for batch in batches for row in batch.frame.rows()]
    rejected = [item.position for batch in batches for item in batch.unreadable]
    present = [line for line in closed if line.strip("\r")]
    assert rows[len(rows) - after :] == [(str(n), "end") for n in range(after)]
    assert len(rows) + len(rejected) == len(present) + after
