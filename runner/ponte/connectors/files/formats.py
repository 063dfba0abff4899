"""The formats of files: the one place where an object's declaration chooses how its file is read and written.

A format is a module with a `FORMAT`; it is imported when an object asks for it, for its packages may be extras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.tables import Table
from ponte.connectors.files.writing import Writer
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

Reader = Callable[[Snapshot, ObjectSpec, int], Iterator[Table]]
"""Tables of at most so many records of an open file. The first comes even when it is empty: it names the fields."""

MODULES = {
    "csv": "csv_text",
    "json_lines": "json_lines",
    "fixed_width": "fixed_width",
    "xml": "xml_file",
    "excel": "excel",
}
"""Members of ObjectSpec that name a format, and the modules of this package that have it."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        read: its reader.
        has_fixed_fields: each record of a file has the same fields, so that a declared one that is missing was lost.
        writer: makes the writer of an object; None where files of this format are only read.
        check_replaceable: raises ConfigurationError for a file that holds more than its records, which would be lost.
    """

    read: Reader
    has_fixed_fields: bool
    writer: Callable[[ObjectSpec], Writer] | None = None
    check_replaceable: Callable[[Snapshot, ObjectSpec], None] | None = None


def format_of(spec: ObjectSpec) -> Format:
    """The format that an object declares."""
    member = next(member for member in MODULES if getattr(spec, member) is not None)
    return cast("Format", import_module(f"ponte.connectors.files.{MODULES[member]}").FORMAT)


def writer_of(spec: ObjectSpec, label: str) -> Writer:
    """How an object's file is written. Raises ConfigurationError where it can only be read."""
    make = format_of(spec).writer
    if make is None:
        raise ConfigurationError(
            f"{label}/{spec.name}: XML files are only read. Next: write csv, jsonLines, fixedWidth or excel; or"
            " send XML to a web API (rest, with a body of XML).",
            reason="NotWritable",
        )
    if spec.incoming is not None:
        raise ConfigurationError(
            f"{label}/{spec.name}: files that others drop (incoming) are only read. Next: write to another object, "
            "without incoming.",
            reason="NotWritable",
        )
    path = spec.path or ""
    if path.casefold().endswith(".gz"):
        raise ConfigurationError(
            f"{label}/{spec.name}: files are not written as gzip. Next: write {path[:-3]}, and have it packed"
            " by whoever sends it on.",
            reason="NotWritable",
        )
    return make(spec)
