"""Calls: how an operation is asked for and its answer read where a method and a path are not enough.

JSON-RPC, GraphQL and requests with a body of their own are one thing: a request made from a template, and a reading of
the answer that knows where errors stand in it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.config import JsonDict

from ponte_api.common import PATTERN_MEANINGS, FieldPath, Model, Rule, Text, exactly_one
from ponte_api.templates import BodyTemplate, VariablesTemplate

CALL_PATTERN = r"^(POST|PUT|PATCH|DELETE) /.*$"
PATTERN_MEANINGS[CALL_PATTERN] = "a request with a body: method and path, such as POST /products/search"

Meaning = Literal["retryLater", "serverFailed", "login", "forbidden", "notFound", "conflict", "settings", "refused"]


Operation = Literal["list", "get", "create", "update", "upsert", "delete"]
UNIQUE_OPERATIONS: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["operation"]}


class ErrorCode(Model):
    """What an error's code means."""

    code: Annotated[str, Field(min_length=1, max_length=128)]
    """The code as text, such as THROTTLED or -32004."""
    means: Meaning
    """retryLater: nothing happened, try again. serverFailed: it may have happened. login: the login is refused.
    forbidden, notFound, conflict, refused: about this record. settings: the request is wrong for all records."""


class Success(Model):
    """A value that an answer must have to be a success."""

    path: FieldPath
    """Its path in the answer, such as data.createCustomer.__typename or status."""
    values: Annotated[list[Text], Field(min_length=1, max_length=16)]
    """The values that mean success; anything else there is an error."""


class ErrorReading(Model):
    """What counts as an error in an answer whose HTTP status is a success."""

    at: FieldPath | None = None
    """Path of the error; what stands there, unless empty, is one. Default: `error` of JSON-RPC, `errors` of GraphQL."""
    code: FieldPath | None = None
    """Path of the code below the error. Default: code, errorCode, extensions.code, or the first element of a list."""
    success: Success | None = None
    """A value without which the answer is an error."""
    codes: Annotated[list[ErrorCode], Field(max_length=64)] = []
    """What codes mean. One that is not listed refuses the record."""


class BodyRequest(Model):
    """A request with a body of its own."""

    send: Annotated[str, Field(max_length=512, pattern=CALL_PATTERN)]
    """Method and path, such as POST /products/search."""
    body: BodyTemplate = None
    """The body: its structure, with {$field: ..}, {$record: true}, {$id: true}, {$key: ..}, {$parameter: ..} in it."""


class JsonRpc(Model):
    """A call by JSON-RPC, posted to the object's path."""

    method: Annotated[str, Field(min_length=1, max_length=256)]
    """Name of the method."""
    params: BodyTemplate = None
    """Its parameters: a list or an object, with markers as in a body."""
    version: Literal["2.0", "1.0"] = "2.0"
    """2.0, or 1.0 for servers of the older form (Tryton, Odoo)."""


class Graphql(Model):
    """A GraphQL query or mutation, posted to the object's path."""

    query: Annotated[str, Field(min_length=1, max_length=16384)]
    """The document, with one operation. Values are given by variables, never written into it."""
    variables: VariablesTemplate = {}
    """Its variables: an object, with markers as in a body."""


class Call(Model):
    """One operation: what is sent, and how its answer is read."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("request", "jsonRpc", "graphql"),)

    operation: Operation
    """list (also for write.find), get, create, update, upsert or delete."""
    request: BodyRequest | None = None
    """A request with a body of its own."""
    json_rpc: JsonRpc | None = None
    """A call by JSON-RPC."""
    graphql: Graphql | None = None
    """A GraphQL query or mutation."""
    record: FieldPath | None = None
    """get: path of the record in the answer (default: the answer itself)."""
    id: FieldPath | None = None
    """Writes: path of the target's own id in the answer (default write.id)."""
    errors: ErrorReading | None = None
    """What counts as an error in this answer, before rest.errors."""
