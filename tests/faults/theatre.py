"""A stage for kills: an ERP, a target, a ledger, runs as processes, and a judge that shares no code with them."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from faults.shop import Shop, open_shop

ROWS, BATCH = 60, 15
ACCOUNT = (
    "created", "updated", "unchanged", "skipped", "left", "rejected", "duplicate", "superseded", "conflict", "deferred"
)  # fmt: skip
Article = tuple[str, str | None, str, str]
TARGETS = {
    "sqlite": 'sql: {url: {value: "sqlite:///%(target)s"}}\n  objects: [{name: items, table: items, key: [sku]}]',
    "postgresql": 'sql: {url: {value: "%(target)s"}}\n  objects: [{name: items, table: items, key: [sku]}]',
    "rest": """rest: {baseUrl: {value: "%(target)s"}, allowedNetworks: [127.0.0.0/8]}
  objects:
  - name: items
    path: /items
    key: [sku]
    write:
      create: POST /items
      update: PATCH /items/{id}
      delete: DELETE /items/{id}
      find: {parameters: [{name: sku, field: sku}], settle: 100ms}
      id: id
  limits: {connections: 4}""",
    "rest-keys": """rest: {baseUrl: {value: "%(target)s"}, allowedNetworks: [127.0.0.0/8]}
  objects:
  - name: items
    path: /items
    key: [sku]
    write:
      create: POST /items
      update: PATCH /items/{id}
      delete: DELETE /items/{id}
      id: id
      idempotencyHeader: Idempotency-Key
  limits: {connections: 4}""",
    "rest-upsert": """rest: {baseUrl: {value: "%(target)s"}, allowedNetworks: [127.0.0.0/8]}
  objects:
  - {name: items, path: /items, key: [sku], write: {upsert: "PUT /keyed/{sku}", delete: "DELETE /keyed/{sku}"}}
  limits: {connections: 4}""",
}
MANIFESTS = """\
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  sql: {url: {value: "sqlite:///%(erp)s"}}
  objects: [{name: articles, table: articles, key: [code], cursor: {field: changed}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  %(shop)s
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: item}
spec:
  key: [sku]
  where: "web = 'S'"
  fields:
  - {to: sku, from: code, trim: true}
  - {to: name, from: title, required: true}
  - {to: price, from: price, type: "decimal(12,2)", locale: it}
  - {to: kind, value: "%(kind)s"}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: items}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: items}
  mapping: item
  batchSize: %(batch)d
  deletes: {policy: delete, maxPercent: "100"}
  rejects: {maxPercent: "%(most)s"}
