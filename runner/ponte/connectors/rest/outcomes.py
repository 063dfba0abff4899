"""What an answer to a write means for its record: pure judgement, and the frame of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from ponte.connectors.http.port import Response
from ponte.connectors.http.retrying import is_without_effect
from ponte.connectors.rest.answers import MISSING, body_of, field_of, has_errors, is_html, take_text, words_of
from ponte.engine.ports import ANSWER_SCHEMA, Operation
from ponte.errors import CredentialsRefused
from ponte.mapping.number_text import text_of_numbers

FORBIDDEN = "Forbidden"
"""One record that the login may not have, while it may have others: also where it is only looked up."""
_REASONS = {403: FORBIDDEN, 404: "NotFound", 409: "Conflict", 410: "NotFound", 412: "Conflict", 413: "TooLarge"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record; see ANSWER_SCHEMA."""

    outcome: Literal["done", "rejected", "unknown", "unsent"]
    target_id: str | None = None
    field: str | None = None
    reason: str | None = None
    message: str | None = None


_DONE = Outcome("done")


def forbidden(refused: CredentialsRefused) -> Outcome:
    """The reject of a record that may not be looked up, where the login is good for others; else raises `refused`."""
    if refused.reason != FORBIDDEN:
        raise refused
    return Outcome("rejected", reason=FORBIDDEN, message=refused.message)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the answers to one kind of write.

    Attributes:
        operation: create, update or delete.
        id_path: where the answer holds the target's own id.
        gives_id: the answer must hold an id, in its body or in the new record's address, or nobody could find it again.
        is_repeatable: the same request may be sent again without harm.
        mask: makes the server's words safe to show.
        fields: names of the fields that were sent.
    """

    operation: Operation
    id_path: str | None
    gives_id: bool
    is_repeatable: bool
    mask: Callable[[str], str]
    fields: tuple[str, ...]

    def judge(self, answer: Response, known_id: str | None) -> Outcome:
        """What became of the record that was sent alone."""
        if 200 <= answer.status < 300:
            return self._judge_success(answer, known_id)
        if self.operation == "delete" and answer.status in {404, 410}:
            return Outcome("done", known_id)
        if 300 <= answer.status < 400:
            message = (
                f"HTTP {answer.status}: the server redirects a write, which Ponte does not follow; correct the path"
            )
            return Outcome("rejected", known_id, reason="Redirected", message=message)
        return self.refuse(answer.status, body_of(answer), known_id, answer.shown)

    def refuse(self, status: int, body: Any, known_id: str | None, shown: str = "") -> Outcome:
        """A record that the server refused, with its reason and words; `shown` is the answer in messages."""
        words = self.mask(words_of(body))
        return Outcome(
            "rejected",
            known_id,
            field=field_of(body, self.fields),
            reason=_REASONS.get(status, "RefusedByTarget"),
            message=f"{self.mask(shown) or f'HTTP {status}'}{f': {words}' if words else ''}",
        )

    def refuse_job(self, body: Any, known_id: str | None) -> Outcome:
        """A record of a job that failed as a whole, with the job's words."""
        words = self.mask(words_of(body))
        message = f"the job failed and nothing of it was applied{f': {words}' if words else ''}"
        return Outcome("rejected", known_id, field_of(body, self.fields), "RefusedByTarget", message)

    def doubt(self, reason: str, message: str) -> Outcome:
        """An answer that does not tell whether the record was written."""
        return Outcome("unknown", reason=reason, message=self.mask(message))

    def passing(self, status: int, body: Any, known_id: str | None) -> Outcome:
        """One record of many to which the server says: not now. Only after 425 and 429 nothing can have been done."""
        words = self.mask(words_of(body))
        shown = f"HTTP {status} for this record{f': {words}' if words else ''}."
        if is_without_effect(status):
            return Outcome("unsent", known_id, reason="RateLimited", message=shown)
        return Outcome("unknown", known_id, reason="ServerError", message=shown)

    def contradiction(self, shown: str, body: Any, known_id: str | None) -> Outcome:
        """A success whose body is an error: refused, where sending it again does no harm."""
        words = f"{shown}, but the answer is an error: {words_of(body)}"
        if self.is_repeatable:
            return Outcome("rejected", known_id, field_of(body, self.fields), "RefusedByTarget", self.mask(words))
        return self.doubt("UnreadableAnswer", words)

    def _judge_success(self, answer: Response, known_id: str | None) -> Outcome:
        if answer.flaw:
            return self.doubt("UnreadableAnswer", f"HTTP {answer.status}, but {answer.flaw}")
        if answer.body and is_html(answer):
            return self.doubt("UnreadableAnswer", f"HTTP {answer.status} with a page of HTML instead of JSON")
        body = body_of(answer) if answer.body else MISSING
        if has_errors(body):
            return self.contradiction(f"HTTP {answer.status}", body, known_id)
        given = take_text(body, self.id_path) if self.operation != "delete" else None
        if self.gives_id and given is None and known_id is None:
            return self.doubt("NoIdInAnswer", f"HTTP {answer.status}, but the answer has no id at {self.id_path}")
        target_id = given or known_id
        return _DONE if target_id is None else Outcome("done", target_id)


def answer_frame(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """Outcomes in the order of the delivered rows, by ANSWER_SCHEMA."""
    answers = list(outcomes)
    told = {name: [getattr(answer, name) for answer in answers] for name in ANSWER_SCHEMA if name != "row"}
    return pl.DataFrame({"row": range(len(answers)), **told}, schema=ANSWER_SCHEMA)


def column_texts(frame: pl.DataFrame, paths: Sequence[str]) -> dict[str, list[str | None]]:
    """Values at paths of a frame (`sku`, `address.code`) as text, for addresses and queries."""
    return {path: text_of_numbers(frame.select(_at(frame, path)).to_series()).to_list() for path in paths}


def _at(frame: pl.DataFrame, path: str) -> pl.Expr:
    if path in frame.columns:
        return pl.col(path)
    top, *steps = path.split(".")
    value = pl.col(top)
    for step in steps:
        value = value.struct.field(step)
    return value
