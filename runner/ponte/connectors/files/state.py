"""A file as the state of a target: loaded whole, changed in memory, written whole under another name and renamed.

Readers see the old file or the new one, never a half. A file with a line that cannot be read is not rewritten, for
that line would be lost.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ponte.connectors.files.client import Folder
from ponte.connectors.files.errors import translated
from ponte.connectors.files.source import read_tables
from ponte.connectors.json_columns import json_text
from ponte.connectors.records import decode
from ponte.errors import ConfigurationError
from ponte.mapping.json_rows import Said, render_rows
from ponte_api.sync_source import Csv, ObjectSpec

Record = dict[str, Any]
Key = tuple[Any, ...]
_BATCH = 25_000


@dataclass(slots=True)
class State:
    """Records of a file in their order.

    Attributes:
        names: fields in the order of the header (CSV).
        records: each with the values as the format has them: text or null (CSV), decoded JSON (JSON Lines).
    """

    names: list[str]
    records: list[Record]

    def places(self, key: Sequence[str]) -> dict[Key, list[int]]:
        """Where the records of each key stand."""
        found: dict[Key, list[int]] = {}
        for place, record in enumerate(self.records):
            found.setdefault(tuple(record.get(name) for name in key), []).append(place)
        return found


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file and how it is written.

    Attributes:
        spec: the object.
        folder: where its path is relative to.
    """

    spec: ObjectSpec
    folder: Folder

    def load(self) -> State:
        """What the file holds; nothing where it is not there yet.

        Raises:
            ConfigurationError: a line of it cannot be read.
            TransientError: it changed while it was read.
        """
        if not self.path.exists():
            return State([field.name for field in self.spec.fields], [])
        state = State([], [])
        with self.folder.open(self.spec.path or "") as snapshot:
            for table in read_tables(snapshot, self.spec, _BATCH):
                broken = [item.message for item in table.unreadable]
                if broken or table.faults is not None:
                    raise ConfigurationError(
                        f"{snapshot.label} is not rewritten, because a part of it would be lost:"
                        f" {broken[0] if broken else 'a record can be read only in part'}. Mend or move the file.",
                        reason="TargetUnreadable",
                    )
                state.names = list(dict.fromkeys([*state.names, *table.frame.columns]))
                state.records += self.values(table.frame)
            snapshot.check_unchanged()
        return state

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str] = frozenset()) -> list[Record]:
        """Records of a frame as this format has them; in JSON Lines, text of JSON fields as what it says.

        Raises:
            ConfigurationError: nested fields for CSV.
        """
        if self.spec.json_lines is not None:
            return [decode(text) for text in render_rows(frame, Said(json_fields=json_fields))]
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            raise ConfigurationError(f"{self.folder.label}: CSV cannot hold the nested field {nested[0]!r}.")
        return frame.select(_text(series) for series in frame.iter_columns()).to_dicts()

    def line(self, record: Record, names: Sequence[str]) -> str:
        """A record as the file has it, with its line end. Raises ValueError where the format cannot express it."""
        if self.spec.json_lines is not None:
            text = json_text(record) + "\n"
        else:
            null = self._csv.null or ""
            text = self._row([null if record.get(name) is None else record[name] for name in names])
        text.encode(self._encoding)
        return text

    def write(self, state: State) -> None:
        """Replaces the file.

        Raises:
            ConfigurationError, TransientError: it could not be replaced and is what it was.
        """
        head = [self._row(state.names)] if self.spec.json_lines is None and self._csv.header else []
        lines = (self.line(record, state.names) for record in state.records)
        with translated(f"{self.folder.label}: {self.spec.path}"):
            _replace(self.path, _chunks([*head, *lines]), self._encoding)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.folder.file(self.spec.path or "")

    @property
    def _csv(self) -> Csv:
        return self.spec.csv or Csv()

    @property
    def _encoding(self) -> str:
        return self.spec.json_lines.encoding if self.spec.json_lines else self._csv.encoding

    def _quoting(self, values: Sequence[str]) -> Literal[0, 1, 3]:
        if not self._csv.quote:
            return csv.QUOTE_NONE
        has_return = any("\r" in value for value in values)  # a bare one would be taken for a part of the line end
        return csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL

    def _row(self, values: Sequence[str]) -> str:
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=self._csv.delimiter,
            quotechar=self._csv.quote or None,
            quoting=self._quoting(values),
            lineterminator="\n",
        )
        try:
            writer.writerow(values)
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if not self._csv.quote and ("\n" in out.getvalue()[:-1] or "\r" in out.getvalue()):
            raise ValueError("a line break cannot be written without quotes")
        return out.getvalue()


def _text(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        zone = "Z" if values.dtype.time_zone else ""
        utc = values.dt.convert_time_zone("UTC") if zone else values
        return utc.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    return values.cast(pl.String)


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) >= _BATCH:
            yield "".join(held)
            held = []
    yield "".join(held)


def _replace(path: Path, texts: Iterable[str], encoding: str) -> None:
    new = path.with_name(f".{path.name}.ponte-{os.getpid()}")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with suppress(FileNotFoundError):
        new.unlink()
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            for text in texts:
                stream.write(text.encode(encoding))
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