"""


class Nursery:
    """Starts runs as children of a process that has everything loaded."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("nursery.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, args: list[str], env: dict[str, str], out: Path) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"args": args, "env": env, "out": str(out)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class Theatre:
    """One play: folder, target, ledger."""

    folder: Path
    nursery: Nursery
    ledger: str
    kind: str
    target: str
    shop: Shop | None = None
    mapped_kind: str = "thing"
    most_rejects: str = "100"
    clock: int = 0
    marks: list[int] = field(default_factory=list)

    # -- the ERP

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def put(self, code: str, title: str | None = "a thing", price: str = "1,00", web: str = "S") -> None:
        self._put((code, title, price, web))

    def _put(self, *articles: Article) -> None:
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            for article in articles:
                self.clock += 1
                connection.execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?)", (*article, self.clock))

    def fill(self, rng: random.Random) -> None:
        self.sql("CREATE TABLE articles (code TEXT PRIMARY KEY, title TEXT, price TEXT, web TEXT, changed INTEGER)")
        self._put(*(_article(number, rng) for number in range(ROWS)))

    def edit(self, rng: random.Random) -> None:
        codes = [code for (code,) in self.sql("SELECT code FROM articles ORDER BY code")]
        changed: list[Article] = []
        for code in rng.sample(codes, 12):
            change = rng.choice(["price", "title", "web", "none", "delete", "back"])
            if change == "delete":
                self.sql("DELETE FROM articles WHERE code = ?", code)
            else:
                title = None if change == "none" else f"{change} {rng.randrange(9)}"
                price = f"{rng.randrange(1, 9)},{rng.randrange(100):02d}"
                changed.append((code, title, price, "N" if change == "web" else "S"))
        self._put(*changed, *((f"n{rng.randrange(10_000):04d}", "new", "1,00", "S") for _ in range(3)))

    # -- runs

    def write_manifests(self) -> None:
        shop = TARGETS[self.kind] % {"target": self.target}
        names = {"erp": self.folder / "erp.db", "shop": shop, "kind": self.mapped_kind, "batch": BATCH}
        (self.folder / "integration").mkdir(exist_ok=True)
        (self.folder / "integration" / "all.yaml").write_text(MANIFESTS % {**names, "most": self.most_rejects})

    def run(self, *args: str, trap: str = "", **env: str) -> int:
        """Runs the job; minus 9 when it was killed."""
        self.write_manifests()
        code = self._ponte("run", "items", "-o", "json", *args, PONTE_FAILPOINT=trap, **env)
        self._note_watermark()
        return code

    @property
    def said(self) -> str:
        return (self.folder / "out.txt").read_text()

    def recover(self, *args: str) -> None:
        code = self.run(*args)
        assert code == 0, f"the recovering run ended with {code}: {self.said}"
        if self._decide():
            self.recover()

    def _decide(self) -> bool:
        """Does what a person does with ambiguous creates: removes them at the shop, then retries; True if any."""
        rows = self.ledger_rows("SELECT key FROM ponte_rejects WHERE state = 'ambiguous'")
        skus = [key.partition(":")[2] for (key,) in rows]
        if not skus:
            return False
        assert self.shop is not None
        self.shop.remove(*skus)
        assert self._ponte("rejects", "retry", "items", *skus) == 0, self.said
        return True

    def _ponte(self, *order: str, **env: str) -> int:
        words = [*order, "-f", str(self.folder / "integration"), "--ledger", self.ledger]
        return self.nursery.run(words, env, self.folder / "out.txt")

    # -- the judge

    def ledger_rows(self, statement: str) -> list[tuple[Any, ...]]:
        if self.ledger.startswith("sqlite"):
            with closing(sqlite3.connect(self.ledger.removeprefix("sqlite:///"), timeout=30)) as connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.ledger) as connection:
            return connection.execute(statement.encode()).fetchall()

    def _note_watermark(self) -> None:
        rows = self.ledger_rows("SELECT watermark FROM ponte_scopes") if self._has_ledger() else []
        self.marks += [int(mark) for (mark,) in rows if mark is not None]
        assert self.marks == sorted(self.marks), f"the watermark went back: {self.marks}"

    def _has_ledger(self) -> bool:
        if self.ledger.startswith("sqlite"):
            tables = "SELECT name FROM sqlite_master WHERE name = 'ponte_scopes'"
        else:
            tables = "SELECT tablename FROM pg_tables WHERE tablename = 'ponte_scopes'"
        return bool(self.ledger_rows(tables))

    def model(self) -> dict[str, tuple[str, Decimal, str]]:
        """The Mapping in plain Python."""
        rows = self.sql("SELECT code, title, price FROM articles WHERE web = 'S' AND title IS NOT NULL")
        amount = {code: Decimal(price.replace(".", "").replace(",", ".")) for code, _, price in rows}
        return {code.strip(): (title, amount[code], self.mapped_kind) for code, title, _ in rows}

    def held(self) -> list[tuple[str, str, Decimal, str]]:
        """All that the target has."""
        if self.shop is not None:
            records = self.shop.records.values()
            return [(r["sku"], r["name"], Decimal(str(r["price"])), r["kind"]) for r in records]
        select = "SELECT sku, name, price, kind FROM items"
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.target)) as connection:
                rows = connection.execute(select).fetchall()
        else:
            with psycopg.connect(self.target) as other:
                rows = other.execute(select.encode()).fetchall()
        return [(sku, name, Decimal(str(price)), kind) for sku, name, price, kind in rows]

    def judge(self) -> None:
        """No loss, no double effect, claims settled, accounts closed, rejects as they must be."""
        held = self.held()
        assert len({row[0] for row in held}) == len(held), "a record is there twice"
        rejected = self._rejected()
        kept = {sku: rest for sku, *rest in held if sku not in rejected}
        assert {sku: tuple(rest) for sku, rest in kept.items()} == self.model()
        assert self.ledger_rows("SELECT COUNT(*) FROM ponte_claims") == [(0,)], "claims are left"
        assert self.ledger_rows("SELECT COUNT(*) FROM ponte_scopes WHERE lease_epoch IS NOT NULL") == [(0,)]
        live = {
            key.partition(":")[2]
            for (key,) in self.ledger_rows("SELECT key FROM ponte_records WHERE deleted_at IS NULL")
        }
        there = {row[0] for row in held}
        unsure = rejected if self.kind in ("rest-keys", "rest-upsert") else set()  # it cannot be asked what it has
        assert there <= live <= there | unsure, "the ledger knows other records than the target has"
        open_rejects = self.ledger_rows("SELECT key FROM ponte_rejects WHERE state = 'open'")
        assert {key.partition(":")[2] for (key,) in open_rejects} == rejected
        self._judge_accounts()
        self._judge_effects()

    def _rejected(self) -> set[str]:
        return {code for (code,) in self.sql("SELECT code FROM articles WHERE web = 'S' AND title IS NULL")}

    def _judge_accounts(self) -> None:
        for (text,) in self.ledger_rows("SELECT result FROM ponte_runs"):
            account = json.loads(text).get("account", {})
            assert account.get("read", 0) == sum(account.get(part, 0) for part in ACCOUNT), account

    def _judge_effects(self) -> None:
        """One create per natural key while the record lives."""
        live: set[str] = set()
        for method, sku in self.shop.effects if self.shop is not None else ():
            assert method != "POST" or sku not in live, f"{sku} was created twice"
            (live.discard if method == "DELETE" else live.add)(sku)

    def judge_stillness(self) -> None:
        """Another run writes nothing."""
        before = self.held()
        effects = len(self.shop.effects) if self.shop is not None else 0
        self.recover()
        account = json.loads(self.said[self.said.index("{") :])["account"]
        assert [account.get(part, 0) for part in ("created", "updated", "deleted")] == [0, 0, 0], account
        assert self.held() == before
        assert (len(self.shop.effects) if self.shop is not None else 0) == effects


