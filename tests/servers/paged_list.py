"""A list behind a scripted server, cut into pages as a test says, with one trouble on the way: for fuzzers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripted_server import Reply, Seen

PAGINGS = {
    "page": {"page": {}},
    "offset": {"offset": {"limit": 3}},
    "cursor": {"cursor": {"next": "next"}},
    "link": {"link": {"next": "next"}},
    "header": {"link": {}},
    "none": None,
}


@dataclass(frozen=True)
class Trouble:
    """What the server does instead of answering one page well.

    Attributes:
        page: index of the page.
        name: a member of the answer whose value is put in the place of the right one; empty for the whole answer.
        text: what stands there, as JSON text or as what should be JSON.
        status: HTTP status.
        is_passing: the page is answered well when it is asked for again.
        cut: so much of the answer comes and no more; None for all of it.
    """

    page: int
    name: str = ""
    text: str = ""
    status: int = 200
    is_passing: bool = False
    cut: int | None = None


def object_of(members: Mapping[str, str]) -> str:
    """A JSON object of members that are JSON texts; a name with a blank behind it stands for a name once more."""
    inner = ", ".join(f'"{name.strip()}": {value}' for name, value in members.items())
    return f"{{{inner}}}"


@dataclass
class PagedList:
    """A list that does not change while it is read.

    Attributes:
        kind: of paging, one of PAGINGS.
        pages: records of each page, as JSON texts.
        total: what `total` says, as JSON text; None where it is not there.
        trouble: on the way.
    """

    kind: str
    pages: Sequence[Sequence[str]]
    total: str | None = None
    trouble: Trouble | None = None
    asked: int = 0
    has_passed: bool = False

    def answer(self, seen: Seen) -> Reply:
        """The answer to one request."""
        self.asked += 1
        index, records = self._asked_for(seen)
        trouble = self.trouble
        if trouble is None or trouble.page != index or (trouble.is_passing and self.has_passed):
            return self._reply(index, records, {})
        self.has_passed = True
        if trouble.cut is not None:
            whole = self._reply(index, records, {}).text or ""
            return Reply(text=whole[: trouble.cut % max(1, len(whole))])
        if not trouble.name:
            return Reply(trouble.status, text=trouble.text)
        return self._reply(index, records, {trouble.name: trouble.text})

    def _asked_for(self, seen: Seen) -> tuple[int, Sequence[str]]:
        """Index of the page that is asked for, and its records."""
        if self.kind == "offset":
            return self._at_offset(int(seen.query["offset"]))
        if self.kind == "page":
            index = int(seen.query["page"]) - 1
        else:
            at = seen.query.get("cursor", seen.query.get("at", "t0"))
            index = int(at[1:]) if at[:1] == "t" and at[1:].isdigit() else len(self.pages)
        return index, self.pages[index] if index < len(self.pages) else []

    def _at_offset(self, offset: int) -> tuple[int, Sequence[str]]:
        """The rest of the page in which an offset lies: a server gives fewer records than it was asked for."""
        for index, records in enumerate(self.pages):
            if offset < len(records):
                return index, records[offset : offset + 3]
            offset -= len(records)
        return len(self.pages), []

    def _reply(self, index: int, records: Sequence[str], instead: dict[str, str]) -> Reply:
        following = f"t{index + 1}" if index + 1 < len(self.pages) else None
        link = following and f"/products?at={following}"
        named = {"cursor": following, "link": link}.get(self.kind)
        members = {
            "items": f"[{', '.join(records)}]",
            "next": "null" if named is None else f'"{named}"',
            **({} if self.total is None else {"total": self.total}),
        } | instead
        headers = {"Link": f'<{link}>; rel="next"'} if self.kind == "header" and link else {}
        return Reply(text=object_of(members), headers=headers)
