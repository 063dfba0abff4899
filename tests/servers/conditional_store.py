"""A record store that takes writes only under a condition (RFC 9110, RFC 6585): by ETag, or by a version field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from record_store import RecordStore
from scripted_server import Reply, Seen


class EtagStore:
    """Answers 428 to a write of a record without condition, 412 to one whose condition does not hold.

    Attributes:
        between: called after each reading of a record, before its answer is sent: what somebody else does meanwhile.
    """

    def __init__(self, store: RecordStore) -> None:
        self.store = store
        self.between: Callable[[], None] = lambda: None

    def answer(self, seen: Seen) -> Reply:
        if not seen.path.startswith(f"{self.store.root}/"):
            return self.store.answer(seen)
        record = self.store.records.get(unquote(seen.path.removeprefix(f"{self.store.root}/")))
        if seen.method == "GET":
            reply = replace(self.store.answer(seen), headers={"ETag": self.tag(record)} if record else {})
            reply = replace(reply, text=json.dumps(reply.json), json=None)  # as it was before anybody meddles
            self.between()
            return reply
        return self._refusal(seen, record) or self.store.answer(seen)

    def _refusal(self, seen: Seen, record: dict[str, Any] | None) -> Reply | None:
        wanted = seen.headers.get("If-Match")
        if seen.headers.get("If-None-Match") == "*":
            return Reply(412, {"error": "there is one"}) if record else None
        if wanted is None:
            return Reply(428, {"error": "say which state you mean"})
        return None if record and wanted == self.tag(record) else Reply(412, {"error": "it was changed"})

    @staticmethod
    def tag(record: dict[str, Any]) -> str:
        return f'"{sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]}"'


class VersionStore(EtagStore):
    """The same by a counter `version` in the record: back in the body, or as a query parameter of DELETE."""

    def answer(self, seen: Seen) -> Reply:
        key = unquote(seen.path.removeprefix(f"{self.store.root}/"))
        record = self.store.records.get(key)
        reply = super().answer(seen)
        if seen.method in {"PUT", "PATCH"} and reply.status < 300:
            self.store.records[key]["version"] = (record or {}).get("version", 0) + 1
        return reply

    def _refusal(self, seen: Seen, record: dict[str, Any] | None) -> Reply | None:
        if record is None:
            return None
        sent = seen.query.get("version") if seen.method == "DELETE" else seen.json.get("version")
        return None if str(sent) == str(record.get("version")) else Reply(409, {"error": "version"})