def _article(number: int, rng: random.Random) -> Article:
    return (
        f"{number:05d}",
        None if rng.random() < 0.05 else f"perù {number}",
        f"{rng.randrange(1, 9)}.{rng.randrange(1000):03d},{rng.randrange(100):02d}",
        "N" if rng.random() < 0.1 else "S",
    )


@contextmanager
def open_theatre(folder: Path, nursery: Nursery, ledger: str, kind: str, url: str | None) -> Iterator[Theatre]:
    """A theatre with an empty target; `url` is a PostgreSQL database, where one is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    table = "CREATE TABLE items (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(12,2), kind TEXT)"
    address = url if ledger == "postgresql" else f"sqlite:///{folder / 'ledger.db'}"
    assert address is not None
    if kind.startswith("rest"):
        with open_shop() as (shop, base):
            yield Theatre(folder, nursery, address, kind, base, shop)
        return
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
            connection.execute(table)
        yield Theatre(folder, nursery, address, kind, str(folder / "shop.db"))
        return
    assert url is not None
    with psycopg.connect(url) as other:
        other.execute(table.encode())
    yield Theatre(folder, nursery, address, kind, url)


def play(theatre: Theatre, seed: int) -> str:
    """A play with one to three kills at seeded places; gives what happened, for the message of a failure."""
    rng = random.Random(seed)
    theatre.fill(rng)
    told = []
    if rng.random() < 0.5:
        theatre.recover()
        theatre.edit(rng)
        told.append("loaded, edited")
    for _ in range(rng.randrange(1, 4)):
        read = rng.choice([[], [], ["--read", "changes"], ["--write", "all"]])
        after = rng.choice(["", f"+{rng.random() * 0.03:.4f}"])
        trap = f"*:{rng.randrange(1, 40)}:kill{after}"
        code = theatre.run(*read, trap=trap)
        assert code in (0, -9), f"exit {code} with {trap}: {theatre.said}"
        told.append(f"{' '.join(read)} {trap} -> {code}")
        if rng.random() < 0.7:
            theatre.edit(rng)
            told.append("edited")
        if rng.random() < 0.3:
            theatre.recover("--read", "changes")
            told.append("recovered by changes")
    theatre.recover()
    return "; ".join(told)


def replay_command(ledger: str, kind: str, seed: int) -> str:
    """The one command that plays a seed again."""
    return f"FAULT_SEED={ledger}:{kind}:{seed} {os.path.relpath(sys.executable)} -m pytest tests/faults -q"
