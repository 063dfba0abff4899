"""XML bodies: written as the record says, read by the hardened parser, and hostile ones refused with a reason."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from exchange import column, delivery, read_all
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Reply

from ponte.connectors.rest.body_templates import UnfitValueError
from ponte.connectors.rest.xml_bodies import encode
from ponte.connectors.xml_records import parse_document
from ponte.errors import ConfigurationError, TransientError

XML = {"Content-Type": "application/xml"}
LIST = {"records": "catalog.product", "total": "catalog.@total"}
BODY = {"xmlBody": {"element": "product", "lists": ["catalog.product.lines.line"]}}
WRITE = {"create": "POST /products", "update": "PUT /products/{id}", "get": "GET /products/{id}", "id": "@id"}


def answer(text: str, status: int = 200) -> Reply:
    return Reply(status, text=text, headers=XML)


async def test_a_list_of_one_and_a_list_of_none_are_lists(server, open_system):
    texts = [
        "<catalog><product><sku>007</sku><lines><line><n>1</n></line></lines></product></catalog>",
        "<catalog/>",
        '<catalog total="0"> </catalog>',
        '<catalog xmlns="urn:x"><product id="1"><sku>a</sku></product><product><sku>b</sku></product></catalog>',
    ]
    found = []
    for text in texts:
        server.answer = lambda seen, text=text: answer(text)
        batches = await read_all(open_system(list=LIST, **BODY).source("products"))
        assert batches[-1].is_last
        found.append(column(batches, "sku"))

    assert found == [["007"], [], [], ["a", "b"]]
    assert server.seen[0].headers["Accept"] == "application/xml"


async def test_lists_within_a_record_are_lists_even_of_one(server, open_system):
    server.answer = lambda seen: answer(
        "<catalog><product><sku>a</sku><lines><line><n>1</n></line></lines></product></catalog>"
    )

    (batch,) = await read_all(open_system(list=LIST, **BODY).source("products"))

    assert batch.frame["lines"].to_list() == [{"line": [{"n": "1"}]}]


async def test_another_element_where_the_records_should_be_is_no_empty_list(server, open_system):
    server.answer = lambda seen: answer("<catalog><item><sku>a</sku></item></catalog>")

    with pytest.raises(ConfigurationError) as caught:
        await read_all(open_system(list=LIST, **BODY).source("products"))
    assert caught.value.reason == "RecordsNotFound"


async def test_a_record_is_written_in_its_order_with_digits_as_they_are_and_nothing_unescaped(server, open_system):
    server.answer = lambda seen: answer('<product id="17"/>', 201)
    row = {
        "sku": "<a&'\">",
        "price": Decimal("12345678901234567.10"),
        "on": True,
        "note": None,
        "lines": [{"n": 1}, {"n": 2}],
    }

    answers = await open_system(write=WRITE, **BODY).target("products").deliver(delivery("create", [row]))

    assert answers.select("outcome", "target_id").rows() == [("done", "17")]
    assert server.seen[0].headers["Content-Type"] == "application/xml"
    assert server.seen[0].body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?><product><sku>&lt;a&amp;\'&quot;&gt;</sku>'
        "<price>12345678901234567.10</price><on>true</on><note></note><lines><n>1</n></lines><lines><n>2</n></lines></product>"
    )


async def test_a_template_gives_root_attributes_and_order(server, open_system):
    server.answer = lambda seen: answer("<ok/>")
    body = {
        "p:order": {
            "@xmlns:p": "urn:shop",
            "@number": {"$field": "sku"},
            "p:line": {"p:price": {"@currency": "EUR", "#text": {"$field": "price"}}},
        }
    }
    calls = [{"operation": "create", "request": {"send": "POST /orders", "body": body}}]

    await (
        open_system(calls=calls, **BODY)
        .target("products")
        .deliver(delivery("create", [{"sku": 'a"\n', "price": Decimal("1.10")}]))
    )

    assert server.seen[0].body.decode().partition("?>")[2] == (
        '<p:order xmlns:p="urn:shop" number="a&quot;&#10;"><p:line><p:price currency="EUR">1.10</p:price></p:line>'
        "</p:order>"
    )


async def test_an_error_in_xml_is_told_in_its_words_and_by_its_field(server, open_system):
    server.answer = lambda seen: answer("<error><message>no stock</message><field>sku</field></error>", 422)
    target = open_system(write=WRITE, **BODY).target("products")

    refused = await target.deliver(delivery("create", [{"sku": "a"}]))
    server.answer = lambda seen: answer("<error><message>no stock</message></error>", 200)
    hidden = await target.deliver(delivery("create", [{"sku": "a"}]))

    assert refused.select("outcome", "field", "message").rows() == [("rejected", "sku", "HTTP 422: no stock")]
    assert hidden.select("outcome", "message").rows() == [("rejected", "HTTP 200 with an error: no stock")]


async def test_a_conditional_write_in_xml_is_bound_to_what_was_read(server, open_system):
    server.answer = lambda seen: Reply(text='<product id="1"><sku>a</sku></product>', headers={**XML, "ETag": '"1"'})
    target = open_system(write={**WRITE, "condition": {"etag": {}}}, **BODY).target("products")

    answers = await target.deliver(delivery("update", [{"sku": "a"}], ["1"]))

    assert answers["outcome"].to_list() == ["done"]
    assert [(seen.method, seen.headers.get("If-Match")) for seen in server.seen] == [("GET", None), ("PUT", '"1"')]
    assert server.seen[1].body.endswith(b"<product><sku>a</sku></product>")


def test_a_version_has_no_place_in_a_body_of_xml(open_system):
    write = {**WRITE, "condition": {"version": {"field": "version"}}}

    with pytest.raises(ConfigurationError, match="version has a place only in"):
        open_system(write=write, **BODY).target("products")


HOSTILE = {
    "billion laughs": (
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><catalog><product><sku>&b;</sku></product></catalog>',
        "DoctypeRefused",
    ),
    "external entity": (
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><catalog>&a;</catalog>',
        "DoctypeRefused",
    ),
    "depth": ("<a>" * 10_000, "TooDeep"),
    "cut": ("<catalog><product><sku>a</sku>", "IncompleteXml"),
    "garbage behind": ("<catalog/><catalog/>", "InvalidXml"),
    "html": ("<!DOCTYPE html><html><body>We are back soon</body></html>", "DoctypeRefused"),
    "xhtml": ("<html><body>We are back soon</body></html>", "HTML"),
    "json": ('{"products": []}', "InvalidXml"),
    "undefined entity": ("<catalog>&nbsp;</catalog>", "InvalidXml"),
}


@pytest.mark.parametrize(("text", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_document_is_no_list_and_leaves_a_create_unknown(server, open_system, text, reason):
    server.answer = lambda seen: answer(text)

    with pytest.raises(TransientError, match=reason) as caught:
        await read_all(open_system(list=LIST, **BODY).source("products"))
    answers = await open_system(write=WRITE, **BODY).target("products").deliver(delivery("create", [{"sku": "a"}]))

    assert caught.value.reason == "UnreadableAnswer"
    assert answers.select("outcome", "reason").rows() == [("unknown", "UnreadableAnswer")]


@pytest.mark.parametrize("sku", ["a\x00", "a\x1b", "\uffff"])
async def test_a_character_that_xml_cannot_hold_costs_its_record(server, open_system, sku):
    server.answer = lambda seen: answer('<product id="1"/>')
    frame = pl.DataFrame({"sku": [sku, "b"]})

    answers = await open_system(write=WRITE, **BODY).target("products").deliver(delivery("create", frame))

    assert answers.select("outcome", "reason").rows() == [("rejected", "NotExpressible"), ("done", None)]
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "document",
    [{}, {"a": 1, "b": 2}, [], {"a": [1, 2]}, {"a b": 1}, {"a><b": 1}, {"a": {"@x y": 1}}, {"a": {"#text": []}}],
)
def test_what_is_no_document_is_refused(document):
    with pytest.raises(UnfitValueError):
        encode(document)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<>&\"'"),
    min_size=1,
).filter(str.strip)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,10}", fullmatch=True)


@given(
    st.recursive(TEXTS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=12),
    st.dictionaries(NAMES, TEXTS, max_size=3),
)
def test_what_is_written_is_what_is_read(value, attributes):
    members = value if isinstance(value, dict) else {"text": value}
    document = {"root": {**{f"@{name}": text for name, text in attributes.items()}, **members}}

    assert parse_document(encode(document).encode()) == document
