"""Logins: each form, renewed when it must be, never sent elsewhere, never shown."""

from __future__ import annotations

import base64
import logging
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from exchange import delivery, read_all, secret
from pydantic import ValidationError
from scripted_server import Reply

from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

CANARY = "canary-s3cret/&=ü"


def authorised(seen) -> str:
    return seen.headers.get("Authorization", "")


async def test_basic_authentication_sends_user_and_password_in_utf_8(server, open_system):
    server.answer = lambda seen: Reply(json=[])
    auth = {"basic": {"username": {"value": "ponte"}, "password": secret("password")}}

    await read_all(open_system(rest={"auth": auth}, secrets={"password": CANARY}).source("products"))

    assert base64.b64decode(authorised(server.seen[0]).removeprefix("Basic ")).decode() == f"ponte:{CANARY}"


async def test_a_bearer_token_goes_along_and_loses_its_line_end(server, open_system):
    server.answer = lambda seen: Reply(json=[])

    system = open_system(rest={"auth": {"bearer": secret("token")}}, secrets={"token": "abc.def\r\n"})
    await read_all(system.source("products"))

    assert authorised(server.seen[0]) == "Bearer abc.def"


async def test_an_api_key_goes_into_a_header_or_into_the_query(server, open_system):
    server.answer = lambda seen: Reply(json=[])
    place = {"name": "X-Key", "secretRef": secret("key")}

    for form in ("header", "query"):
        await read_all(
            open_system(rest={"auth": {"apiKey": {form: place}}}, secrets={"key": CANARY[:-1]}).source("products")
        )

    assert server.seen[0].headers["X-Key"] == CANARY[:-1]
    assert server.seen[1].query == {"X-Key": CANARY[:-1]}


async def test_an_api_key_in_a_next_link_is_neither_doubled_nor_kept(server, open_system):
    server.answer = lambda seen: Reply(
        json={
            "items": [{"sku": "a"}],
            "next": None if "page" in seen.query else f"/products?page=2&key={seen.query['key']}",
        }
    )
    system = open_system(
        rest={
            "auth": {"apiKey": {"query": {"name": "key", "secretRef": secret("key")}}},
            "pagination": {"link": {"next": "next"}},
        },
        secrets={"key": "canary-key"},
        list={"records": "items"},
    )

    batches = await read_all(system.source("products"), 1)

    assert server.seen[1].query == {"page": "2", "key": "canary-key"}
    assert [batch.position for batch in batches] == [None, None]


@pytest.mark.parametrize("text", ["line\nend", "nul\0", " "])
def test_a_secret_that_would_break_a_header_is_refused_and_not_shown(open_system, text):
    with pytest.raises(ConfigurationError) as caught:
        open_system(
            rest={"auth": {"bearer": secret("token")}},
            secrets={"token": f"canary{text}canary" if text != " " else text},
        )

    assert "canary" not in caught.value.message


@pytest.mark.parametrize("name", ["Bad Name", "Bad:Name", "Bad\r\nX", "Host", "content-length"])
def test_a_header_that_may_not_be_set_is_refused(open_system, name):
    with pytest.raises((ConfigurationError, ValidationError), match="header"):
        open_system(rest={"headers": [{"name": name, "value": {"value": "x"}}]})


class TokenServer:
    """Gives a new token each time, good until `expired` says otherwise."""

    def __init__(self, **token) -> None:
        self.token = token
        self.given = 0
        self.asked: list = []
        self.valid = ""

    def answer(self, seen):
        if seen.path == "/token":
            self.asked.append(seen)
            self.given += 1
            self.valid = f"token-{self.given}"
            return Reply(200, {"access_token": self.valid, "token_type": "Bearer", **self.token})
        return Reply(200, {}) if authorised(seen) == f"Bearer {self.valid}" else Reply(401)


@pytest.fixture
def oauth2(server, open_system):
    def open_one(**more):
        auth = {
            "tokenUrl": {"value": f"{server.base_url}/token"},
            "clientId": {"value": "client:1"},
            "clientSecret": secret("client"),
            **more,
        }
        system = open_system(
            rest={"auth": {"oauth2": auth}},
            secrets={"client": CANARY},
            write={"upsert": "PUT /products/{sku}"},
            limits={"connections": 20},
        )
        return system.target("products")

    return open_one


ROWS = [{"sku": str(number)} for number in range(60)]


async def test_one_token_serves_many_requests(server, oauth2):
    tokens = TokenServer(expires_in=3600)
    server.answer = tokens.answer

    answers = await oauth2(scopes=["read", "write"], audience="shop").deliver(delivery("create", ROWS))

    assert set(answers["outcome"]) == {"done"}
    assert tokens.given == 1
    asked = tokens.asked[0]
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"], "scope": ["read write"], "audience": ["shop"],
    }  # fmt: skip
    pair = base64.b64decode(authorised(asked).removeprefix("Basic ")).decode()
    assert pair == "client%3A1:canary-s3cret%2F%26%3D%C3%BC"


@pytest.mark.parametrize("kind", ["mac", "DPoP", ["Bearer"]])
async def test_a_token_of_a_type_that_ponte_does_not_know_is_not_used(server, oauth2, kind):
    server.answer = TokenServer(token_type=kind).answer

    with pytest.raises(ConfigurationError, match="bearer tokens only"):
        await oauth2().deliver(delivery("create", ROWS))

    assert [seen.path for seen in server.seen] == ["/token"]


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "BearerToken", None])
async def test_a_bearer_token_is_one_however_it_is_written(server, oauth2, kind):
    server.answer = TokenServer(token_type=kind).answer

    assert set((await oauth2().deliver(delivery("create", ROWS[:1])))["outcome"]) == {"done"}


