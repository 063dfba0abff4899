"""Readings of answers: systems that say in the body what HTTP has a status for.

An error that stands inside HTTP 200 becomes an answer of the status that it means, so that everything above (retries,
the breaker of refused logins, judgement of writes, ends of lists) has one way to decide, whatever the protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ponte.connectors.http.port import Request, Response
from ponte.connectors.records import JsonError, decode
from ponte.connectors.rest.answers import MISSING, is_html, take, words_of
from ponte.connectors.xml_errors import XmlError
from ponte_api.calls import ErrorReading

_STATUSES = {
    "retryLater": 429,
    "serverFailed": 500,
    "login": 401,
    "forbidden": 403,
    "notFound": 404,
    "conflict": 409,
    "settings": 405,
    "refused": 422,
}
_CODE_PATHS = ("extensions.code", "code", "errorCode", "[0]")
_LONGEST_CODE = 64

Envelope = Callable[[Request, Any], str]
"""Why a decoded body is no answer of the protocol to this request; empty where it is one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How answers of one operation are read.

    Attributes:
        rules: what counts as an error: the first that finds one decides.
        meanings: what codes mean, by the words of `ErrorCode.means`.
        envelope: what the protocol itself demands.
        is_partial: whether an error that was found stands beside data, so that it is not known what was done.
        is_nothing: whether a body says that the operation met no record.
        decode: makes values of a body; MISSING where an empty one is in order, and its status says all.
    """

    rules: tuple[ErrorReading, ...]
    meanings: dict[str, str]
    envelope: Envelope
    is_partial: Callable[[Any], bool]
    is_nothing: Callable[[Any], bool]
    decode: Callable[[Response], Any]

    def __call__(self, request: Request, answer: Response) -> Response:
        """The answer with the status that it means; 3xx and what is no error of the protocol stay as they are."""
        is_success = 200 <= answer.status < 300
        try:
            body = self.decode(answer)
        except (JsonError, XmlError) as fault:
            return replace(answer, flaw=_flaw(answer, fault)) if is_success else answer
        if body is MISSING:
            return answer
        error, code = self._find(body)
        if error is not None:
            return self._as_error(answer, body, error, code)
        return self._as_success(request, answer, body) if is_success else replace(answer, value=body)

    def _as_success(self, request: Request, answer: Response, body: Any) -> Response:
        if flaw := self.envelope(request, body):
            return replace(answer, flaw=flaw)
        if self.is_nothing(body):
            return replace(answer, status=404, value=body, note=f"HTTP {answer.status} with nothing in it")
        return replace(answer, value=body)

    def _find(self, body: Any) -> tuple[Any, str]:
        """The error in a body and its code; None for none."""
        for rule in self.rules:
            error = take(body, rule.at) if rule.at else MISSING
            if error is MISSING or not error:
                error = _unsuccessful(body, rule)
            if error is not None:
                return error, _code_of(error, rule.code)
        return None, ""

    def _as_error(self, answer: Response, body: Any, error: Any, code: str) -> Response:
        named = f"error {code}" if code else "an error"
        note = f"HTTP {answer.status} with {named}"
        if isinstance(error, list) and error[:1] == [code]:
            error = error[1:]
        meaning = self.meanings.get(code)
        is_success = 200 <= answer.status < 300
        if is_success and meaning is None and self.is_partial(body):
            return replace(answer, value=body, flaw=f"{named} stands beside the data: {words_of(error)}")
        if meaning is None and not is_success:
            return replace(answer, value=error, note=note if code else "")
        return replace(answer, status=_STATUSES[meaning or "refused"], value=error, note=note)


def decode_json(answer: Response) -> Any:
    """The value of a JSON body."""
    return decode(answer.body)


def _flaw(answer: Response, fault: JsonError | XmlError) -> str:
    if isinstance(fault, XmlError):
        return f"the answer is no XML that can be read: {fault.message} ({fault.reason})"
    return "a page of HTML came instead of JSON" if is_html(answer) else f"the answer is not JSON ({fault.reason})"


def _unsuccessful(body: Any, rule: ErrorReading) -> Any:
    """What stands where a success should, if none does: the object that holds the value, or the whole body."""
    if rule.success is None:
        return None
    path = rule.success.path
    found = take(body, path)
    if _text(found) in rule.success.values:
        return None
    holder = take(body, path.rpartition(".")[0]) if "." in path else body
    return holder if holder is not MISSING and holder else body or {"message": f"nothing stands at {path}"}


def _code_of(error: Any, path: str | None) -> str:
    """The error's code as text; of a list of errors that of the first."""
    first = error[0] if isinstance(error, list) and error and isinstance(error[0], dict) else error
    paths = (path,) if path else _CODE_PATHS
    found = (_text(take(first, each)) for each in paths)
    return next((code for code in found if code), "")[:_LONGEST_CODE]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""
