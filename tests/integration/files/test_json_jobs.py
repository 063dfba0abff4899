"""Whole jobs from JSON Lines: fields that some records lack, and fields that stay JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ponte.engine.ports import System
from ponte.engine.run import RunFailed
from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

Make = Callable[..., System]
MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: crm}
spec:
  files: {path: {value: "%(folder)s"}}
  objects: [{name: contacts, path: contacts.jsonl, jsonLines: {}, key: [code]%(fields)s}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
%(shop)s
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: contact}
spec:
  key: [code]
  fields:
  - {to: code, from: code}
  - {to: city, from: address.city}
  - {to: mail, from: mail}
  - {to: more, from: more, type: json}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: contacts}
spec: {source: {name: crm, object: contacts}, target: {name: shop, object: contacts}, mapping: contact, batchSize: 1}
"""
FILES = """  files: {path: {value: "%(folder)s"}}
  objects: [{name: contacts, path: shop.jsonl, jsonLines: {}, key: [code]}]"""
WHOLE = {"code": "a", "address": {"city": "Asti", "zip": "1"}, "mail": "a@x.example", "more": {"rate": Decimal("1.50")}}

Make = Callable[..., Runtime]


def text_of(record: dict[str, Any]) -> str:
    """JSON with decimals by their own digits."""
    return json.dumps(record, default=lambda number: f"#{number}#").replace('"#', "").replace('#"', "")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The job for these records; `fields` and `shop` go into the manifests."""

    def make_one(*records: dict[str, Any], fields: str = "", shop: str = FILES) -> Runtime:
        (tmp_path / "contacts.jsonl").write_text("\n".join(map(text_of, records)) + "\n")
        told = {"folder": tmp_path, "fields": fields, "shop": shop.replace("%(folder)s", str(tmp_path))}
        (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % told)
        manifests = load([tmp_path / "jobs.yaml"])
        assert manifests.faults == ()
        return Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    return make_one


def delivered(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in (folder / "shop.jsonl").read_text().splitlines()]


async def test_what_an_earlier_record_had_is_empty_in_one_that_lacks_it(make: Make, tmp_path: Path) -> None:
    runtime = make(WHOLE, {"code": "b", "address": {"zip": "2"}}, {"code": "c", "address": None, "more": 7})

    result = await runtime.run(RunRequest("contacts"))

    assert result.account.created == 3
    assert delivered(tmp_path) == [
        {"code": "a", "city": "Asti", "mail": "a@x.example", "more": {"rate": Decimal("1.50")}},
        {"code": "b", "city": None, "mail": None, "more": None},
        {"code": "c", "city": None, "mail": None, "more": 7},
    ]


async def test_what_no_record_has_had_yet_stops_the_run_before_anything_is_emptied(make: Make, tmp_path: Path) -> None:
    runtime = make({"code": "b", "address": {"city": "Bari"}, "more": 1}, WHOLE)

    with pytest.raises(RunFailed, match=r"no field mail.* declare it in `fields` of the object contacts"):
        await runtime.run(RunRequest("contacts"))

    assert not (tmp_path / "shop.jsonl").exists()


async def test_declared_fields_may_be_missing_from_the_first_record_on(make: Make, tmp_path: Path) -> None:
    names = (("code", "string"), ("address", "json"), ("mail", "string"), ("more", "json"))
    declared = ", ".join(f"{{name: {name}, type: {type_}}}" for name, type_ in names)
    runtime = make({"code": "b", "address": {"zip": "1"}}, WHOLE, fields=f", fields: [{declared}]")

    result = await runtime.run(RunRequest("contacts"))

    assert result.account.created == 2
    assert [record["city"] for record in delivered(tmp_path)] == [None, "Asti"]


@pytest.mark.needs("postgresql")
async def test_a_json_column_of_a_table_gets_the_json(make: Make, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE contacts (code text PRIMARY KEY, city text, mail text, more jsonb)")
    shop = f'  sql: {{url: {{value: "{postgres_url}"}}}}\n  objects: [{{name: contacts, table: contacts, key: [code]}}]'
    runtime = make(WHOLE, {**WHOLE, "code": "b", "more": "text"}, {**WHOLE, "code": "c", "more": None}, shop=shop)

    result = await runtime.run(RunRequest("contacts"))

    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT code, more::text FROM contacts ORDER BY 1").fetchall()
    assert (result.account.created, result.account.rejected) == (2, 1)
    assert rows == [("a", '{"rate": 1.5}'), ("c", None)]


async def test_the_fields_are_those_of_the_first_thousand_lines(tmp_path: Path, make_system: Make) -> None:
    head = '\n{"code": "a", "price": 1.5}\nno record\n{"code": "b", "price": 2, "lines": [{"n": 1}]}\n'
    filling = '{"code": "x", "paid": true}\n' * 996
    (tmp_path / "drop" / "c.jsonl").write_text(head + filling + '{"beyond": 1}\n')
    system = make_system("c.jsonl", jsonLines={}, key=["code"], fields=[{"name": "note", "type": "string"}])

    fields = {field.name: field.type for field in await system.schema("a")}

    assert fields == {
        "note": "string",
        "code": "string",
        "price": "decimal(38,1)",
        "lines": "json",
        "paid": "boolean",
    }


async def test_the_fields_come_from_the_first_record_there_is(tmp_path: Path, make_system: Make) -> None:
    (tmp_path / "drop" / "1.jsonl").write_text("")
    (tmp_path / "drop" / "2.jsonl").write_text("\n" * 2500 + '{"code": "a", "n": 1}\n')
    system = make_system("*.jsonl", jsonLines={}, key=["code"], incoming={"pick": "all"})

    assert [(field.name, field.type) for field in await system.schema("a")] == [("code", "string"), ("n", "integer")]


async def test_where_no_record_is_there_the_key_is_the_only_field(tmp_path: Path, make_system: Make) -> None:
    (tmp_path / "drop" / "c.jsonl").write_text("")

    assert [field.name for field in await make_system("c.jsonl", jsonLines={}, key=["code"]).schema("a")] == ["code"]
