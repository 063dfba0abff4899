"""What the other side said: values at paths of an answer, lists of records, and words for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ponte.connectors.http.port import UNREAD, Response
from ponte.connectors.records import JsonError, RepeatedNames, decode, is_broken_text

MISSING = object()
_STEP = re.compile(r"[^.\[\]]+")
ERROR_NAMES = ("error", "errors")
_ERROR_MEMBERS = ("error", "errors", "detail", "message", "title", "description", "msg", "error_description")
_NAMING_MEMBERS = ("field", "path", "property")  # of GraphQL `path` is a list, whose last step is the field
_DEEPEST_MESSAGE = 4
_MOST_WORDS = 5
_MOST_PLACES = 64


def take(value: Any, path: str) -> Any:
    """The value at a path, or MISSING. A member whose name is the whole path comes first (`@odata.nextLink`)."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in _STEP.findall(path):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def take_text(value: Any, path: str | None) -> str | None:
    """The id or token at a path as text; None where there is none, or none that is sound text or a whole number."""
    if not path:
        return None
    found = take(value, path)
    if isinstance(found, bool) or not isinstance(found, str | int) or is_ambiguous(value, path):
        return None
    text = str(found)
    return text if text and not is_broken_text(text) else None


def is_ambiguous(value: Any, path: str) -> bool:
    """Whether a name stands twice in an object on the way to a path, so that nobody knows which value is meant."""
    if type(value) is RepeatedNames:
        return True
    steps = [step.start() for step in _STEP.finditer(path)][1:]
    return any(type(take(value, path[:end].rstrip(".["))) is RepeatedNames for end in steps)


def decoded(answer: Response) -> Any:
    """The decoded body.

    Raises:
        JsonError: it is not JSON.
    """
    return decode(answer.body) if answer.value is UNREAD else answer.value


def body_of(answer: Response) -> Any:
    """The decoded body, or MISSING where it is empty or not JSON."""
    try:
        return decoded(answer)
    except JsonError:
        return MISSING


def is_html(answer: Response) -> bool:
    """Whether a page for people came instead of JSON: a maintenance page, a login form of a proxy."""
    if answer.value is not UNREAD:
        return False
    return "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"


def has_errors(body: Any) -> bool:
    """Whether a body says that it is an error, whatever the status: by `error` or `errors` that are not empty."""
    return isinstance(body, dict) and bool(body.get("error") or body.get("errors"))  # once for each record of a bulk


def words_of(body: Any) -> str:
    """What an error's body says, in one line; empty where it says nothing."""
    return "; ".join(dict.fromkeys(_words(body, 0)))


def field_of(body: Any, fields: Iterable[str]) -> str | None:
    """The field that an error names, of those that were sent: `{"errors": {"price": [...]}}`, `{"field": "price"}`."""
    known = set(fields)
    stack = [body]
    for _ in range(_MOST_PLACES):
        if not stack:
            break
        value = stack.pop(0)
        if isinstance(value, dict):
            named = [_last(value.get(name)) for name in _NAMING_MEMBERS]
            found = [name for name in (*named, *value) if isinstance(name, str) and name in known]
            if found:
                return found[0]
        stack.extend(_inner(value))
    return None


def _detail(data: Any) -> dict[str, Any]:
    """What JSON-RPC adds to an error's message; no more of it, since some servers send a whole traceback there."""
    detail = data.get("message") if isinstance(data, dict) else data
    return {"data": detail} if isinstance(detail, str) and detail else {}


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list) and value else value


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _words(body: Any, depth: int) -> Iterator[str]:
    """Texts of the members that errors usually have, else of all, each with its name."""
    if isinstance(body, str):
        yield body
    if depth > _DEEPEST_MESSAGE:
        return
    if isinstance(body, list):
        for item in body[:_MOST_WORDS]:
            yield from _words(item, depth + 1)
    elif isinstance(body, dict):
        told = {name: body[name] for name in _ERROR_MEMBERS if body.get(name)}
        told |= _detail(body.get("data")) if told else {}
        for name, value in list((told or body).items())[:_MOST_WORDS]:
            yield from (word if told else f"{name}: {word}" for word in _words(value, depth + 1))
