"""Fixed-width text to frames of strings: columns are cut out of all lines at once, a line of the wrong shape is named.

A line that ends too early may be cut or only trimmed at its end; nobody can tell, so it is a reject unless the layout
says that the writing program trims (`shortLines: pad`). A line that goes on behind the layout has been shifted, unless
there are only blanks, or `lineLength` says how long lines are.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.fixed_writing import FixedWidthWriter
from ponte.connectors.files.formats import Format
from ponte.connectors.files.tables import Lines, Table
from ponte.connectors.files.text import read_lines
from ponte.engine.ports import Unreadable
from ponte.errors import TransientError
from ponte_api.sync_source import FixedWidth, ObjectSpec, RecordTypes

_LINE = pl.col("line")


def read_fixed_width(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records. The object has a layout.

    Raises:
        ConfigurationError: the encoding is wrong.
        TransientError: the line that ends the file, where the layout has one, is not there.
    """
    layout = spec.fixed_width
    assert layout is not None  # noqa: S101 - the format was chosen by it
    lines = Lines(read_lines(snapshot, layout.encoding))
    if layout.skip_first and lines.fill(layout.skip_first):
        lines.take(min(layout.skip_first, lines.held_count))
    last = ""
    yield _table(layout, [], 1)
    while lines.fill(batch_size + layout.skip_last) and lines.held_count > layout.skip_last:
        ahead, first = lines.ahead(min(batch_size, lines.held_count - layout.skip_last)), lines.number
        lines.take(len(ahead))
        last = next((line for line in reversed(ahead) if line.strip()), last)
        yield _table(layout, ahead, first)
    if layout.types is not None and layout.types.end is not None:
        _check_end(snapshot.label, layout.types, layout.types.end, last)


def _check_end(label: str, types: RecordTypes, end: str, last: str) -> None:
    if not last.startswith(end, types.start - 1):
        raise TransientError(
            f"{label} does not end with a line that has {end!r} at position {types.start}: it is still being written,"
            " or was cut. Next: run again when it is whole; if it stays so, have it sent anew.",
            reason="FileIncomplete",
        )


def _table(layout: FixedWidth, lines: list[str], first: int) -> Table:
    plain = _LINE.str.strip_chars_end("\r").str.strip_chars("\f")  # a page of a printed list begins with \f
    numbered = pl.DataFrame({"line": pl.Series(lines, dtype=pl.String)}).with_row_index("number", first)
    present = numbered.with_columns(plain).filter(_LINE.str.strip_chars(" ") != "")
    if layout.types is not None:
        ignored = [*layout.types.ignore, *([layout.types.end] if layout.types.end is not None else [])]
        present = present.filter(~_is_of(layout.types, ignored))
    judged = present.with_columns(fault=_fault(layout))
    unreadable = tuple(
        Unreadable(f"line {number}", "BrokenRecord", f"line {number}: {fault}")
        for number, fault in judged.drop_nulls("fault").select("number", "fault").iter_rows()
    )
    records = judged.filter(pl.col("fault").is_null())
    return Table(
        records.select(_cell(layout, field.name, field.start, field.width) for field in layout.fields), unreadable
    )


def _is_of(types: RecordTypes, kinds: list[str]) -> pl.Expr:
    found = [_LINE.str.slice(types.start - 1, len(kind)) == kind for kind in kinds]
    return pl.any_horizontal(found) if found else pl.lit(value=False)


def _fault(layout: FixedWidth) -> pl.Expr:
    """Why a line is no record; null for one that is."""
    told, end = pl.format("{} characters, but ", _LINE.str.len_chars()), layout.in_order[-1].last
    least = layout.line_length or end
    checks = [(_LINE.str.contains("\0", literal=True), pl.lit("it holds a NUL character"))]
    if layout.types is not None:
        named = f"what stands at position {layout.types.start} is no type that the layout names"
        checks.append((~_is_of(layout.types, layout.types.records), pl.lit(named)))
    if layout.short_lines == "reject":
        checks.append((_LINE.str.len_chars() < least, told + f"{least} are expected"))
    if layout.line_length is not None:
        checks.append((_LINE.str.len_chars() > least, told + f"{least} are expected"))
    else:
        checks.append((_LINE.str.slice(end).str.strip_chars(" ") != "", told + f"the layout ends at {end}"))
    return pl.coalesce(pl.when(is_broken).then(why) for is_broken, why in checks)


def _cell(layout: FixedWidth, name: str, start: int, width: int) -> pl.Expr:
    """A field of each line; where it is all blanks there is no value."""
    cell = _LINE.str.slice(start - 1, width)
    bare = cell.str.strip_chars(" ")
    trimmed = {"both": bare, "right": cell.str.strip_chars_end(" "), "none": cell}[layout.trim]
    return pl.when(bare != "").then(trimmed).alias(name)


FORMAT = Format(read_fixed_width, has_fixed_fields=True, writer=FixedWidthWriter)
