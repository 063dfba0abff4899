"""Names that Polars would take for patterns, inside of nested records."""

from __future__ import annotations

import polars as pl
import pytest

from ponte.engine.canonical import plain_text
from ponte.mapping.json_rows import render_fields, render_rows
from ponte.mapping.members import member
from ponte.mapping.paths import resolve

NAMES = ["*", "^a.*$", "^.*$"]


@pytest.mark.parametrize("name", NAMES)
def test_a_nested_field_is_written_under_its_very_name(name: str) -> None:
    record = {name: "x", "ab": 1}

    assert render_rows(pl.DataFrame({"n": [record]})).to_list() == [f'{{"n":{{"{name}":"x","ab":1}}}}']
    assert render_rows(pl.DataFrame({"n": [[record]]})).to_list() == [f'{{"n":[{{"{name}":"x","ab":1}}]}}']


@pytest.mark.parametrize("name", ["*", "^a$"])
def test_a_single_nested_field_is_written_by_its_path(name: str) -> None:
    frame = pl.DataFrame({"n": [{name: "x", "a": 1}, {name: None, "a": 2}]})

    assert render_fields(frame, [f"n.{name}"]) == {f"n.{name}": ['"x"', "null"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_nested_field_is_read_by_its_very_name(name: str) -> None:
    frame = pl.DataFrame({"n": [{"ab": 1, name: "x"}]})
    dtype = frame.schema["n"]
    assert isinstance(dtype, pl.Struct)

    assert frame.select(member(pl.col("n"), dtype, name).alias("v"))["v"].to_list() == ["x"]


def test_a_mapping_reads_a_field_that_is_called_star() -> None:
    frame = pl.DataFrame({"n": [{"a": 1, "*": "x"}]})

    resolved = resolve("n.*", frame.schema)

    assert frame.select(resolved.value.alias("v"))["v"].to_list() == ["x"]
    assert frame.select(plain_text(resolved.value, pl.String()).alias("v"))["v"].to_list() == ["x"]
