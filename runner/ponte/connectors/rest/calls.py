"""Calls: from what a manifest says of an operation to the endpoint that is asked, for every protocol by one shape.

JSON-RPC and GraphQL are posts to one address. What is theirs alone is small and stands here: how the body is wrapped,
what an answer must hold to be one (JSON-RPC 2.0 specification; GraphQL specification, October 2021, section 7), and
what their own error codes mean.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

from ponte.connectors.http.port import Request, Response
from ponte.connectors.rest.answers import MISSING
from ponte.connectors.rest.body_templates import BodyTemplate
from ponte.connectors.rest.readings import Reading, decode_json
from ponte.connectors.rest.templates import Endpoint, checked_path, parse_endpoint
from ponte.connectors.rest.xml_bodies import MEDIA, XmlBodies, encode_text
from ponte.errors import ConfigurationError
from ponte_api.calls import Call, ErrorReading
from ponte_api.sync_source import ObjectSpec
from ponte_api.templates import LITERAL

_WRITES = frozenset({"create", "update", "upsert", "delete"})
_JSON_RPC_MEANINGS = {"-32700": "settings", "-32600": "settings", "-32601": "settings", "-32603": "serverFailed"}
_GRAPHQL_MEANINGS = {
    "GRAPHQL_PARSE_FAILED": "settings",
    "GRAPHQL_VALIDATION_FAILED": "settings",
    "UNAUTHENTICATED": "login",
    "FORBIDDEN": "forbidden",
    "NOT_FOUND": "notFound",
    "CONFLICT": "conflict",
    "THROTTLED": "retryLater",
    "RATE_LIMITED": "retryLater",
    "INTERNAL_SERVER_ERROR": "serverFailed",
}
_ID_MEMBER = ',"id":'


def plan_call(spec: ObjectSpec, call: Call, errors: ErrorReading | None, where: str) -> Endpoint:
    """The endpoint of an operation.

    Args:
        spec: the object; JSON-RPC and GraphQL are posted to its path.
        call: what the manifest says of the operation.
        errors: what counts as an error in all answers of the system.
        where: the object, for messages.

    Raises:
        ConfigurationError: a marker that this operation has no value for, or a malformed path.
    """
    path, where = spec.path or "/", f"{where}: calls: {call.operation}"
    if spec.xml_body is not None and call.request is None:
        raise ConfigurationError(f"{where}: JSON-RPC and GraphQL are JSON. Next: take out xmlBody.")
    declared = tuple(rule for rule in (call.errors, errors) if rule is not None)
    if call.graphql is not None:
        node = {"query": {LITERAL: call.graphql.query}, "variables": call.graphql.variables}
        return _endpoint(
            call, parse_endpoint(f"POST {path}", where), node, _graphql_reading(call.operation, declared), where
        )
    if call.json_rpc is not None:
        endpoint, reading = parse_endpoint(f"POST {path}", where), _json_rpc_reading(declared)
        return _endpoint(call, endpoint, _json_rpc_node(call), reading, where)
    assert call.request is not None  # noqa: S101 - a rule of the model
    endpoint = _endpoint(
        call, parse_endpoint(call.request.send, where), call.request.body, _plain_reading(spec, declared), where
    )
    return endpoint if spec.xml_body is None else replace(endpoint, media=MEDIA, seal=encode_text)


def find_endpoint(spec: ObjectSpec, operation: str, errors: ErrorReading | None, where: str) -> Endpoint | None:
    """The endpoint of an operation but the list, by the object's calls or by its write; None where it has none.

    Raises:
        ConfigurationError: both say how, or what they say is malformed.
    """
    call = spec.call(operation)
    text: str | None = getattr(spec.write, operation) if spec.write else None
    if call is not None and text is not None:
        raise ConfigurationError(
            f"{where}: there are both write.{operation} and a call for {operation}. Next: keep one of them."
        )
    if call is not None:
        return plan_call(spec, call, errors, where)
    if text is None:
        return None
    return _plain(spec, parse_endpoint(text, f"{where}: write.{operation}"), errors)


def list_endpoint(spec: ObjectSpec, errors: ErrorReading | None, where: str) -> Endpoint | None:
    """The endpoint of the list; None where an object with calls has none."""
    if spec.path is None:
        return None
    if not spec.calls:
        return _plain(spec, Endpoint("GET", checked_path(spec.path, where), ()), errors)
    call = spec.call("list")
    return plan_call(spec, call, errors, where) if call else None


def _plain(spec: ObjectSpec, endpoint: Endpoint, errors: ErrorReading | None) -> Endpoint:
    """A plain request: the record is the body. In XML it stands in its element, on the way back too."""
    if spec.xml_body is None:
        return endpoint if errors is None else replace(endpoint, reading=_plain_reading(spec, (errors,)))
    bodies = XmlBodies(spec.xml_body, spec.list_)
    element = spec.xml_body.element
    target_id = spec.write.id if spec.write else None
    return replace(
        endpoint,
        reading=_plain_reading(spec, () if errors is None else (errors,)),
        media=MEDIA,
        seal=bodies.encode_record,
        id_path=f"{element}.{target_id}" if element and target_id else None,
        record_path=element,
    )


def _endpoint(call: Call, endpoint: Endpoint, node: Any, reading: Reading, where: str) -> Endpoint:
    body = BodyTemplate(node, where)
    _check_markers(body, call.operation, where)
    seal = None if call.json_rpc is None else _number
    more = (*(["id"] if body.has_id else []), *body.keys)
    places = tuple(dict.fromkeys([*endpoint.places, *more]))
    return Endpoint(
        endpoint.method, endpoint.path, places, body, reading, seal, id_path=call.id, record_path=call.record
    )


def _check_markers(body: BodyTemplate, operation: str, where: str) -> None:
    """Each operation has values for some markers only."""
    has = {
        "$field": bool(body.fields),
        "$record": body.has_record,
        "$id": body.has_id,
        "$key": bool(body.keys),
        "$parameter": bool(body.parameters),
    }
    allowed = {
        "list": {"$parameter"},
        "get": {"$id", "$key"},
        "delete": {"$id", "$key"},
        "create": {"$field", "$record", "$key"},
    }
    wrong = {marker for marker, is_there in has.items() if is_there} - allowed.get(
        operation, {"$field", "$record", "$id", "$key"}
    )
    if wrong:
        raise ConfigurationError(
            f"{where}: there is no {min(wrong)} in this operation. Next: see docs/connect/rest.md."
        )


def _json_rpc_node(call: Call) -> dict[str, Any]:
    assert call.json_rpc is not None  # noqa: S101 - the caller asked
    head = {"jsonrpc": "2.0"} if call.json_rpc.version == "2.0" else {}
    params = [] if call.json_rpc.params is None else call.json_rpc.params
    return {**head, "method": {LITERAL: call.json_rpc.method}, "params": params}


def _number(text: str) -> str:
    """A call with its id, which follows from the call itself: the same page asked for twice is the same request."""
    return f"{text[:-1]}{_ID_MEMBER}{crc32(text.encode())}}}"


def _json_rpc_envelope(request: Request, body: Any) -> str:
    asked = (request.body or b"").rpartition(_ID_MEMBER.encode())[2][:-1].decode()
    if not isinstance(body, dict) or "result" not in body:
        return "the answer is no JSON-RPC: it has neither result nor error"
    return "" if str(body.get("id")) == asked else "the answer is to another call: its id is not ours"


def _json_rpc_reading(declared: tuple[ErrorReading, ...]) -> Reading:
    rules = (*declared, ErrorReading(at="error"))
    return Reading(rules, _meanings(declared, _JSON_RPC_MEANINGS), _json_rpc_envelope, _never, _never, decode_json)


def _graphql_envelope(_: Request, body: Any) -> str:
    return (
        ""
        if isinstance(body, dict) and isinstance(body.get("data"), dict)
        else "the answer is no GraphQL: it has no data"
    )


def _is_partial(body: Any) -> bool:
    """Whether errors stand beside data: something was done, and something was not."""
    return isinstance(body, dict) and bool(body.get("errors")) and not _has_no_data(body)


def _has_no_data(body: Any) -> bool:
    data = body.get("data") if isinstance(body, dict) else None
    return not isinstance(data, dict) or all(value is None for value in data.values())


def _graphql_reading(operation: str, declared: tuple[ErrorReading, ...]) -> Reading:
    # Error unions and user errors stand in the data; the errors beside it are the protocol's and are looked at first.
    rules = (ErrorReading(at="errors"), *declared)
    is_nothing = _has_no_data if operation in {"update", "delete"} else _never
    return Reading(
        rules, _meanings(declared, _GRAPHQL_MEANINGS), _graphql_envelope, _is_partial, is_nothing, decode_json
    )


def _plain_reading(spec: ObjectSpec, declared: tuple[ErrorReading, ...]) -> Reading:
    decode = decode_json if spec.xml_body is None else XmlBodies(spec.xml_body, spec.list_).decode
    rules = declared if spec.xml_body is None else (*declared, ErrorReading(at="error"))

    def decode_any(answer: Response) -> Any:
        return decode(answer) if answer.body else MISSING

    return Reading(rules, _meanings(declared, {}), lambda _, __: "", _never, _never, decode_any)


def _meanings(declared: tuple[ErrorReading, ...], known: dict[str, str]) -> dict[str, str]:
    """What codes mean: what a call says before what the system says before what the protocol says."""
    told = [code for rule in reversed(declared) for code in rule.codes]
    return {**known, **{code.code: code.means for code in told}}


def _never(_: Any) -> bool:
    return False
