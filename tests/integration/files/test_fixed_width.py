"""Fixed-width text as hosts write it: cells are cut where the layout says, and a line of another shape is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.engine.ports import Delivery, Read, System
from ponte.errors import ConfigurationError, TransientError

Make = Callable[..., System]
FIELDS = [
    {"name": "sku", "start": 1, "length": 5},
    {"name": "name", "start": 6, "end": 11},
    {"name": "price", "start": 14, "length": 6},
]
TYPES = {"start": 1, "records": ["D"], "ignore": ["H"], "end": "T"}
TYPED = [{"name": "sku", "start": 2, "length": 4}]


async def read(system: System, size: int = 100) -> tuple[list[Any], list[str]]:
    """Rows, and messages of what could not be read."""
    batches = [batch async for batch in system.source("a").read(Read("all", size))]
    assert batches[-1].is_last
    rows = [row for batch in batches for row in batch.frame.rows()]
    return rows, [item.message for batch in batches for item in batch.unreadable]


def deliver(operation: Any, rows: list[dict[str, Any]]) -> Delivery:
    frame = pl.DataFrame(rows)
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, ("sku",), nothing, nothing)


async def test_cells_are_cut_by_character_trimmed_and_kept_as_text(drop: Path, make_system: Make) -> None:
    lines = ["00012Stühle   12.50", "00013         -7.00", "     Tische        "]
    (drop / "a.txt").write_bytes("\r\n".join(lines).encode("cp850"))

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": FIELDS, "encoding": "cp850"}))

    assert rows == [("00012", "Stühle", "12.50"), ("00013", None, "-7.00"), (None, "Tische", None)]
    assert broken == []


@pytest.mark.parametrize(("trim", "cell"), [("both", "a"), ("right", " a"), ("none", " a  ")])
async def test_blanks_are_taken_off_as_declared(drop: Path, make_system: Make, trim: str, cell: str) -> None:
    (drop / "a.txt").write_text(" a  \n")

    rows, _ = await read(
        make_system("a.txt", fixedWidth={"fields": [{"name": "f", "start": 1, "length": 4}], "trim": trim})
    )

    assert rows == [(cell,)]


async def test_a_line_of_another_length_is_rejected_and_its_neighbours_are_read(drop: Path, make_system: Make) -> None:
    good = "00012Chairs   12.50"
    (drop / "a.txt").write_text("\n".join([good, good[:-1], good + "  ", good + " x", "\0" + good[1:], "", good]))

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": FIELDS}))

    assert rows == [("00012", "Chairs", "12.50")] * 3
    assert broken == [
        "line 2: 18 characters, but 19 are expected",
        "line 4: 21 characters, but the layout ends at 19",
        "line 5: it holds a NUL character",
    ]


async def test_lines_of_a_declared_length_have_it_exactly(drop: Path, make_system: Make) -> None:
    (drop / "a.txt").write_text("00012Chairs   12.50xxx\n00012Chairs   12.50xx\n00012Chairs   12.50    \n")

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": FIELDS, "lineLength": 22}))

    assert rows == [("00012", "Chairs", "12.50")]
    assert broken == [
        "line 2: 21 characters, but 22 are expected",
        "line 3: 23 characters, but 22 are expected",
    ]


async def test_short_lines_are_padded_where_the_writer_trims(drop: Path, make_system: Make) -> None:
    (drop / "a.txt").write_text("00012Chairs\n00013\n")

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": FIELDS, "shortLines": "pad"}))

    assert (rows, broken) == ([("00012", "Chairs", None), ("00013", None, None)], [])


async def test_lines_are_told_apart_by_their_type(drop: Path, make_system: Make) -> None:
    (drop / "a.txt").write_text("H2026\nD0001\n?0002\nD0003\nT0003\n")

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": TYPED, "types": TYPES}), 2)

    assert rows == [("0001",), ("0003",)]
    assert broken == ["line 3: what stands at position 1 is no type that the layout names"]


@pytest.mark.parametrize("content", ["H2026\nD0001\n", "H2026\nD0001\nT0001\nD0002\n", ""])
async def test_a_file_without_its_last_line_is_not_complete(drop: Path, make_system: Make, content: str) -> None:
    (drop / "a.txt").write_text(content)

    with pytest.raises(TransientError, match="does not end with a line that has 'T'"):
        await read(make_system("a.txt", fixedWidth={"fields": TYPED, "types": TYPES}))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_lines_at_both_ends_are_left_out_by_number(drop: Path, make_system: Make, size: int) -> None:
    (drop / "a.txt").write_text("title\n-----\n00011\n00012\n00013\nsum 3\nend\n")
    skipping = {"fields": FIELDS[:1], "skipFirst": 2, "skipLast": 2}

    assert await read(make_system("a.txt", fixedWidth=skipping), size) == ([("00011",), ("00012",), ("00013",)], [])

    (drop / "a.txt").write_text("title\n")
    assert await read(make_system("a.txt", fixedWidth=skipping), size) == ([], [])


async def test_form_feeds_and_the_end_mark_of_dos_are_no_data(drop: Path, make_system: Make) -> None:
    (drop / "a.txt").write_bytes(b"00011\r\n\x0c00012\r\n\x0c\r\n00013\x0c\r\n\x1a")

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": FIELDS[:1]}))

    assert (rows, broken) == ([("00011",), ("00012",), ("00013",)], [])


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x0c\x1a\ufeff"), max_size=8), max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(lines=LINES, size=st.integers(1, 9))
async def test_each_line_is_a_record_or_a_reject(drop: Path, make_system: Make, lines: list[str], size: int) -> None:
    (drop / "a.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    fields = [{"name": "a", "start": 1, "length": 2}, {"name": "b", "start": 4, "length": 2}]

    rows, broken = await read(make_system("a.txt", fixedWidth={"fields": fields, "trim": "none"}), size)

    texts = [line for line in lines if line.strip(" ")]
    whole = [line for line in texts if len(line) >= 5 and not line[5:].strip(" ") and "\0" not in line]
    assert rows == [tuple(cell if cell.strip(" ") else None for cell in (line[:2], line[3:5])) for line in whole]
    assert len(broken) == len(texts) - len(whole)


async def test_what_was_written_is_read_back(drop: Path, make_system: Make) -> None:
    fields = [
        {"name": "price", "start": 9, "length": 7, "align": "right"},
        {"name": "sku", "start": 1, "length": 6, "align": "right", "fill": "0"},
    ]
    system = make_system("a.txt", fixedWidth={"fields": fields, "lineLength": 20})
    target = system.target("a")

    await target.deliver(deliver("create", [{"sku": "12", "price": "-1.50"}, {"sku": "7", "price": None}]))
    await target.deliver(deliver("update", [{"sku": "12", "price": "2.00"}]))

    assert (drop / "a.txt").read_text() == "000012     2.00     \n000007              \n"
    assert await read(system) == ([("2.00", "000012"), (None, "000007")], [])


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ({"sku": "1", "name": "longer than six"}, "TooLong", "name"),
        ({"sku": "1", "name": "a\nb"}, "NotExpressible", "name"),
        ({"sku": "1", "name": " a"}, "NotExpressible", "name"),
        ({"sku": "1", "name": "€"}, "InvalidText", None),
    ],
    ids=["too long", "line break", "edge blanks", "not in the encoding"],
)
async def test_a_value_that_has_no_place_is_rejected(
    drop: Path, make_system: Make, row: dict[str, str], reason: str, field: str | None
) -> None:
    system = make_system("a.txt", fixedWidth={"fields": FIELDS, "encoding": "iso-8859-1"})

    answers = await system.target("a").deliver(deliver("create", [row, {"sku": "2", "name": "good"}]))

    assert answers.select("outcome", "reason", "field").rows() == [("rejected", reason, field), ("done", None, None)]
    assert (drop / "a.txt").read_text() == "2".ljust(5) + "good".ljust(14) + "\n"


async def test_a_field_without_a_place_and_a_file_with_totals_are_not_written(drop: Path, make_system: Make) -> None:
    system = make_system("a.txt", fixedWidth={"fields": FIELDS})
    with pytest.raises(ConfigurationError, match="no place for the field 'colour'"):
        await system.target("a").deliver(deliver("create", [{"sku": "1", "colour": "red"}]))

    with pytest.raises(ConfigurationError, match="only read"):
        make_system("a.txt", fixedWidth={"fields": TYPED, "types": TYPES}).target("a")


def test_fields_that_overlap_are_refused_wherever_they_stand_in_the_list(make_system: Make) -> None:
    fields = [{"name": "b", "start": 4, "length": 2}, {"name": "a", "start": 1, "end": 4}]

    with pytest.raises(ValueError, match='"b" begins at 4, but "a" ends only at 4'):
        make_system("a.txt", fixedWidth={"fields": fields})
