"""Bodies by template: values keep their types, what has no value goes, and nothing else is possible."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest
from exchange import column, delivery, read_all
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted_server import Reply

from ponte.connectors.records import decode
from ponte.connectors.rest.body_templates import BodyTemplate, Given, UnfitValueError
from ponte.errors import ConfigurationError
from ponte_api.calls import BodyRequest
from ponte_api.templates import check_template


def text(node, **given_) -> str:
    return BodyTemplate(check_template(node), "object products").text(Given(**given_))


def body_call(operation: str, body, **more) -> list[dict]:
    return [{"operation": operation, "request": {"send": "POST /save", "body": body}, **more}]


async def test_fields_go_where_the_template_says_and_keep_their_types(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    body = {
        "type": "article",
        "data": [
            {"attributes": {"price": {"amount": {"$field": "price"}, "currency": "EUR"}, "tags": {"$field": "tags"}}}
        ],
        "active": {"$field": "active"},
        "asText": {"$field": "price", "as": "string"},
        "all": {"$record": True},
    }
    system = open_system(calls=body_call("create", body))
    row = {"sku": "a", "price": Decimal("12345678901234567.10"), "tags": ["x", 'y"'], "active": True}

    answers = await system.target("products").deliver(delivery("create", [row]))

    sent = server.seen[0].body.decode()
    assert answers["outcome"].to_list() == ["done"]
    assert json.loads(sent, parse_float=Decimal) == {
        "type": "article",
        "data": [{"attributes": {"price": {"amount": row["price"], "currency": "EUR"}, "tags": row["tags"]}}],
        "active": True,
        "asText": "12345678901234567.10",
        "all": row,
    }


async def test_what_holds_no_value_and_is_to_be_left_out_is_left_out(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    body = {
        "a": {"$field": "name"},
        "b": {"$optional": {"inner": {"$field": "name"}}},
        "c": {"$optional": {"$field": "none"}},
    }
    system = open_system(calls=body_call("create", body))
    frame = pl.DataFrame({"sku": ["a", "b"], "name": [None, "n"]})

    await system.target("products").deliver(delivery("create", frame, omit_null=frozenset({"name"})))

    assert sorted((seen.json for seen in server.seen), key=len) == [{}, {"a": "n", "b": {"inner": "n"}}]


async def test_an_empty_value_that_is_to_be_sent_is_null(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    system = open_system(calls=body_call("create", {"a": {"$field": "name"}}))

    await system.target("products").deliver(delivery("create", pl.DataFrame({"sku": ["a"], "name": [None]})))

    assert server.seen[0].json == {"a": None}


async def test_a_field_that_the_mapping_does_not_make_stops_the_run_and_is_named(server, open_system):
    system = open_system(calls=body_call("create", {"a": {"$field": "nmae"}}))

    with pytest.raises(ConfigurationError, match=r"calls: create: the body places the field nmae") as caught:
        await system.target("products").deliver(delivery("create", [{"sku": "a"}]))
    assert caught.value.reason == "UnknownField"
    assert server.seen == []


async def test_an_id_that_is_no_integer_costs_its_record_and_is_not_sent(server, open_system):
    server.answer = lambda seen: Reply(200, {})
    body = {"ids": [{"$id": True, "as": "integer"}]}
    system = open_system(calls=body_call("update", body))

    answers = await system.target("products").deliver(delivery("update", [{"sku": "a"}, {"sku": "b"}], ["7", "007"]))

    assert answers.select("outcome", "reason").rows() == [("done", None), ("rejected", "NotExpressible")]
    assert [seen.json for seen in server.seen] == [{"ids": [7]}]


async def test_a_search_by_post_pages_by_its_body_and_the_rest_of_it_stays(server, open_system):
    records = [{"sku": str(number)} for number in range(7)]

    def answer(seen):
        start, size = seen.json["page"]["from"], seen.json["page"]["size"]
        return Reply(200, {"hits": records[start : start + size], "found": len(records)})

    server.answer = answer
    page = {"from": {"$parameter": "offset", "as": "integer"}, "size": {"$parameter": "limit", "as": "integer"}}
    filters = [{"$optional": {"term": {"$parameter": "sku"}}}, {"$literal": {"$gt": 0}}]
    system = open_system(
        calls=body_call("list", {"page": page, "filter": filters}),
        list={"records": "hits", "total": "found", "pagination": {"offset": {"limit": 3}}},
        write={"find": {"parameters": [{"name": "sku", "field": "sku"}]}, "create": "POST /x"},
    )

    batches = await read_all(system.source("products"))
    await system.target("products").find(pl.DataFrame({"sku": ["3"]}))

    assert column(batches, "sku") == [record["sku"] for record in records]
    assert batches[-1].is_last
    assert server.seen[0].json["filter"] == [{"$gt": 0}]
    assert server.seen[-1].json["filter"] == [{"term": "3"}, {"$gt": 0}]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"a": {"$filed": "x"}}, "is no marker"),
        ({"a": {"$field": "x", "b": 1}}, "stands alone"),
        ({"a": {"b": 1, "$field": "x"}}, "stands alone"),
        ({"$record": False}, r"written \{\$record: true\}"),
        ({"$id": True, "as": "float"}, "one of string, integer"),
        ({"$field": "x", "as": "integer"}, "the type that the Mapping gives it"),
        ({"$field": ""}, "names a field"),
        ({"$field": {"__class__": "x"}}, "names a field"),
        ({1: "x"}, "in quotes"),
        (0.1, "by its digits"),
        ({"a": [float("nan")]}, "by its digits"),
        ("x" * 5000, "at most 4096"),
        ([[]] * 3000, "at most 2000"),
    ],
)
def test_what_is_no_template_is_refused_when_the_manifest_is_read(body, why):
    with pytest.raises(ValidationError, match=why):
        BodyRequest.model_validate({"send": "POST /x", "body": body})


def test_a_template_that_is_nested_too_deep_is_refused():
    body: list = []
    for _ in range(100):
        body = [body]

    with pytest.raises(ValidationError, match="nested at most 16"):
        BodyRequest.model_validate({"send": "POST /x", "body": body})


@pytest.mark.parametrize(
    "hostile", ['"},"admin":true,{"', "{{7*7}}", "{0.__class__}", "${HOME}", "%s", '{"$field": "sku"}']
)
def test_a_value_that_looks_like_a_template_is_a_value(hostile):
    assert decode(text({"a": {"$key": "sku"}}, values={"sku": hostile})) == {"a": hostile}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda name: not name.startswith("$")), inner),
        max_leaves=20,
    )
)
def test_a_template_without_markers_is_what_it_says(node):
    assert decode(text(node)) == node


@given(st.dictionaries(st.text(), st.text() | st.integers(), max_size=5))
def test_a_literal_is_taken_as_it_stands(node):
    assert decode(text({"$literal": node})) == node


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("integer", "1.5"),
        ("integer", "01"),
        ("integer", "1 "),
        ("integer", "١"),
        ("number", "1e5"),
        ("number", "NaN"),
        ("boolean", "True"),
    ],
)
def test_text_that_is_not_what_it_is_sent_as_is_refused(type_, value):
    with pytest.raises(UnfitValueError):
        text({"$key": "k", "as": type_}, values={"k": value})


@pytest.mark.parametrize(
    ("operation", "marker"),
    [("list", {"$field": "a"}), ("get", {"$record": True}), ("create", {"$id": True}), ("delete", {"$field": "a"})],
)
def test_a_marker_that_an_operation_has_no_value_for_is_refused_before_anything_is_sent(open_system, operation, marker):
    system = open_system(
        calls=body_call(operation, marker) + (body_call("create", None) if operation != "create" else [])
    )

    with pytest.raises(ConfigurationError, match=rf"calls: {operation}: there is no \{next(iter(marker))}"):
        system.target("products")
