"""Delivery record by record: one request each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Request, Response
from ponte.connectors.rest.answers import body_of, take_text, words_of
from ponte.connectors.rest.bodies import AmbiguousError, Bodies
from ponte.connectors.rest.body_templates import Given, UnfitValueError
from ponte.connectors.rest.chunk import Chunk, Piece, patience_of
from ponte.connectors.rest.conditions import CHANGED, TRIES, Precondition, precondition_of
from ponte.connectors.rest.lookup import Lookup, Values
from ponte.connectors.rest.outcomes import Judge, Outcome, column_texts, forbidden
from ponte.connectors.rest.templates import ID, Endpoint
from ponte.connectors.rest.writing import Writing
from ponte.engine.ports import Delivery, Operation
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError

_NO_ADDRESS = "a field of the address is empty, or is `.` or `..`, which no address can carry"
_NOT_EXPRESSIBLE = "a number is not finite, which JSON cannot express"
_AMBIGUOUS = "several records of the target have this natural key; Ponte does not choose"
_AS_STORED = {"Accept-Encoding": "identity"}  # servers that compress change the ETag, or make it a weak one
_MISSING = "the target has no record with this natural key"


@dataclass(frozen=True, slots=True)
class _Refused(Exception):  # noqa: N818 - an outcome on its way up, not an error
    outcome: Outcome


class RecordDelivery:
    """One operation on the rows of a delivery.

    Args:
        client: of the system.
        writing: how the object is written.
        lookup: finds records whose id is not known.
        delivery: what is delivered.
        admitted: operations that the system is known to let us do; grows.
    """

    def __init__(
        self, client: Client, writing: Writing, lookup: Lookup, delivery: Delivery, admitted: set[Operation]
    ) -> None:
        self._client = client
        self._writing = writing
        self._lookup = lookup
        self._operation = delivery.operation
        self._endpoint: Endpoint = writing.endpoints[delivery.operation]
        self._admitted = admitted
        self._bodies = Bodies(delivery, writing, lookup, self._endpoint.body)
        self._key = delivery.key
        own = [place for place in self._endpoint.places if place != ID or ID in delivery.frame.columns]
        self._texts = column_texts(delivery.frame, list(dict.fromkeys([*delivery.key, *own])))
        self._ids = delivery.target_ids.to_list()
        self._idempotency_keys = delivery.idempotency_keys.to_list()
        self._is_repeatable = writing.is_repeatable(delivery.operation, self._endpoint.method)
        condition = writing.condition
        self._precondition = precondition_of(client, condition) if condition else None
        is_ours = writing.upserts or (condition is not None and bool(self._endpoint.places))
        id_path = self._endpoint.id_path or writing.id_path
        gives_id = delivery.operation == "create" and not is_ours and id_path is not None
        fields = tuple(delivery.frame.columns)
        self._judge = Judge(delivery.operation, id_path, gives_id, self._is_repeatable, client.mask, fields)

    async def run(self) -> list[Outcome]:
        """What became of each row; raises only where certainly nothing was applied."""
        count = len(self._ids)
        patience = patience_of(self._client, is_repeatable=self._is_repeatable)
        return await Chunk(self._client, count, patience, self._deliver).run([(row,) for row in range(count)])

    async def _deliver(self, piece: Piece) -> list[Outcome]:
        try:
            return [await self._send(piece[0])]
        except _Refused as refused:
            return [refused.outcome]
        except AmbiguousError:
            return [_reject("AmbiguousMatch", _AMBIGUOUS)]
        except CredentialsRefused as refused:
            return [forbidden(refused)]

    async def _send(self, row: int) -> Outcome:
        values = await self._values(row)
        url = self._endpoint.url(self._client.ground.base_url, values)
        if url is None:
            return _reject("KeyNotAddressable", _NO_ADDRESS)
        if self._precondition is not None and self._operation != "create":
            return await self._send_if_unchanged(self._precondition, row, url, values)
        request = await self._request(row, url, values)
        if self._precondition is not None and self._endpoint.places:
            request = self._precondition.bind_create(request)
        answer = await self._client.send(request, is_repeatable=self._is_repeatable)
        return self._judged(row, request, answer, values)

    async def _send_if_unchanged(self, precondition: Precondition, row: int, url: str, values: Values) -> Outcome:
        """Reads, and writes only over what was read; read anew and tried again if it was changed in between.

        Within the time of the delivery no other run delivers this record (we hold its claim): a change is a stranger's
        and stays, but for our fields. After that time the client sends nothing: a run that was paused writes no more.
        """
        known = self._readable_by(row, values)
        outcome, tag = _reject("NotFound", _MISSING), None
        try:
            for _ in range(TRIES):
                found = await self._lookup.read(known, _AS_STORED)
                if found is None:
                    return Outcome("done") if self._operation == "delete" else _reject("NotFound", _MISSING)
                if (fresh := precondition.tag_of(found)) == tag:
                    break  # refused, and not because it was changed
                request = precondition.bind(await self._request(row, url, values, found.record), found)
                answer = await self._client.send(request, is_repeatable=True)
                outcome, tag = self._judged(row, request, answer, values), fresh
                if answer.status not in CHANGED:
                    break
        except PonteError as error:
            if tag is None:
                raise
            # The write that was refused may have been a repetition, refused because the first one arrived.
            return Outcome("unknown", reason=error.reason, message=error.message)
        return outcome

    def _readable_by(self, row: int, values: Values) -> Values:
        """What the record is read by before it is written."""
        known = {**self._key_of(row), **values}
        if not self._lookup.can_get(set(known)):
            raise ConfigurationError(
                f"{self._client.ground.label}: write.condition reads the record first, and write.get has"
                " places for what is not known. Next: give it the places of the write."
            )
        return known

    async def _request(self, row: int, url: str, values: Values, current: dict[str, Any] | None = None) -> Request:
        """The request that writes a row, over the record as it was read where it was."""
        text: str | None = None
        if self._operation != "delete":
            text = await self._text(row, values, current)
            if text is None:
                raise _Refused(_reject("NotExpressible", _NOT_EXPRESSIBLE))
        headers: dict[str, str] = {}
        if self._writing.idempotency_header is not None and self._idempotency_keys[row]:
            headers[self._writing.idempotency_header] = self._idempotency_keys[row]
        try:
            if self._endpoint.body is None:
                return self._endpoint.carrying(url, text, headers)
            return self._endpoint.request(url, Given(self._bodies.fields(row), text, values), headers)
        except UnfitValueError as error:
            raise _Refused(_reject("NotExpressible", str(error))) from error

    async def _text(self, row: int, values: Values, current: dict[str, Any] | None) -> str | None:
        if self._bodies.needs_reading:
            return await self._bodies.body(row, values, self._key_of(row), current)
        return self._bodies.own([row])[0]

    def _judged(self, row: int, request: Request, answer: Response, values: Values) -> Outcome:
        if self._operation not in self._admitted:
            self._refuse_settings(request, answer)
        known_id = values.get(ID) if ID in self._endpoint.places else self._ids[row]
        outcome = self._judge.judge(answer, known_id or self._located(request.url, answer))
        if outcome.outcome == "done":
            self._admitted.add(self._operation)
        return outcome

    def _located(self, url: str, answer: Response) -> str | None:
        """The id of a new record by the address that the answer gives it (RFC 9110, 15.3.2)."""
        location = answer.headers.get("location", "")
        if answer.status != 201 or not location:
            return None
        return self._writing.id_of(self._client.ground.base_url, urljoin(url, location))

    def _refuse_settings(self, request: Request, answer: Response) -> None:
        """Before the first success a refusal may concern all records: the login or the settings, not this record."""
        status = answer.status
        where = f"{self._client.where(request.method, request.url)}: {self._client.mask(answer.shown)}"
        if status == 403:
            raise CredentialsRefused(
                f"{where}: the login may not {self._operation} records here. Next: have it allowed to, or use another "
                "login."
            )
        if status == 428:
            raise ConfigurationError(
                f"{where}: the server takes only writes with a condition. Next: set write.condition: {{etag: {{}}}}.",
                reason="RequestRefused",
            )
        if status in {405, 415} or (status in {404, 410} and not self._endpoint.places and not answer.note):
            words = self._client.mask(words_of(body_of(answer)))
            raise ConfigurationError(
                f"{where}{f' ({words})' if words else ''}. Next: check write.{self._operation}, write.upsert and the"
                " object's calls.",
                reason="RequestRefused",
            )

    async def _values(self, row: int) -> Values:
        """What the address is made of; a target id that is not known is looked up by the natural key."""
        values = {path: texts[row] or "" for path, texts in self._texts.items()}
        if ID in values:
            return values
        if self._ids[row] is not None:
            return {**values, ID: self._ids[row]}
        if ID not in self._endpoint.places:
            return values
        return {**values, ID: await self._find_id(self._key_of(row))}

    async def _find_id(self, key: Values) -> str:
        if not self._lookup.can_find(set(key)):
            raise _Refused(
                _reject(
                    "TargetIdUnknown",
                    f"{_MISSING} that Ponte knows; set write.find, or remove it there and retry the reject",
                )
            )
        found = await self._lookup.find(key)
        if not found:
            done = self._operation == "delete"
            raise _Refused(Outcome("done") if done else _reject("NotFound", _MISSING))
        if len(found) > 1:
            raise AmbiguousError
        target_id = take_text(found[0], self._writing.id_path or ID)
        if target_id is None:
            raise _Refused(
                _reject(
                    "TargetIdUnknown", f"the record found has no id at {self._writing.id_path or ID}; correct write.id"
                )
            )
        return target_id

    def _key_of(self, row: int) -> dict[str, str]:
        return {path: self._texts[path][row] or "" for path in self._key}


def _reject(reason: str, message: str) -> Outcome:
    return Outcome("rejected", reason=reason, message=message)
