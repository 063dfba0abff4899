"""GraphQL, JSON-RPC and XML under the contract of all connectors, on graphql-yoga, jayson and xmldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from article_objects import NO_SUCH_ARTICLE, as_xml, by_connection, by_json_rpc, by_offset

from ponte.testing.contract.records import DECLARED, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract


def _as_json(record: Record) -> dict[str, Any]:
    forms = {"price": float, "day": str, "changed": lambda value: value.isoformat()}
    return {name: value if value is None else forms.get(name, lambda it: it)(value) for name, value in record.items()}


def _rest(articles: Any, product: dict[str, Any]) -> dict[str, Any]:
    is_graphql = product["path"] != "/"
    url = articles.graphql_url if is_graphql else articles.json_rpc_url
    return {"baseUrl": {"value": url}, "errors": {} if is_graphql else NO_SUCH_ARTICLE}


class CallSourceContract(SourceContract):
    product: ClassVar[Callable[[], dict[str, Any]]]

    @pytest.fixture
    def open_source(self, articles, open_shop) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            articles.tell(records=[_as_json(record) for record in records])
            product = type(self).product()
            return open_shop(_rest(articles, product), {**product, "fields": list(DECLARED)}).source("products")

        return open_


class TestSourceByConnection(CallSourceContract):
    product = staticmethod(by_connection)


class TestSourceBySkipAndTake(CallSourceContract):
    product = staticmethod(by_offset)


class TestSourceByJsonRpc(CallSourceContract):
    product = staticmethod(by_json_rpc)


class TestSourceAsXml(CallSourceContract):
    traits = Traits(is_typed=False)
    product = staticmethod(as_xml)


class CallTargetContract(TargetContract):
    product: ClassVar[Callable[[], dict[str, Any]]]

    @pytest.fixture
    def open_target(self, articles, open_shop) -> OpenTarget:
        async def held() -> list[Record]:
            return articles.held()

        async def refuse() -> None:  # the server refuses a stock of -1 at all times
            return None

        async def lose() -> None:
            articles.tell(loses=True)

        async def open_(records: list[Record]) -> Opened:
            articles.tell(records=[_as_json(record) for record in records])
            product = type(self).product()
            system = open_shop(_rest(articles, product), {**product, "fields": list(DECLARED)})
            return Opened(system.target("products"), held, refuse, lose)

        return open_


class TestTargetByGraphql(CallTargetContract):
    product = staticmethod(by_connection)


class TestTargetByJsonRpc(CallTargetContract):
    product = staticmethod(by_json_rpc)


class TestTargetAsXml(CallTargetContract):
    traits = Traits(is_typed=False)
    product = staticmethod(as_xml)
