"""XML files: each element at the path is a record; a document that cannot be trusted gives no wrong picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ponte.engine.ports import Batch, Read, System
from ponte.errors import ConfigurationError, TransientError

Make = Callable[..., System]
XML: dict[str, Any] = {"records": "/catalog/product"}


async def read(system: System, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source("a").read(request or Read("all", 2))]


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.frame.to_dicts()]


async def test_records_come_in_batches_and_numbers_are_text(drop: Path, make_system: Make) -> None:
    products = "".join(f'<product id="{n}"><price>0{n}.50</price></product>' for n in range(5))
    (drop / "a.xml").write_text(f"<catalog>{products}</catalog>")

    batches = await read(make_system("a.xml", xml=XML, key=["@id"]))

    assert rows(batches) == [{"@id": str(n), "price": f"0{n}.50"} for n in range(5)]
    assert [batch.is_last for batch in batches if batch.frame.height] == [False, False, True]


async def test_declared_fields_are_there_also_when_no_record_has_them(drop: Path, make_system: Make) -> None:
    (drop / "a.xml").write_text("<catalog><product><sku>1</sku></product></catalog>")
    fields = [{"name": "sku", "type": "string"}, {"name": "name", "type": "string"}]

    assert rows(await read(make_system("a.xml", xml=XML, fields=fields))) == [{"sku": "1", "name": None}]


async def test_single_records_and_changes_are_picked_out(drop: Path, make_system: Make) -> None:
    items = "".join(f"<product><sku>{n}</sku><at>2026-01-0{n}</at></product>" for n in range(1, 5))
    (drop / "a.xml").write_text(f"<catalog>{items}</catalog>")
    system = make_system("a.xml", xml=XML, key=["sku"], cursor={"field": "at"})

    changed = await read(system, Read("changes", 10, lower="2026-01-03"))

    assert [row["sku"] for row in rows(changed)] == ["3", "4"]
    assert await system.source("a").upper_bound() == "2026-01-04"


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        ("<catalog><product/><product></catalog>", ConfigurationError, "InvalidXml"),
        ("<catalog><product/>", TransientError, "IncompleteXml"),
        ("", TransientError, "IncompleteXml"),
        ("<!DOCTYPE c><catalog/>", ConfigurationError, "DoctypeRefused"),
        ("<Catalog/>", ConfigurationError, "RecordsNotFound"),
    ],
)
async def test_what_is_not_sound_ends_the_reading(
    drop: Path, make_system: Make, content: str, error: type[Exception], reason: str
) -> None:
    (drop / "a.xml").write_text(content)

    with pytest.raises(error, match=r"a\.xml: ") as caught:
        await read(make_system("a.xml", xml=XML))

    assert getattr(caught.value, "reason", None) == reason


async def test_an_xml_file_is_not_written(make_system: Make) -> None:
    with pytest.raises(ConfigurationError, match=r"XML files are only read\. Next: write csv, jsonLines, ") as caught:
        make_system("a.xml", xml=XML).target("a")

    assert caught.value.reason == "NotWritable"
