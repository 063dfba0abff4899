"""Tryton, a real ERP, by the SyncSource of docs/connect/json-rpc.md: whole jobs in, out, and again."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from exchange import delivery

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

FILES = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: files}
spec:
  files: {path: {value: "%s"}}
  objects:
  - {name: in, path: in.jsonl, jsonLines: {}, key: [code]}
  - {name: out, path: out.jsonl, jsonLines: {}, key: [code]}
"""
JOB = """
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: %(name)s}
spec: {key: [code], fields: [%(fields)s]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: %(name)s}
spec: {source: {name: %(source)s}, target: {name: %(target)s}, mapping: %(name)s}
"""
PARTY = "{to: code, from: code}, {to: name, from: name}"
MONEY = '{to: code, from: code}, {to: name, from: name}, {to: rounding, from: %s, type: "decimal(12,6)"}'
JOBS = (
    {"name": "parties-in", "source": "files, object: in", "target": "tryton, object: parties", "fields": PARTY},
    {
        "name": "money-in",
        "source": "files, object: in",
        "target": "tryton, object: currencies",
        "fields": MONEY % "rounding",
    },
    {
        "name": "money-out",
        "source": "tryton, object: currencies",
        "target": "files, object: out",
        "fields": MONEY % "rounding.decimal",
    },
)


def documented(repository: Path) -> dict[str, Any]:
    """The SyncSource that the page shows."""
    page = (repository / "docs/connect/json-rpc.md").read_text()
    source = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    assert source["kind"] == "SyncSource"
    return source


@pytest.fixture
def runtime(tryton, tmp_path: Path, repository: Path) -> Runtime:
    source = documented(repository)
    source["spec"]["rest"]["baseUrl"] = {"value": tryton.base_url}
    source["spec"]["rest"]["allowedNetworks"] = ["127.0.0.0/8"]
    manifests = [yaml.safe_dump(source), FILES % tmp_path, *(JOB % job for job in JOBS)]
    (tmp_path / "jobs.yaml").write_text("---\n".join(manifests))
    loaded = load([tmp_path / "jobs.yaml"])
    assert loaded.faults == ()
    references = References({"PONTE_SECRET_TRYTON_SESSION": tryton.token})
    return Runtime(loaded, references, f"sqlite:///{tmp_path}/ledger.db")


def put(folder: Path, *records: dict[str, Any]) -> None:
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


async def test_parties_are_created_changed_and_left_alone_by_a_job(runtime: Runtime, tmp_path: Path) -> None:
    put(tmp_path, *({"code": f"P{number}", "name": f"Zażółć {number} & Söhne"} for number in range(5)))
    first = await runtime.run(RunRequest("parties-in"))
    put(
        tmp_path,
        *({"code": f"P{number}", "name": "new" if number == 3 else f"Zażółć {number} & Söhne"} for number in range(5)),
    )
    second = await runtime.run(RunRequest("parties-in"))
    third = await runtime.run(RunRequest("parties-in"))

    assert first.account.created == 5
    assert (second.account.updated, second.account.unchanged) == (1, 4)
    assert third.account.unchanged == 5


async def test_decimals_that_come_as_objects_go_both_ways_exactly(runtime: Runtime, tmp_path: Path) -> None:
    put(
        tmp_path,
        {"code": "XTA", "name": "Test A", "rounding": 0.01},
        {"code": "XTB", "name": "Test B", "rounding": 0.000001},
    )

    written = await runtime.run(RunRequest("money-in"))
    read = await runtime.run(RunRequest("money-out"))

    assert written.account.created == 2
    assert read.account.created >= 2
    lines = (json.loads(line, parse_float=Decimal) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    rounding = {line["code"]: line["rounding"] for line in lines}
    assert (rounding["XTA"], rounding["XTB"]) == (Decimal("0.01"), Decimal("0.000001"))


async def test_what_the_erp_refuses_is_a_reject_in_its_words(tryton, open_documented) -> None:
    target = open_documented(tryton).target("parties")
    rows = [{"code": "TWICE", "name": "one"}]

    created = await target.deliver(delivery("create", rows, key=("code",)))
    again = await target.deliver(delivery("create", rows, key=("code",)))
    found = await target.find(pl.DataFrame({"code": ["TWICE", "no such"]}))
    gone = await target.deliver(delivery("update", rows, ["999999"], key=("code",)))
    removed = await target.deliver(delivery("delete", rows, created["target_id"].to_list(), key=("code",)))

    assert created["outcome"].to_list() == ["done"]
    assert again.select("outcome", "reason").rows() == [("rejected", "RefusedByTarget")]
    assert "The code on party must be unique." in again["message"][0]
    assert found.rows() == [(0, created["target_id"][0])]
    assert gone["outcome"].to_list() == ["rejected"]
    assert removed["outcome"].to_list() == ["done"]
    assert (await target.find(pl.DataFrame({"code": ["TWICE"]}))).height == 0


async def test_a_wrong_address_and_a_wrong_login_are_told_apart(tryton, open_documented) -> None:
    system = open_documented(tryton, path="/")
    probe = await system.probe()
    refused = await open_documented(tryton, token="Session bm9ib2R5OjE6Y2FuYXJ5").probe()

    assert (probe.ok, probe.reason) == (False, "RequestRefused")
    assert "HTTP 405" in probe.message
    assert (refused.ok, refused.reason) == (False, "CredentialsRefused")
    assert "bm9ib2R5" not in refused.message


@pytest.fixture
def open_documented(open_shop, repository: Path):
    """The documented system's parties; `path` and `token` may be others."""

    def open_one(tryton, path: str = "/rpc/", token: str = "") -> Any:
        spec = documented(repository)["spec"]
        place = {"name": "Authorization", "secretRef": {"secretRef": {"name": "shop", "key": "token"}}}
        auth = {"auth": {"apiKey": {"header": place}}, "baseUrl": {"value": tryton.base_url}}
        parties = {**spec["objects"][0], "name": "parties", "path": path}
        return open_shop({**spec["rest"], **auth}, parties, token or tryton.token)

    return open_one
