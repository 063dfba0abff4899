"""`ponte init` with real PostgreSQL and MariaDB servers at either end: what it writes validates and runs."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
ARTICLES = "CREATE TABLE articoli (artcod varchar(20) PRIMARY KEY, artdes varchar(60) NOT NULL, prezzo numeric(12,2))"
TWO = "INSERT INTO articoli VALUES ('0001', 'Vite', 1.20), ('0002', 'Dado', 0.30)"
PRODUCTS = "CREATE TABLE products (sku varchar(20) PRIMARY KEY, name varchar(60) NOT NULL, price numeric(12,2))"


def execute(url: str, *statements: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_postgresql_is_read_and_written_at_once(ponte: Ponte, postgres_url: str) -> None:
    execute(postgres_url, ARTICLES, TWO, PRODUCTS)

    made = ponte("init", "--from", f"{postgres_url}#articoli", "--to", f"{postgres_url}#products")

    assert made.returncode == 0, made.stderr
    assert "Guessed, please look: sku from artcod, name from artdes, price from prezzo." in made.stdout
    assert ponte("validate").returncode == 0
    planned = ponte("plan", "products").stdout
    assert "price   1.20" in planned  # as the type has it: not 1.2
    assert ponte("run", "products").returncode == 0
    with closing(psycopg.connect(postgres_url)) as connection:
        rows = connection.execute(b"SELECT sku, name, price::text FROM products ORDER BY sku").fetchall()
    assert rows == [("0001", "Vite", "1.20"), ("0002", "Dado", "0.30")]


def test_what_is_written_again_without_a_difference_says_so(ponte: Ponte, postgres_url: str) -> None:
    execute(postgres_url, ARTICLES, TWO, PRODUCTS)
    ponte("init", "--from", f"{postgres_url}#articoli", "--to", f"{postgres_url}#products")
    ponte("run", "products")

    planned = ponte("plan", "products", "--write", "all").stdout
    assert "update 0001   written again; no value differs" in planned

    execute(postgres_url, "UPDATE articoli SET prezzo = 12.90 WHERE artcod = '0001'")
    planned = ponte("plan", "products").stdout
    assert "update 0001   price   1.20 -> 12.90" in planned


def test_a_table_without_a_key_is_not_written(ponte: Ponte, postgres_url: str, tmp_path: Path) -> None:
    execute(postgres_url, ARTICLES, TWO, "CREATE TABLE loose (sku text, name text)")

    refused = ponte("init", "--from", f"{postgres_url}#articoli", "--to", f"{postgres_url}#loose")

    assert refused.returncode == 64
    assert "loose has neither a primary key nor a unique constraint" in refused.stderr
    assert not (tmp_path / "integration").exists()


def test_an_unreachable_server_is_named(ponte: Ponte, tmp_path: Path) -> None:
    ends = ("--from", "postgresql://reader@127.0.0.1:1/erp#articoli", "--to", "files:./list.csv")

    refused = ponte("init", *ends, PONTE_SECRET_ERP_PASSWORD="secret-words")

    assert refused.returncode == 75
    assert "erp" in refused.stderr
    assert "secret-words" not in refused.stderr
    assert not (tmp_path / "integration").exists()


def test_mariadb_is_read_and_written_at_once(ponte: Ponte, mariadb_url: str, mariadb_server: Any) -> None:
    database = mariadb_url.partition("?")[0].rpartition("/")[2]
    for statement in (ARTICLES, TWO, PRODUCTS):
        mariadb_server.run(statement, database=database)

    made = ponte("init", "--from", f"{mariadb_url}#articoli", "--to", f"{mariadb_url}#products")

    assert made.returncode == 0, made.stderr
    assert ponte("validate").returncode == 0
    assert "created 2" in ponte("run", "products").stdout


@dataclass(frozen=True)
class Guarded:
    """A server that lets a user in by password alone; the right one is `right-words`."""

    kind: str
    place: str
    user: str


@pytest.fixture(params=["mariadb", "postgresql"])
def guarded(request: pytest.FixtureRequest) -> Guarded:
    if request.param == "mariadb":
        return _guarded_mariadb(request.getfixturevalue("mariadb_server"), request.getfixturevalue("mariadb_url"))
    return _guarded_postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_url"))


def _guarded_mariadb(server: Any, url: str) -> Guarded:
    database = url.partition("?")[0].rpartition("/")[2]
    user = f"u{database[-12:]}"
    for statement in (ARTICLES, TWO, f"CREATE USER {user}@localhost IDENTIFIED BY 'right-words'",
                      f"GRANT SELECT ON {database}.* TO {user}@localhost"):  # fmt: skip
        server.run(statement, database=database)
    return Guarded("mariadb", f"{user}@localhost/{database}?{url.partition('?')[2]}", user)


def _guarded_postgres(server: Any, url: str) -> Guarded:
    database = url.partition("?")[0].rpartition("/")[2]
    user = f"u{database[-12:]}"
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"local all {user} scram-sha-256\n" + rules.read_text())
    execute(url, ARTICLES, TWO, f"CREATE ROLE {user} LOGIN PASSWORD 'right-words'",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", "SELECT pg_reload_conf()")  # fmt: skip
    return Guarded("postgresql", f"{user}@/{database}?{url.partition('?')[2]}", user)


def test_a_wrong_password_is_asked_for_again_and_never_written(
    guarded: Guarded, tmp_path: Path, program: list[str]
) -> None:
    answers = [
        guarded.kind,
        guarded.place,
        "wrong-words",
        guarded.place,
        "right-words",
        "articoli",
        "files",
        "list.csv",
        "y",
    ]

    said = talk([*program, "init"], tmp_path, answers)

    assert "Write this to integration?" in said
    written = "".join(file.read_text() for file in (tmp_path / "integration").iterdir())
    assert f'url: {{value: "{guarded.kind}://' in written
    assert guarded.user in written
    assert "-words" not in said + written
    assert said.count("refused") == 1, said


def talk(command: list[str], folder: Path, answers: list[str]) -> str:
    """What is said at a terminal of its own while each question is answered as it comes."""
    ours, theirs = pty.openpty()
    said, pending = "", list(answers)
    with subprocess.Popen(
        command, cwd=folder, env=os.environ | {"TERM": "xterm"}, start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        while True:
            try:
                read = os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
            if not read:
                break
            said += read
            if said.endswith(": ") and pending:
                os.write(ours, pending.pop(0).encode() + b"\n")
            elif said.endswith(": "):
                process.kill()
        code = process.wait(30)
    os.close(ours)
    assert code == 0, said
    return said