async def test_a_token_is_renewed_before_its_end(server, oauth2, clock):
    tokens = TokenServer(expires_in="300")
    server.answer = tokens.answer
    target = oauth2()

    await target.deliver(delivery("create", ROWS[:1]))
    clock.time += timedelta(seconds=269)
    await target.deliver(delivery("create", ROWS[:1]))
    assert tokens.given == 1
    clock.time += timedelta(seconds=2)
    await target.deliver(delivery("create", ROWS[:1]))

    assert tokens.given == 2


async def test_a_token_that_is_refused_is_renewed_once(server, oauth2):
    tokens = TokenServer()
    server.answer = tokens.answer
    target = oauth2()
    await target.deliver(delivery("create", ROWS[:1]))
    tokens.valid = "revoked"

    answers = await target.deliver(delivery("create", ROWS))

    assert set(answers["outcome"]) == {"done"}
    assert tokens.given == 2


async def test_a_login_that_is_refused_with_a_new_token_too_stops(server, oauth2):
    tokens = TokenServer()
    server.answer = lambda seen: tokens.answer(seen) if seen.path == "/token" else Reply(401)

    with pytest.raises(CredentialsRefused):
        await oauth2().deliver(delivery("create", ROWS))

    assert tokens.given == 2
    assert len(server.asked("PUT")) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_client_is_told_by_its_code_and_never_shown(server, oauth2, status, caplog):
    caplog.set_level(logging.DEBUG)
    server.answer = lambda seen: Reply(status, {"error": f"invalid_client {CANARY}"})

    with pytest.raises(CredentialsRefused, match="invalid_client") as caught:
        await oauth2().deliver(delivery("create", ROWS))

    assert len(server.seen) == 1
    assert CANARY not in caught.value.message
    assert CANARY not in caplog.text


@pytest.mark.parametrize("reply", [Reply(200, {}), Reply(200, text="<p>"), Reply(500), Reply(is_dropped=True)])
async def test_a_token_endpoint_that_is_out_of_order_is_transient(server, oauth2, reply):
    server.answer = lambda seen: reply

    with pytest.raises(TransientError):
        await oauth2().deliver(delivery("create", ROWS))

    assert len(server.asked("PUT")) == 0


async def test_a_token_endpoint_that_is_down_is_not_asked_for_each_record(server, oauth2, clock):
    server.answer = lambda seen: Reply(503)
    target = oauth2()

    with pytest.raises(
        TransientError, match=r"the token endpoint http://127.0.0.1:\d+/token gave no token \(HTTP 503\)"
    ):
        await target.deliver(delivery("create", ROWS))

    assert len(server.seen) == 4
    clock.time += timedelta(seconds=11)
    server.answer = TokenServer().answer
    assert set((await target.deliver(delivery("create", ROWS)))["outcome"]) == {"done"}


async def test_a_token_endpoint_that_asks_for_a_long_rest_is_not_waited_for(server, oauth2, clock):
    server.answer = lambda seen: Reply(503, headers={"Retry-After": "86400"})

    with pytest.raises(TransientError) as caught:
        await oauth2().deliver(delivery("create", ROWS))

    assert (caught.value.retry_after, clock.slept, len(server.seen)) == (86_400, [], 1)


@pytest.mark.parametrize("lifetime", [-1e300, "-Infinity", "nan", 0, "Infinity", 1e300, "soon", None, [1]])
async def test_a_lifetime_that_means_nothing_is_none(server, oauth2, lifetime):
    tokens = TokenServer(expires_in=lifetime)
    server.answer = tokens.answer
    target = oauth2()

    for _ in range(2):
        assert set((await target.deliver(delivery("create", ROWS[:2])))["outcome"]) == {"done"}

    assert tokens.given == 1


async def test_what_was_not_sent_when_a_login_is_refused_in_the_middle_is_no_reject(server, open_system):
    server.answer = lambda seen: Reply(200 if len(server.seen) <= 5 else 401)
    system = open_system(
        rest={"auth": {"bearer": secret("token")}}, secrets={"token": "t"}, write={"upsert": "PUT /products/{sku}"}
    )

    answers = await system.target("products").deliver(delivery("create", ROWS))

    assert answers["outcome"].to_list().count("done") == 5
    left = answers.filter(answers["outcome"] != "done")
    assert set(left["outcome"]) == {"unsent"}
    assert set(left["reason"]) == {"CredentialsRefused"}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"message": f"bad request: key {CANARY}"}),
        Reply(401, {"message": CANARY}),
        Reply(500, text=CANARY),
        Reply(200, {"error": CANARY}),
        Reply(302, headers={"Location": f"http://evil.example/?key={CANARY}"}),
        Reply(is_dropped=True),
    ],
    ids=["400", "401", "500", "error body", "redirect", "dropped"],
)
async def test_a_secret_that_a_server_throws_back_is_masked_everywhere(server, open_system, reply, caplog):
    caplog.set_level(logging.DEBUG)
    server.answer = lambda seen: reply
    auth = {"apiKey": {"query": {"name": "key", "secretRef": secret("key")}}}
    system = open_system(rest={"auth": auth}, secrets={"key": CANARY}, write={"upsert": "PUT /products/{sku}"})
    told = []

    for call in (
        lambda: read_all(system.source("products")),
        lambda: system.target("products").deliver(delivery("create", ROWS[:1])),
    ):
        try:
            told.append(str(await call()))
        except (ConfigurationError, TransientError) as error:
            told.append(error.message)
    probe = await system.probe()

    for text in (*told, probe.message, caplog.text):
        assert "canary" not in text
