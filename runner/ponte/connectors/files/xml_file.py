"""XML files to frames, by the one parser for XML: each element at a path is a record, every value is text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.compression import blocks
from ponte.connectors.files.formats import Format
from ponte.connectors.files.tables import Table
from ponte.connectors.records import JsonError, frame_records
from ponte.connectors.xml_errors import XmlError
from ponte.connectors.xml_records import Record, Shape, parse_records
from ponte.errors import ConfigurationError, TransientError
from ponte_api.sync_source import ObjectSpec


def read_xml(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records. The object says where they are.

    Raises:
        ConfigurationError: the document is no sound XML, asks too much, or has no records where they should be.
        TransientError: it ends early.
    """
    xml = spec.xml
    assert xml is not None  # noqa: S101 - the format was chosen by it
    shape = Shape(xml.records, {space.name: space.uri for space in xml.namespaces}, frozenset(xml.lists))
    records = parse_records(blocks(snapshot), shape)
    yield _table(snapshot.label, [], spec)
    while True:
        try:
            held = list(islice(records, batch_size))
        except XmlError as error:
            _refuse(snapshot.label, error)
        if not held:
            return
        yield _table(snapshot.label, held, spec)


def _table(label: str, records: list[Record], spec: ObjectSpec) -> Table:
    needed = [*spec.key, *([spec.cursor.field] if spec.cursor else [])]
    try:
        framed = frame_records(records, spec.fields, [name for name in needed if "." not in name and "[" not in name])
    except JsonError as error:
        told = f"{label}: {error.message}. Next: correct the path of the records: data stand there as names."
        raise ConfigurationError(told, reason=error.reason) from error
    return Table(framed.frame, faults=framed.faults if framed.faults.height else None)


def _refuse(label: str, error: XmlError) -> NoReturn:
    if error.reason == "IncompleteXml":
        raise TransientError(f"{label}: {error.message}.", reason=error.reason) from error
    step = "" if "Next: " in error.message else " Next: have the file mended, or exported anew."
    raise ConfigurationError(f"{label}: {error.message}.{step}", reason=error.reason) from error


FORMAT = Format(read_xml, has_fixed_fields=False)
