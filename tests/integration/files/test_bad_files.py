"""Files as people and exports leave them: nothing is lost in silence, nothing shifts, no path leaves the folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError, TransientError, UsageError

Make = Callable[..., System]


async def read(system: System, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source("a").read(request or Read("all", 100))]


def rows(batches: list[Batch]) -> list[tuple[Any, ...]]:
    return [row for batch in batches for row in batch.frame.rows()]


def broken(batches: list[Batch]) -> list[str]:
    return [item.position for batch in batches for item in batch.unreadable]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...], **options: Any) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing, **options)


async def test_leading_zeros_and_everything_else_stays_text(drop: Path, make_system: Make) -> None:
    (drop / "a.csv").write_text("sku,n,d\n0012,1e5,01/02/2026\n")

    batches = await read(make_system())

    assert rows(batches) == [("0012", "1e5", "01/02/2026")]


async def test_a_line_that_is_no_record_is_named_and_its_neighbours_are_untouched(
    drop: Path, make_system: Make
) -> None:
    lines = ["a,b", "1,x", "2", "3,x,y", '4,"open', "5,x", '6,"a"b', "7,5' or 5\" pipe", "8,\0", "9,x"]
    (drop / "a.csv").write_text("\n".join(lines))

    batches = await read(make_system())

    assert rows(batches) == [("1", "x"), ("5", "x"), ("7", "5' or 5\" pipe"), ("9", "x")]
    assert broken(batches) == ["line 3", "line 4", "line 5", "line 7", "line 9"]


async def test_bad_lines_far_into_a_large_file_are_found_among_the_good_ones(drop: Path, make_system: Make) -> None:
    lines = [f'{number},"name, {number}"' for number in range(60_000)]
    lines[30_000] = "30000"
    lines[45_000] = '45000,"two\nlines"'
    (drop / "a.csv").write_text("a,b\n" + "\n".join(lines) + "\n")

    batches = await read(make_system(), Read("all", 25_000))

    found = dict(rows(batches))
    assert len(found) == 59_999
    assert found["45000"] == "two\nlines"
    assert broken(batches) == ["line 30002"]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", b"\xef\xbb\xbfa,b\r\n1,\xc3\xa9\r\n"),
        ("utf-16", "a,b\n1,é\n".encode("utf-16")),
        ("cp1252", b"a,b\n1,\xe9\n"),
        ("utf-8", "a,b\r1,é\r".encode()),
        ("utf-8", "a,b\n\n1,é\r\n".encode()),
    ],
    ids=["mark and CRLF", "utf-16", "cp1252", "only CR", "mixed ends and a blank line"],
)
async def test_encodings_marks_and_line_ends_are_no_content(
    drop: Path, make_system: Make, encoding: str, content: bytes
) -> None:
    (drop / "a.csv").write_bytes(content)

    batches = await read(make_system(csv={"encoding": encoding}))

    assert batches[0].frame.columns == ["a", "b"]
    assert rows(batches) == [("1", "é")]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a,b\n1,\xe9\n", "byte 6 .*cp1252"), ("a,b\n1,é\n".encode("utf-16"), "byte order mark of utf-16")],
    ids=["cp1252", "utf-16"],
)
async def test_a_wrong_encoding_is_told_with_its_place(
    drop: Path, make_system: Make, content: bytes, words: str
) -> None:
    (drop / "a.csv").write_bytes(content)

    with pytest.raises(ConfigurationError, match=words):
        await read(make_system())


async def test_the_place_of_a_wrong_byte_is_right_beyond_the_first_block(drop: Path, make_system: Make) -> None:
    content = b"a,b\n" + b"1,\xc3\xa9xxxx\n" * 700_000 + b"2,\xe9\n"
    (drop / "a.csv").write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"byte {content.rindex(0xE9)} "):
        await read(make_system(), Read("all", 25_000))


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", TransientError, "empty"),
        ("\n\n", TransientError, "empty"),
        ("a,b,a\n1,2,3\n", ConfigurationError, "names a more than once"),
        ('a,"b\n1,2\n', ConfigurationError, "header"),
    ],
)
async def test_a_file_without_a_usable_header_is_refused(
    drop: Path, make_system: Make, content: str, error: type[Exception], words: str
) -> None:
    (drop / "a.csv").write_text(content)

    with pytest.raises(error, match=words):
        await read(make_system())


@pytest.mark.parametrize(("wrong", "type_"), [("x", "string"), ("31/12/2026", "string"), ("7", "date")])
@pytest.mark.parametrize("format_", ["csv", "jsonLines"])
async def test_a_bound_that_is_no_value_of_the_cursor_is_a_wrong_command_line(
    drop: Path, make_system: Make, wrong: str, type_: str, format_: str
) -> None:
    text = "k,at\n1,2026-01-01\n" if format_ == "csv" else '{"k": "1", "at": "2026-01-01"}\n'
    (drop / "a.csv").write_text(text)
    fields = [{"name": "k", "type": "string"}, {"name": "at", "type": type_}]
    system = make_system(**{format_: {}}, fields=fields, cursor={"field": "at"})

    with pytest.raises(UsageError, match=f"--from {wrong} .*such as --from 2026-"):
        await read(system, Read("range", 10, lower=wrong, upper="2026-01-01"))

    assert len(rows(await read(system, Read("range", 10, lower="2025-12-31", upper="2026-01-01")))) == 1


async def test_a_header_alone_is_an_empty_and_complete_object(drop: Path, make_system: Make) -> None:
    (drop / "a.csv").write_text("a,b\n")

    (batch,) = await read(make_system())

    assert (batch.frame.columns, batch.frame.height, batch.is_last) == (["a", "b"], 0, True)


@pytest.mark.parametrize("change", ["append", "replace"])
async def test_a_file_that_changes_while_it_is_read_is_never_complete(
    drop: Path, make_system: Make, change: str
) -> None:
    path = drop / "a.csv"
    path.write_text("a,b\n" + "1,x\n" * 500)

    reading = aiter(make_system().source("a").read(Read("all", 100)))
    first = await anext(reading)
    (drop / "new").write_text(path.read_text() + ("2,y\n" if change == "append" else ""))
    path.write_bytes((drop / "new").read_bytes()) if change == "append" else (drop / "new").replace(path)

    with pytest.raises(TransientError, match="changed while it was read"):
        assert not any([first.is_last, *[batch.is_last async for batch in reading]])


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "link.csv", "linked/secret.csv", "folder", "pipe"])
async def test_no_path_leads_out_of_the_folder_or_to_anything_but_a_file(
    drop: Path, make_system: Make, path: str
) -> None:
    (drop.parent / "secret.csv").write_text("a\n1\n")
    (drop / "link.csv").symlink_to(drop.parent / "secret.csv")
    (drop / "linked").symlink_to(drop.parent)
    (drop / "folder").mkdir()
    os.mkfifo(drop / "pipe")

    system = make_system(path)
    with pytest.raises(ConfigurationError):
        await read(system)
    with pytest.raises(ConfigurationError):
        await system.target("a").deliver(deliver("create", pl.DataFrame({"a": ["2"]}), ("a",)))
    assert (drop.parent / "secret.csv").read_text() == "a\n1\n"


async def test_json_lines_keep_numbers_and_name_the_bad_line(drop: Path, make_system: Make) -> None:
    lines = [
        '{"id": 1, "n": 12345678901234567.89}',
        '{"id": 2',
        "[3]",
        '{"id": 4, "n": NaN}',
        '{"id": 5, "n": 0.1}',
    ]
    (drop / "a.jsonl").write_text("\n".join(lines))

    batches = await read(make_system("a.jsonl", jsonLines={}))

    texts = {row["id"]: str(row["n"]) for batch in batches for row in batch.frame.iter_rows(named=True)}
    assert texts[1] == "12345678901234567.89"
    assert float(texts[5]) == 0.1
    assert broken(batches) == ["line 2", "line 3"]
    (cut, *_) = (piece.message for batch in batches for piece in batch.unreadable)
    assert cut.startswith("line 2, column 9: ")  # once, and not the parser's "line 1"
    assert [fault["field"] for b in batches if b.faults is not None for fault in b.faults.to_dicts()] == ["n"]


async def test_a_target_with_a_broken_line_is_not_rewritten(drop: Path, make_system: Make) -> None:
    (drop / "a.csv").write_text("a,b\n1,x\n2\n")

    with pytest.raises(ConfigurationError, match="line 3"):
        await make_system().target("a").deliver(deliver("create", pl.DataFrame({"a": ["9"]}), ("a",)))

    assert (drop / "a.csv").read_text() == "a,b\n1,x\n2\n"


async def test_a_target_that_cannot_be_written_is_what_it_was(
    drop: Path, make_system: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drop / "a.csv").write_text("a,b\n1,x\n")

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(TransientError, match="No space left"):
        await make_system().target("a").deliver(deliver("create", pl.DataFrame({"a": ["9"]}), ("a",)))

    assert [entry.name for entry in os.scandir(drop)] == ["a.csv"]
    assert (drop / "a.csv").read_text() == "a,b\n1,x\n"


async def test_what_the_encoding_cannot_express_is_rejected(drop: Path, make_system: Make) -> None:
    system = make_system(csv={"encoding": "latin-1"})
    frame = pl.DataFrame({"a": ["1", "2"], "b": ["é", "漢"]})

    answers = await system.target("a").deliver(deliver("create", frame, ("a",)))

    assert answers.select("outcome", "reason").rows() == [("done", None), ("rejected", "InvalidText")]
    assert (drop / "a.csv").read_bytes() == "a,b\n1,é\n".encode("latin-1")


CELL = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=8)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=12)
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
async def test_what_was_written_as_csv_is_read_as_it_was(
    drop: Path, make_system: Make, table: list[list[str]], quoting: int, delimiter: str, end: str
) -> None:
    width = len(table[0]) if table else 2
    with (drop / "a.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
        writer.writerow([f"c{number}" for number in range(width)])
        writer.writerows(table)

    batches = await read(make_system(csv={"delimiter": delimiter}), Read("all", 5))

    assert rows(batches) == [tuple(cell or None for cell in row) for row in table]
    assert broken(batches) == []
