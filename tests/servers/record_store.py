"""A well-behaved store of records behind a scripted server: lists with all kinds of paging, writes, an effect log."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from scripted_server import Reply, Seen


class RecordStore:
    """Records at /NAME and /NAME/KEY.

    By our key (PUT creates or replaces), or with `gives_ids` by ids of the store's own (POST creates, 201 with the id).
    `effects` lists each write that changed something, as (method, key).
    """

    def __init__(
        self, key: str = "sku", name: str = "products", *, gives_ids: bool = False, merges: bool = True
    ) -> None:
        self.key = key
        self.root = f"/{name}"
        self.gives_ids = gives_ids
        self.merges = merges
        self.records: dict[str, dict[str, Any]] = {}
        self.effects: list[tuple[str, str]] = []
        self.idempotency: dict[str, str] = {}
        self._next_id = 1

    def fill(self, count: int) -> None:
        for number in range(count):
            self.records[f"{number:04d}"] = {self.key: f"{number:04d}", "price": number + 0.5}

    def answer(self, seen: Seen) -> Reply:
        if seen.path == self.root:
            return self._list(seen) if seen.method == "GET" else self._create(seen)
        if seen.path == f"{self.root}/bulk":
            return Reply(207, [self._bulk_one(record) for record in seen.json])
        if not seen.path.startswith(f"{self.root}/"):
            return Reply(404, {"error": "no such path"})
        return self._one(seen, unquote(seen.path.removeprefix(f"{self.root}/")))

    def _one(self, seen: Seen, key: str) -> Reply:
        record = self.records.get(key)
        if seen.method == "PUT" and not self.gives_ids:
            return self._put(seen, key)
        if record is None:
            return Reply(404, {"error": f"no record {key}"})
        if seen.method == "GET":
            return Reply(200, record)
        self.effects.append((seen.method, key))
        if seen.method == "DELETE":
            del self.records[key]
            return Reply(204)
        self.records[key] = {**record, **seen.json} if seen.method == "PATCH" else {**seen.json, "id": record.get("id")}
        return Reply(200, self.records[key])

    def _put(self, seen: Seen, key: str) -> Reply:
        is_new = key not in self.records
        self.records[key] = {**self.records.get(key, {}), **seen.json} if self.merges else seen.json
        self.effects.append(("PUT", key))
        return Reply(201 if is_new else 200, self.records[key])

    def _create(self, seen: Seen) -> Reply:
        token = seen.headers.get("Idempotency-Key", "")
        if token and token in self.idempotency:
            return Reply(201, self.records[self.idempotency[token]])
        record = seen.json
        if any(other[self.key] == record[self.key] for other in self.records.values()):
            return Reply(409, {"error": f"{self.key} exists"})
        target_id = str(self._next_id) if self.gives_ids else record[self.key]
        self._next_id += 1
        self.records[target_id] = {**record, "id": int(target_id)} if self.gives_ids else record
        self.effects.append(("POST", target_id))
        self.idempotency[token] = target_id
        return Reply(201, self.records[target_id])

    def _bulk_one(self, record: dict[str, Any]) -> dict[str, Any]:
        if record.get("price") is not None and record["price"] < 0:
            return {"status": 422, "message": "price must not be negative"}
        self.records[record[self.key]] = record
        self.effects.append(("BULK", record[self.key]))
        return {"status": 201, "id": record[self.key]}

    def _list(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        found = list(self.records.values())
        if self.key in query:
            found = [record for record in found if record[self.key] == query[self.key]]
        if "since" in query:
            found = [record for record in found if record["changed"] >= query["since"]]
        total = len(found)
        size = int(query.get("size", query.get("limit", 100)))
        if "page" in query:
            start = (int(query["page"]) - 1) * size
            return Reply(200, {"items": found[start : start + size], "total": total})
        if "offset" in query:
            start = int(query["offset"])
            return Reply(200, {"items": found[start : start + size], "total": total})
        start = int(query.get("cursor", 0))
        following = start + size if start + size < total else None
        headers = {}
        if following is not None:
            headers["Link"] = f'<{self.root}?cursor={following}&size={size}>; rel="next", <{self.root}>; rel="first"'
        body = {"items": found[start : start + size], "total": total, "next": following}
        return Reply(200, body, headers=headers)
