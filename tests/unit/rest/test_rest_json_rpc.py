"""JSON-RPC on a hostile server: only an answer to this very call is one."""

from __future__ import annotations

import pytest
from exchange import column, delivery, read_all
from scripted_server import Reply

from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

CREATE = {"operation": "create", "jsonRpc": {"method": "product.add", "params": [{"$record": True}]}, "id": "result"}
LIST = {"operation": "list", "jsonRpc": {"method": "product.all"}}
ROWS = [{"sku": "a"}, {"sku": "b"}]
HTML = Reply(200, text="<html>We are back soon</html>", headers={"Content-Type": "text/html"})


@pytest.fixture
def target(open_system):
    def open_one(**rest):
        return open_system(rest=rest, calls=[CREATE]).target("products")

    return open_one


def said(**more):
    """An answer by JSON-RPC to the call that was made."""
    return lambda seen: Reply(200, {"jsonrpc": "2.0", "id": seen.json["id"], **more})


async def test_a_call_is_posted_with_an_id_and_its_result_is_the_answer(server, target):
    server.answer = said(result=17)

    answers = await target().deliver(delivery("create", ROWS))

    assert answers.select("outcome", "target_id").rows() == [("done", "17"), ("done", "17")]
    assert server.seen[0].json == {
        "jsonrpc": "2.0",
        "method": "product.add",
        "params": [{"sku": "a"}],
        "id": server.seen[0].json["id"],
    }
    assert len({seen.json["id"] for seen in server.seen}) == 2


@pytest.mark.parametrize(
    ("error", "message", "field"),
    [
        (
            {"code": -32602, "message": "no such colour", "data": {"field": "sku"}},
            "error -32602: no such colour",
            "sku",
        ),
        (
            {"code": 200, "message": "Server Error", "data": {"message": "sku is taken", "debug": "Traceback"}},
            "error 200: Server Error; sku is taken",
            None,
        ),
        (["UserError", ["The code must be unique.", "", None]], "error UserError: The code must be unique.", None),
        ("out of order", "an error: out of order", None),
    ],
)
async def test_an_error_inside_200_is_a_reject_in_the_servers_words(server, target, error, message, field):
    server.answer = said(error=error)

    answers = await target().deliver(delivery("create", ROWS[:1]))

    assert answers.select("outcome", "reason", "field").rows() == [("rejected", "RefusedByTarget", field)]
    assert message in answers["message"][0]
    assert "Traceback" not in answers["message"][0]


@pytest.mark.parametrize(
    ("means", "outcome", "reason", "requests"),
    [
        ("notFound", "rejected", "NotFound", 1),
        ("conflict", "rejected", "Conflict", 1),
        ("serverFailed", "unknown", "ServerError", 1),
    ],
)
async def test_codes_mean_what_the_manifest_says(server, target, means, outcome, reason, requests):
    server.answer = said(error={"code": -32001, "message": "x"})

    answers = await target(errors={"codes": [{"code": "-32001", "means": means}]}).deliver(delivery("create", ROWS[:1]))

    assert answers.select("outcome", "reason").rows() == [(outcome, reason)]
    assert len(server.seen) == requests


async def test_a_code_that_passes_is_tried_again_even_for_a_create(server, target):
    busy = said(error={"code": -32050, "message": "busy"})
    server.answer = lambda seen: busy(seen) if len(server.seen) == 1 else said(result=1)(seen)

    answers = await target(errors={"codes": [{"code": "-32050", "means": "retryLater"}]}).deliver(
        delivery("create", ROWS[:1])
    )

    assert answers["outcome"].to_list() == ["done"]
    assert len(server.seen) == 2


async def test_a_code_of_the_login_stops_everything(server, target):
    server.answer = said(error={"code": -32000, "message": "session expired"})

    with pytest.raises(CredentialsRefused):
        await target(errors={"codes": [{"code": "-32000", "means": "login"}]}).deliver(delivery("create", ROWS))
    assert len(server.seen) == 1


async def test_a_method_that_the_server_does_not_have_stops_the_run(server, target):
    server.answer = said(error={"code": -32601, "message": "Method not found"})

    with pytest.raises(ConfigurationError, match="Method not found"):
        await target().deliver(delivery("create", ROWS))


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        Reply(200, text=""),
        Reply(200, text="17"),
        Reply(200, text='{"jsonrpc": "2.0", "id": 1, "result"'),
        Reply(200, {"jsonrpc": "2.0", "id": 1, "result": 17}),
        Reply(200, {"jsonrpc": "2.0", "result": 17}),
        Reply(200, {"jsonrpc": "2.0", "id": None}),
        Reply(200, text="[" * 10_000),
    ],
    ids=["html", "empty", "scalar", "cut", "another id", "no id", "no result", "deep"],
)
async def test_what_is_no_answer_to_the_call_leaves_a_write_unknown_and_is_no_page(server, target, open_system, reply):
    server.answer = lambda seen: reply

    answers = await target().deliver(delivery("create", ROWS[:1]))
    with pytest.raises(TransientError) as caught:
        await read_all(open_system(calls=[LIST], list={"records": "result"}).source("products"))

    assert answers.select("outcome", "reason").rows() == [("unknown", "UnreadableAnswer")]
    assert caught.value.reason == "UnreadableAnswer"


async def test_a_refusal_by_http_status_is_told_as_ever(server, open_system):
    server.answer = lambda seen: Reply(
        405, text="<html>Method Not Allowed</html>", headers={"Content-Type": "text/html"}
    )

    with pytest.raises(ConfigurationError, match="HTTP 405") as caught:
        await read_all(open_system(calls=[LIST], list={"records": "result"}).source("products"))
    assert caught.value.reason == "RequestRefused"


async def test_an_error_that_comes_with_an_http_status_of_its_own_is_told_by_its_code(server, target):
    server.answer = lambda seen: Reply(500, {"id": seen.json["id"], "error": {"code": -32004, "message": "gone"}})

    answers = await target(errors={"codes": [{"code": "-32004", "means": "notFound"}]}).deliver(
        delivery("create", ROWS[:1])
    )

    assert answers.select("outcome", "reason").rows() == [("rejected", "NotFound")]


async def test_a_list_is_read_by_the_older_form_too(server, open_system):
    server.answer = lambda seen: Reply(200, {"id": seen.json["id"], "result": [{"sku": "a"}], "error": None})
    old = {"operation": "list", "jsonRpc": {"method": "product.all", "version": "1.0", "params": [[], {}]}}

    batches = await read_all(open_system(calls=[old], list={"records": "result"}).source("products"))

    assert column(batches, "sku") == ["a"]
    assert "jsonrpc" not in server.seen[0].json
