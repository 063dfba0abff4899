"""Which addresses and files are ledgers, and which are refused before anything is written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ponte.errors import ConfigurationError, StateError
from ponte.ledger.identity import process_identity, process_is_gone
from ponte.ledger.opening import connect, dialect, open_database, shown, sqlite_path
from ponte.ledger.sqlite_files import refuse_network_file_system, refuse_torn_file


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///ledger.db", "ledger.db"), ("sqlite:////var/lib/ponte/ledger.db", "/var/lib/ponte/ledger.db")],
)
def test_an_address_names_a_file(url: str, path: str) -> None:
    assert dialect(url) == "sqlite"
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url", ["", "ledger.db", "mysql://db/ponte", "sqlite:ledger.db", "sqlite://", "sqlite:///", "sqlite:///:memory:"]
)
def test_an_address_that_names_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Use sqlite:///PATH or postgresql"):
        connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ponte:s3cret@db/ledger",
        "postgresql://ponte:pa/s3cret@db/ledger",
        "postgresql://ponte:s3cret@[db/ledger",
        "postgresql://db/ledger?user=ponte&password=s3cret",
    ],
)
def test_no_message_shows_a_password(url: str) -> None:
    assert "s3cret" not in shown(url)
    assert "ponte:" not in shown(url)


def test_another_programs_database_is_not_made_a_ledger(tmp_path: Path) -> None:
    file = tmp_path / "erp.db"
    with closing(sqlite3.connect(file)) as erp:
        erp.execute("CREATE TABLE articoli (codice TEXT)")

    with pytest.raises(ConfigurationError, match="another program's database"):
        open_database(f"sqlite:///{file}")

    with closing(sqlite3.connect(file)) as erp:
        assert erp.execute("SELECT name FROM sqlite_master").fetchall() == [("articoli",)]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match="cannot be used"):
        open_database(f"sqlite:///{tmp_path}/file/ledger.db")


@pytest.mark.parametrize(("kind", "is_refused"), [("nfs4", True), ("cifs", True), ("ext4", False)])
def test_a_network_file_system_is_refused(kind: str, is_refused: bool, tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(folder).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {escaped} {kind} rw 0 0\nserver:/y /elsewhere nfs rw 0 0\n")

    if is_refused:
        with pytest.raises(ConfigurationError, match=kind):
            refuse_network_file_system(folder / "ledger.db", mounts)
    else:
        refuse_network_file_system(folder / "ledger.db", mounts)


def test_a_short_file_is_whole_while_its_log_has_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    open_database(f"sqlite:///{file}").close()
    file.write_bytes(file.read_bytes()[:8192])

    with pytest.raises(StateError, match="8,192 of"):
        refuse_torn_file(file)
    file.with_name("ledger.db-wal").write_bytes(b"the rest")

    refuse_torn_file(file)


def test_this_process_is_not_gone_and_one_that_ended_is() -> None:
    me = process_identity()
    *place, number, start = me.split("/")

    assert not process_is_gone(me)
    assert process_is_gone("/".join((*place, number, str(int(start) + 1))))
    assert process_is_gone("/".join((*place, str(os.getpid() + 2**22 + 1), start)))


@pytest.mark.parametrize("holder", ["", "somebody", "a/b/c/d/e", "other/boot/ns/1/1", "x/?/?/1/?"])
def test_a_holder_elsewhere_is_never_taken_for_gone(holder: str) -> None:
    assert not process_is_gone(holder)
