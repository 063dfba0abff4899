"""Which addresses and files are ledgers, and which are refused before anything is written."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
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
    with pytest.raises(ConfigurationError, match="Next: write sqlite:///PATH or postgresql"):
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


def test_a_ledger_that_lost_all_its_bytes_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch()
    file.with_name("ledger.db-wal").write_bytes(b"what SQLite would throw away")

    with pytest.raises(StateError, match=r"0 bytes.*nothing was ever recorded in it: remove the file") as refused:
        open_database(f"sqlite:///{file}")

    assert refused.value.reason == "LedgerDamaged"
    assert file.read_bytes() == b""
    assert file.with_name("ledger.db-wal").read_bytes() == b"what SQLite would throw away"


def test_a_log_that_was_left_behind_is_not_read_into_a_new_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    log = file.with_name("ledger.db-wal")
    with closing(open_database(f"sqlite:///{file}")) as old:
        old.execute("CREATE TABLE left_behind (a)")
        kept = log.read_bytes()
    file.unlink()
    log.write_bytes(kept)

    with closing(open_database(f"sqlite:///{file}")) as new:
        names = new.query("SELECT name FROM sqlite_master", (), pl.Schema({"name": pl.String})).to_series()

    assert "ponte_meta" in names
    assert "left_behind" not in names


@pytest.mark.parametrize("call", ["sqlite3.connect", "os.link"])
def test_a_process_that_dies_while_it_makes_a_ledger_leaves_no_file_that_is_refused(call: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    dying = (
        f"import os, sqlite3; from ponte.ledger.opening import open_database; do = {call}\n"
        f"def die(*given, **named): do(*given, **named); os._exit(9)\n"
        f"{call} = die; open_database({url!r})"
    )

    assert subprocess.run([sys.executable, "-c", dying], check=False).returncode == 9

    open_database(url).close()


def test_a_ledger_is_made_where_files_cannot_have_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)

    open_database(f"sqlite:///{tmp_path}/ledger.db").close()

    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db"]


def test_this_process_is_not_gone_and_one_that_ended_is() -> None:
    me = process_identity()
    *place, number, start = me.split("/")

    assert not process_is_gone(me)
    assert process_is_gone("/".join((*place, number, str(int(start) + 1))))
    assert process_is_gone("/".join((*place, str(os.getpid() + 2**22 + 1), start)))


@pytest.mark.parametrize("holder", ["", "somebody", "a/b/c/d/e", "other/boot/ns/1/1", "x/?/?/1/?"])
def test_a_holder_elsewhere_is_never_taken_for_gone(holder: str) -> None:
    assert not process_is_gone(holder)
