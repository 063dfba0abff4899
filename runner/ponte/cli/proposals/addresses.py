"""Where a system is, as a person types it: `files:./export/articles.csv`, `sqlite:shop.db#products`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ponte.connectors.files.sniffing import is_workbook
from ponte.errors import UsageError

SERVERS = ("postgresql", "mariadb", "mysql")
"""Kinds whose address is a URL."""
FORMS = (
    "files:FOLDER/FILE, files:FOLDER/BOOK.xlsx#SHEET, sqlite:FILE#TABLE, "
    "postgresql://USER@HOST:PORT/DATABASE#TABLE or mariadb://..."
)


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a job.

    Attributes:
        kind: files, sqlite or one of SERVERS.
        place: the folder, the file or the URL, without a login.
        object_name: the file in the folder or the table; empty where it is still to be chosen.
        username: who logs in; empty for nobody.
        sheet: of a workbook; empty where it has but one, or the first is meant.
    """

    kind: str
    place: str
    object_name: str = ""
    username: str = ""
    sheet: str = ""

    @property
    def name(self) -> str:
        """A name for the SyncSource: of the folder, the file or the database."""
        last = urlsplit(self.place).path if self.kind in SERVERS else str(Path(self.place).absolute())
        return manifest_name(Path(last).stem)


def manifest_name(text: str) -> str:
    """Text as the name of an object: lower case letters, digits and hyphens, at most 40."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    return plain if plain[:1].isalnum() else "system"


def parse_address(text: str) -> Address:
    """The address that a person typed.

    Raises:
        UsageError: it is none, or holds a password.
    """
    kind, mark, rest = text.partition(":")
    if not mark or kind not in {"files", "sqlite", *SERVERS} or not rest:
        raise UsageError(
            f'"{_shown(text)}" is no address of a system. Next: write {FORMS}; for other kinds start from '
            "ponte connectors describe NAME --example."
        )
    if kind == "files":
        return _file(rest)
    place, _, object_name = rest.partition("#")
    if kind == "sqlite":
        return Address(kind, place.removeprefix("///"), object_name)
    return _server(kind, f"{kind}:{place}", object_name)


def _file(text: str) -> Address:
    """A folder, a file in one, or a sheet of a workbook; a `#` in another place is part of a name."""
    if Path(text).is_dir() or text.endswith("/"):
        return Address("files", text)
    book, mark, sheet = text.rpartition("#")
    path = Path(book if mark and is_workbook(book) else text)
    return Address("files", path.parent.as_posix(), path.name, sheet=sheet if mark and is_workbook(book) else "")


def _server(kind: str, url: str, object_name: str) -> Address:
    parts = urlsplit(url)
    if parts.password is not None or "password" in parts.query:
        raise UsageError(
            "An address holds no password: it would end in a file. Next: leave it out; ponte init says where it "
            "belongs."
        )
    host = parts.netloc.rpartition("@")[2]
    has_socket = any(f"{name}=" in parts.query for name in ("host", "socket"))
    if not (host or has_socket) or len(parts.path) < 2:
        raise UsageError(f"This is no address of a server. Next: write {kind}://USER@HOST:PORT/DATABASE#TABLE.")
    query = f"?{parts.query}" if parts.query else ""
    return Address(kind, f"{kind}://{host}{parts.path}{query}", object_name, unquote(parts.username or ""))


def _shown(text: str) -> str:
    return "***" if "@" in text else text[:80]
