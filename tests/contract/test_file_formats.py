"""The formats of files that have no place in `test_connectors` are held to the same contract.

In a line of fixed width a line break has no place, and blanks at an edge are lost: written they are rejects, which is
tested beside the connector, and read they cannot be there.
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from contract.conftest import Make, StillClock
from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.manifests.references import References
from ponte.testing.contract.records import ODD_TEXTS, SCHEMA, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract
from ponte_api.sync_source import SyncSource

FIELDS = tuple(SCHEMA)
WIDTH = 4200
LAYOUT = {"fields": [{"name": name, "start": 1 + at * WIDTH, "length": WIDTH} for at, name in enumerate(FIELDS)]}
PLAIN = {name: text for name, text in ODD_TEXTS.items() if not {"\n", "\r"} & set(text) and text == text.strip()}


@pytest.fixture
def make_system(tmp_path: Path) -> Make:
    """The temporary folder, with one object, `records`."""

    def make(**fields: Any) -> System:
        spec = {
            "files": {"path": {"value": str(tmp_path)}},
            "objects": [{"name": "records", "key": ["code"], **fields}],
        }
        head = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "tested"}}
        source = {**head, "spec": spec}
        return connect(SyncSource.model_validate(source), References(environment={}), StillClock())

    return make


def _texts(record: Record) -> dict[str, str]:
    plain = {name: "" if value is None else str(value) for name, value in record.items()}
    return {**plain, "active": plain["active"].lower()}


class TestDroppedFilesSource(SourceContract):
    """Two files read as one: tab-separated, in UTF-16, one of them packed."""

    traits = Traits(is_typed=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            half = len(records) // 2
            (tmp_path / "records_1.tsv").write_bytes(gzip.compress(_tsv(records[:half]).encode("utf-16")))
            (tmp_path / "records_2.tsv").write_bytes(_tsv(records[half:]).encode("utf-16"))
            csv_ = {"delimiter": "tab", "encoding": "utf-16"}
            fields = {"path": "records_*.tsv", "csv": csv_, "incoming": {"pick": "all", "orderBy": "name"}}
            return make_system(**fields, cursor={"field": "changed"}).source("records")

        return open_


def _tsv(records: list[Record]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS, delimiter="\t")
    writer.writeheader()
    writer.writerows(map(_texts, records))
    return text.getvalue()


class TestXmlSource(SourceContract):
    traits = Traits(is_typed=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            inner = "".join(map(_xml_element, records))
            (tmp_path / "records.xml").write_text(f"<all>{inner}</all>", encoding="utf-8", newline="")
            fields = {
                "path": "records.xml",
                "xml": {"records": "/all/record"},
                "fields": [{"name": name, "type": "string"} for name in FIELDS],
                "cursor": {"field": "changed"},
            }
            return make_system(**fields).source("records")

        return open_


def _xml_element(record: Record) -> str:
    texts = {name: text for name, text in _texts(record).items() if text}
    inner = "".join(f"<{name}>{escape(text, {chr(13): '&#13;'})}</{name}>" for name, text in texts.items())
    return f"<record>{inner}</record>"


def _fixed_line(record: Record) -> str:
    return "".join(text.ljust(WIDTH) for text in _texts(record).values()) + "\n"


class TestFixedWidthSource(SourceContract):
    traits = Traits(is_typed=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            lines = "".join(map(_fixed_line, records))
            (tmp_path / "records.txt").write_text(lines, encoding="utf-8", newline="")
            fields = {"path": "records.txt", "fixedWidth": LAYOUT, "cursor": {"field": "changed"}}
            return make_system(**fields).source("records")

        return open_

    @pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN.keys())
    async def test_odd_text_arrives_as_it_is(self, open_source: OpenSource, text: str) -> None:
        await super().test_odd_text_arrives_as_it_is(open_source, text)


class TestFixedWidthTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "records.txt"

        async def held() -> list[Record]:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            starts = range(0, len(FIELDS) * WIDTH, WIDTH)
            cells = [[line[at : at + WIDTH].strip(" ") or None for at in starts] for line in lines]
            return [dict(zip(FIELDS, row, strict=True)) for row in cells]

        async def open_(records: list[Record]) -> Opened:
            path.write_text("".join(map(_fixed_line, records)), encoding="utf-8", newline="")
            system = make_system(path="records.txt", fixedWidth=LAYOUT)
            return Opened(system.target("records"), held)

        return open_

    @pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN.keys())
    async def test_odd_text_is_kept_as_it_is(self, open_target: OpenTarget, text: str) -> None:
        await super().test_odd_text_is_kept_as_it_is(open_target, text)

    @pytest.mark.parametrize("key", ["a'b\"c", "x; DROP TABLE y", "50%/?#[]", "漢字 é", "k" * 1000])
    async def test_odd_keys_are_told_apart(self, open_target: OpenTarget, key: str) -> None:
        await super().test_odd_keys_are_told_apart(open_target, key)
