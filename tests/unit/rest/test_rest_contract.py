"""The rest connector under the contract of all connectors, over each kind of paging and both kinds of target."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from conditional_store import EtagStore
from record_store import RecordStore
from scripted_server import Reply

from ponte.testing.contract.records import DECLARED, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract

CURSOR = {"field": "changed", "parameter": "since", "upperParameter": "until"}
FIND = {"parameters": [{"name": "code", "field": "code"}]}


def _as_json(record: Record) -> dict[str, Any]:
    forms = {"price": float, "day": lambda value: value.isoformat(), "changed": lambda value: value.isoformat()}
    return {name: value if value is None else forms.get(name, lambda it: it)(value) for name, value in record.items()}


class RestSourceContract(SourceContract):
    pagination: ClassVar[dict[str, Any] | None] = None

    @pytest.fixture
    def open_source(self, server, open_system) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            store = RecordStore("code")
            store.records = {str(number): _as_json(record) for number, record in enumerate(records)}

            def answer(seen):
                seen.query.pop("since", None), seen.query.pop("until", None)  # a server that knows no bounds
                if self.pagination is None:
                    seen.query["size"] = "1000"
                return store.answer(seen)

            server.answer = answer
            system = open_system(
                rest={"pagination": self.pagination} if self.pagination else None,
                list={"records": "items", "total": "total"},
                key=["code"],
                fields=list(DECLARED),
                cursor=CURSOR,
                write={"find": FIND},
            )
            return system.source("products")

        return open_


class TestRestSourceInOneAnswer(RestSourceContract):
    pagination = None


class TestRestSourceByPage(RestSourceContract):
    pagination: ClassVar = {"page": {"sizeParameter": "size", "size": 5}}


class TestRestSourceByOffset(RestSourceContract):
    pagination: ClassVar = {"offset": {"limit": 3}}


class TestRestSourceByCursor(RestSourceContract):
    pagination: ClassVar = {"cursor": {"next": "next", "sizeParameter": "size", "size": 4}}


class TestRestSourceByLink(RestSourceContract):
    pagination: ClassVar = {"link": {"sizeParameter": "size", "size": 5}}


class RestTargetContract(TargetContract):
    traits = Traits()
    gives_ids = False
    write: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def open_target(self, server, open_system) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            store = RecordStore("code", gives_ids=self.gives_ids)
            for number, record in enumerate(records, 1):
                fields = _as_json(record)
                store.records[str(900 + number) if self.gives_ids else record["code"]] = (
                    {**fields, "id": 900 + number} if self.gives_ids else fields
                )
            take = EtagStore(store).answer if "condition" in self.write else store.answer
            server.answer = take

            async def held() -> list[Record]:
                return list(store.records.values())

            async def refuse() -> None:
                def answer(seen):
                    records = seen.json if isinstance(seen.json, list) else [seen.json]
                    return Reply(422, {"message": "no stock"}) if records[0].get("stock") == -1 else take(seen)

                server.answer = answer

            async def lose() -> None:
                def answer(seen):
                    take(seen)
                    server.answer = take
                    return Reply(is_dropped=True)

                server.answer = answer

            system = open_system(list={"records": "items"}, key=["code"], fields=list(DECLARED), write=self.write)
            target = system.target("products")
            return Opened(target, held, refuse, None if target.capabilities.upserts else lose)

        return open_


class TestRestTargetByOurKey(RestTargetContract):
    write: ClassVar = {
        "upsert": "PUT /products/{code}",
        "update": "PATCH /products/{code}",
        "delete": "DELETE /products/{code}",
        "get": "GET /products/{code}",
    }


class TestRestTargetUnderConditions(RestTargetContract):
    write: ClassVar = {**TestRestTargetByOurKey.write, "condition": {"etag": {}}}


class TestRestTargetWithIdsOfItsOwn(RestTargetContract):
    gives_ids = True
    write: ClassVar = {
        "create": "POST /products",
        "update": "PATCH /products/{id}",
        "delete": "DELETE /products/{id}",
        "get": "GET /products/{id}",
        "find": FIND,
        "id": "id",
    }
