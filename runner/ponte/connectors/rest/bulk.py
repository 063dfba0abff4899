"""Delivery in bulk: many records in one request, an answer for each.

A request that is refused as a whole (400, 409, 413, 422) is split in halves, so that one bad record does not hold up
the others. Answers that cannot be matched to records leave all of them unknown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Request, Response
from ponte.connectors.http.retrying import is_passing
from ponte.connectors.rest.answers import ERROR_NAMES, MISSING, body_of, has_errors, take, take_text
from ponte.connectors.rest.bodies import AmbiguousError, Bodies
from ponte.connectors.rest.chunk import Chunk, Piece, Split, patience_of
from ponte.connectors.rest.concurrency import gather
from ponte.connectors.rest.jobs import JobLostError, Jobs
from ponte.connectors.rest.lookup import Lookup
from ponte.connectors.rest.matching import match_by_key, match_by_position
from ponte.connectors.rest.outcomes import Judge, Outcome, column_texts, forbidden
from ponte.connectors.rest.templates import ID
from ponte.connectors.rest.writing import Writing
from ponte.engine.ports import Delivery, Operation
from ponte.errors import ConfigurationError, CredentialsRefused

_WHOLE_REFUSALS = frozenset({400, 409, 413, 422})
_NOT_EXPRESSIBLE = Outcome("rejected", reason="NotExpressible", message="a number is not finite")
_DONE = Outcome("done")
_DONE_WORDS = frozenset({"ok", "created", "updated", "upserted", "unchanged", "done", "success", "succeeded", "true"})


class BulkDelivery:
    """One operation on the rows of a delivery, many at once; see `RecordDelivery`."""

    def __init__(
        self,
        client: Client,
        writing: Writing,
        lookup: Lookup,
        delivery: Delivery,
        admitted: set[Operation],
        jobs: Jobs | None,
    ) -> None:
        assert writing.bulk is not None and writing.bulk_endpoint is not None  # noqa: PT018, S101 - the target asks first
        self._client = client
        self._writing = writing
        self._bulk = writing.bulk
        self._method = writing.bulk_endpoint.method
        self._url = client.ground.base_url + writing.bulk_endpoint.path
        self._operation = delivery.operation
        self._admitted = admitted
        self._bodies = Bodies(delivery, writing, lookup)
        self._jobs = jobs
        self._texts = column_texts(delivery.frame, delivery.key)
        match = self._bulk.match
        self._match_keys = column_texts(delivery.frame, [match.field])[match.field] if match else []
        self._ids = delivery.target_ids.to_list()
        self._idempotency_keys = delivery.idempotency_keys.to_list()
        gives_id = delivery.operation == "create" and not writing.upserts and self._bulk.id is not None
        is_repeatable = writing.upserts or writing.idempotency_header is not None
        self._judge = Judge(
            delivery.operation, self._bulk.id, gives_id, is_repeatable, client.mask, tuple(delivery.frame.columns)
        )

    async def run(self) -> list[Outcome]:
        """What became of each row; raises only where certainly nothing was applied."""
        rows = range(len(self._ids))
        patience = patience_of(self._client, is_repeatable=self._judge.is_repeatable)
        return await Chunk(self._client, len(rows), patience, self._deliver).run(
            [rows[start : start + self._bulk.size] for start in range(0, len(rows), self._bulk.size)]
        )

    async def _deliver(self, piece: Piece) -> Sequence[Outcome] | Split:
        if self._jobs is not None:
            self._jobs.check()
        made = await self._made(piece)
        if unfit := [row for row, body in zip(piece, made, strict=True) if isinstance(body, Outcome)]:
            if len(piece) == 1:
                return [body for body in made if isinstance(body, Outcome)]
            fit = [row for row in piece if row not in set(unfit)]
            return Split(((*fit,), *((row,) for row in unfit)) if fit else tuple((row,) for row in unfit))
        answer = await self._send(piece, [body for body in made if isinstance(body, str)])
        return await self._take(piece, answer)

    async def _made(self, piece: Piece) -> list[str | Outcome]:
        """Bodies of a piece. Side by side only where records are read for them: a task for each costs ten bodies."""
        if self._bodies.needs_reading:
            return await gather(self._body(row) for row in piece)
        return [text or _NOT_EXPRESSIBLE for text in self._bodies.own(piece)]

    async def _body(self, row: int) -> str | Outcome:
        key = {path: texts[row] or "" for path, texts in self._texts.items()}
        values = key if ID in key or self._ids[row] is None else {**key, ID: self._ids[row]}
        try:
            body = await self._bodies.body(row, values, key)
        except AmbiguousError:
            return Outcome("rejected", reason="AmbiguousMatch", message="several records of the target have this key")
        except CredentialsRefused as refused:
            return forbidden(refused)
        return body or _NOT_EXPRESSIBLE

    async def _send(self, piece: Piece, bodies: list[str]) -> Response:
        headers = {"Content-Type": "application/json"}
        if self._writing.idempotency_header is not None:
            joined = "\n".join(str(self._idempotency_keys[row]) for row in piece)
            headers[self._writing.idempotency_header] = hashlib.sha256(joined.encode()).hexdigest()
        text = _wrap(f"[{','.join(bodies)}]", self._bulk.records)
        request = Request(self._method, self._url, headers, text.encode())
        answer = await self._client.send(request, is_repeatable=self._judge.is_repeatable)
        if answer.status == 403 and self._operation not in self._admitted:
            where = self._client.where(self._method, self._url)
            raise CredentialsRefused(
                f"{where}: HTTP 403: the login may not {self._operation} records here. Next: have it allowed to, or "
                "use another login."
            )
        return answer

    async def _take(self, piece: Piece, answer: Response) -> Sequence[Outcome] | Split:
        if answer.status in _WHOLE_REFUSALS and len(piece) > 1:
            middle = len(piece) // 2
            return Split((piece[:middle], piece[middle:]))
        if answer.status in {404, 405, 410, 415}:
            where = self._client.where(self._method, self._url)
            raise ConfigurationError(
                f"{where}: HTTP {answer.status}. Next: check write.bulk.request.", reason="RequestRefused"
            )
        if not 200 <= answer.status < 300:
            return [self._judge.judge(answer, self._ids[row]) for row in piece]
        if self._jobs is not None:
            return await self._follow(self._jobs, piece, answer)
        body = body_of(answer)
        answers = take(body, self._bulk.answers) if self._bulk.answers else body
        return self._judge_each(piece, answers, f"HTTP {answer.status} with ")

    async def _follow(self, jobs: Jobs, piece: Piece, accepted: Response) -> list[Outcome]:
        """What became of a job's records; none is refused unless the job says so of it, or of all."""
        try:
            end = await jobs.follow(self._url, accepted)
        except JobLostError as lost:
            return [self._judge.doubt(lost.reason, lost.message) for _ in piece]
        if end.refusal is not None and not isinstance(end.answers, list):
            return [self._judge.refuse_job(end.refusal, self._ids[row]) for row in piece]
        return self._judge_each(piece, end.answers, "the job ended with ")

    def _judge_each(self, piece: Piece, answers: Any, told: str) -> list[Outcome]:
        match = self._bulk.match
        if match is None:
            matched = match_by_position(answers, len(piece))
        else:
            matched = match_by_key(answers, [self._match_keys[row] for row in piece], match)
        return [
            self._judge.doubt("AnswersDoNotMatch", told + matched.why)
            if one is MISSING
            else self._judge_one(one, self._ids[row])
            for one, row in zip(matched.answers, piece, strict=True)
        ]

    def _judge_one(self, one: Any, known_id: str | None) -> Outcome:
        status = take(one, self._bulk.status) if isinstance(one, dict) else one
        code = _code_of(status)
        if code is None:
            shown = "none" if status is MISSING else str(status)[:40]
            return self._judge.doubt("UnreadableAnswer", f"the answer's status at {self._bulk.status} is {shown}")
        if 200 <= code < 300:
            if self._bulk.status not in ERROR_NAMES and has_errors(one):
                return self._judge.contradiction(f"status {code} for this record", one, known_id)
            self._admitted.add(self._operation)
            given = take_text(one, self._bulk.id) if self._bulk.id and isinstance(one, dict) else None
            if self._judge.gives_id and given is None:
                return self._judge.doubt("NoIdInAnswer", f"the answer has no id at {self._bulk.id}")
            target_id = given or known_id
            return Outcome("done", target_id) if target_id else _DONE
        message = take(one, self._bulk.message) if isinstance(one, dict) else MISSING
        told = one if message is MISSING else message
        if is_passing(code):
            return self._judge.passing(code, told, known_id)
        return self._judge.refuse(code, told, known_id)


def _code_of(status: Any) -> int | None:
    """An HTTP status, also for words; None for what is neither."""
    if type(status) is int and 100 <= status <= 999:  # nearly always, and once for each record
        return status
    text = str(status).strip().lower() if isinstance(status, str | int) else ""
    if text.isascii() and text.isdigit() and len(text) == 3:
        return int(text)
    if text in _DONE_WORDS:
        return 200
    return (
        400 if text.startswith(("err", "fail", "reject", "invalid", "refus", "conflict")) or text == "false" else None
    )


def _wrap(text: str, path: str | None) -> str:
    for name in reversed(path.split(".") if path else []):
        text = f"{{{json.dumps(name)}:{text}}}"
    return text
