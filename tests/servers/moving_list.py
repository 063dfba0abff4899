"""A list behind a scripted server that people edit while it is read page by page: for fuzzers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from scripted_server import Reply, Seen

Record = dict[str, Any]
Place = list[Any]

PAGINGS: dict[str, dict[str, Any]] = {
    "page": {"page": {"sizeParameter": "size"}},
    "offset": {"offset": {}},
    "token of a place": {"cursor": {"next": "next"}},
    "token of an offset": {"cursor": {"next": "next"}},
    "link of a place": {"link": {"next": "next"}},
    "link of a page": {"link": {}},
}
ORDERS: dict[str, Callable[[Record], Place]] = {
    "by key": lambda record: [record["sku"]],
    "as added": lambda record: [record["added"]],
    "last added first": lambda record: [-record["added"]],
    "oldest change first": lambda record: [record["changed"], record["sku"]],
    "newest change first": lambda record: [-record["changed"], record["sku"]],
}


@dataclass(frozen=True)
class Edit:
    """Somebody puts a record (new, or with another price) or removes it."""

    sku: str
    is_removed: bool = False


@dataclass
class MovingList:
    """Records in some order, cut into pages at each request anew.

    Attributes:
        paging: one of PAGINGS.
        order: one of ORDERS.
        size: records of a page.
        has_total: whether each answer says how many records there are.
        knows_bounds: whether since and until are heeded; a server ignores what it does not know.
        coming: edits that are made behind the next answers, answer by answer.
        always: keys that were there all the time since `begin`.
    """

    paging: str
    order: str
    size: int
    has_total: bool
    knows_bounds: bool
    records: dict[str, Record] = field(default_factory=dict)
    coming: list[Sequence[Edit]] = field(default_factory=list)
    always: set[str] = field(default_factory=set)
    clock: int = 0

    def begin(self, coming: Sequence[Sequence[Edit]]) -> None:
        """From now on these edits are made behind each answer."""
        self.coming = list(coming)
        self.always = set(self.records)

    def edit(self, edits: Sequence[Edit]) -> None:
        """Edits at once; each change has a greater cursor than all before."""
        for edit in edits:
            self.clock += 1
            if edit.is_removed:
                self.records.pop(edit.sku, None)
                self.always.discard(edit.sku)
                continue
            record = self.records.setdefault(
                edit.sku, {"sku": edit.sku, "name": "a thing", "web": "S", "added": self.clock}
            )
            record.update(price=f"{self.clock}.00", changed=self.clock)

    def answer(self, seen: Seen) -> Reply:
        """The answer to one request."""
        reply = self._one(seen) if seen.path != "/products" else self._page(seen.query)
        if self.coming:
            self.edit(self.coming.pop(0))
        return reply

    def _one(self, seen: Seen) -> Reply:
        record = self.records.get(seen.path.rpartition("/")[2])
        return Reply(404) if record is None else Reply(json=record)

    def _page(self, query: dict[str, str]) -> Reply:
        place = ORDERS[self.order]
        rows = sorted((row for row in self.records.values() if self._is_within(row, query)), key=place)
        at = query.get("cursor", query.get("at", ""))
        if self.paging.endswith("place"):
            last = json.loads(at) if at else None
            start = sum(last is not None and place(row) <= last for row in rows)
        elif "page" in query or self.paging.endswith("page"):
            start = (int(query.get("page", "1")) - 1) * self.size
        else:
            start = int(at or query.get("offset", "0"))
        page = rows[start : start + self.size]
        has_more = start + self.size < len(rows)
        total = {"total": len(rows)} if self.has_total else {}
        following = self._following(query, start, place(page[-1]) if page else []) if has_more else None
        headers = {"Link": f'<{following}>; rel="next"'} if self.paging == "link of a page" and following else {}
        return Reply(json={"items": page, "next": following, **total}, headers=headers)

    def _is_within(self, row: Record, query: dict[str, str]) -> bool:
        if not self.knows_bounds:
            return True
        return int(query.get("since", 0)) <= row["changed"] <= int(query.get("until", 10**9))

    def _following(self, query: dict[str, str], start: int, last: Place) -> str | None:
        bounds = "".join(f"&{name}={query[name]}" for name in ("since", "until") if name in query)
        return {
            "token of a place": json.dumps(last),
            "token of an offset": str(start + self.size),
            "link of a place": f"/products?at={quote(json.dumps(last))}{bounds}",
            "link of a page": f"/products?page={start // self.size + 2}{bounds}",
        }.get(self.paging)
