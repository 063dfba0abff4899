"""Whole runs against targets that check conditions or only accept bulks: what the engine makes of their answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from conditional_store import EtagStore
from record_store import RecordStore
from scripted_server import Reply, ScriptedServer

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: erp}}
spec:
  files: {{path: {{value: "{folder}"}}}}
  objects: [{{name: articles, path: articles.csv, csv: {{}}, key: [code]}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: shop}}
spec:
  rest: {{baseUrl: {{value: "{url}"}}, allowedNetworks: [127.0.0.0/8]}}
  objects:
  - name: products
    path: /products
    list: {{records: items}}
    key: [sku]
    write: {write}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: product}}
spec:
  key: [sku]
  fields:
  - {{to: sku, from: code, required: true}}
  - {{to: name, from: name}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: products}}
spec:
  source: {{name: erp, object: articles}}
  target: {{name: shop, object: products, operations: [create, update], onExisting: {existing}}}
  mapping: product
"""
CONDITIONAL = {
    "upsert": "PUT /products/{sku}",
    "get": "GET /products/{sku}",
    "condition": {"etag": {}},
}
JOBS = {
    "update": "PATCH /products/{id}",
    "get": "GET /products/{id}",
    "find": {"parameters": [{"name": "sku", "field": "sku"}], "settle": "1s"},
    "id": "id",
    "bulk": {
        "request": "POST /products/import",
        "answers": "results",
        "id": "id",
        "match": {"answer": "sku", "field": "sku"},
        "job": {"done": ["done"], "failed": ["failed"], "timeout": "30s"},
    },
}


class HastyClock:
    """The time of day, except that pauses are over at once."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = await ScriptedServer().start()
    yield server
    await server.stop()


@pytest.fixture
def runtime(tmp_path: Path, server: ScriptedServer) -> Callable[..., Runtime]:
    def make(write: dict[str, Any], existing: str = "adopt", codes: str = "abc") -> Runtime:
        (tmp_path / "articles.csv").write_text("code,name\n" + "".join(f"{code},name of {code}\n" for code in codes))
        text = MANIFESTS.format(folder=tmp_path, url=server.base_url, write=json.dumps(write), existing=existing)
        manifest = tmp_path / "all.yaml"
        manifest.write_text(text)
        return Runtime(load([manifest]), References({}), f"sqlite:///{tmp_path / 'ledger.db'}", clock=HastyClock())

    return make


@pytest.mark.parametrize(
    ("existing", "name", "outcome"),
    [("adopt", "name of b", "updated"), ("skip", "theirs", "skipped"), ("fail", "theirs", "rejected")],
)
async def test_a_create_that_loses_a_race_is_a_reject_and_goes_by_on_existing_in_the_next_run(
    server, runtime, existing, name, outcome
):
    shop = EtagStore(RecordStore())

    def answer(seen):
        if seen.method == "PUT" and "b" not in shop.store.records:  # somebody is quicker by a moment
            shop.store.records["b"] = {"sku": "b", "name": "theirs"}
        return shop.answer(seen)

    server.answer = answer
    made = runtime(CONDITIONAL, existing)

    first = await made.run(RunRequest("products"))
    assert (first.account.created, first.account.rejected) == (2, 1)
    assert [reason.reason for reason in first.rejects.reasons] == ["Conflict"]
    assert shop.store.records["b"]["name"] == "theirs"

    second = await made.run(RunRequest("products"))
    assert getattr(second.account, outcome) == 1
    assert second.account.unchanged == 2
    assert shop.store.records["b"]["name"] == name


async def test_a_record_that_is_edited_while_it_is_written_keeps_the_edit(server, runtime):
    shop = EtagStore(RecordStore())
    server.answer = shop.answer
    made = runtime(CONDITIONAL)
    await made.run(RunRequest("products"))
    edits = [{"sku": "a", "name": "name of a", "note": "call first"}]

    def meddle() -> None:
        if edits:
            shop.store.records["a"] = edits.pop()

    shop.between = meddle
    result = await made.run(RunRequest("products", write="all"))

    assert result.account.updated == 3
    assert shop.store.records["a"] == {"sku": "a", "name": "name of a", "note": "call first"}


class ImportingShop:
    """Takes bulks of creates, carries them out at once or never, and tells of them at /jobs/N."""

    def __init__(self) -> None:
        self.store = RecordStore(gives_ids=True)
        self.silent: set[str] = set()
        self.is_working = True
        self.jobs: list[list[dict[str, Any]]] = []

    def answer(self, seen):
        if seen.path == "/products/import":
            self.jobs.append([self._make(record) for record in seen.json])
            return Reply(202, headers={"Location": f"/jobs/{len(self.jobs) - 1}"})
        if seen.path.startswith("/jobs/"):
            results = self.jobs[int(seen.path.rpartition("/")[2])]
            state = "done" if self.is_working else "running"
            return Reply(200, {"state": 1, "status": state, "results": results if self.is_working else []})
        return self.store.answer(seen)

    def _make(self, record: dict[str, Any]) -> dict[str, Any]:
        target_id = str(len(self.store.records) + 1)
        self.store.records[target_id] = {**record, "id": int(target_id)}
        named = "?" if record["sku"] in self.silent else record["sku"]
        return {"sku": named, "status": "ok", "id": int(target_id)}


async def test_records_that_a_jobs_results_leave_out_are_looked_up_and_not_created_again(server, runtime):
    shop = ImportingShop()
    shop.silent = {"b"}
    server.answer = shop.answer

    result = await runtime(JOBS).run(RunRequest("products"))

    assert (result.phase, result.account.created) == ("Succeeded", 3)
    assert sorted(record["sku"] for record in shop.store.records.values()) == ["a", "b", "c"]
    assert len(shop.jobs) == 1


async def test_a_job_that_is_not_finished_in_time_is_settled_without_creating_anything_twice(server, runtime):
    shop = ImportingShop()
    shop.is_working = False
    server.answer = shop.answer
    made = runtime(JOBS)

    await made.run(RunRequest("products"))
    shop.is_working = True
    result = await made.run(RunRequest("products"))

    assert result.phase == "Succeeded"
    assert sorted(record["sku"] for record in shop.store.records.values()) == ["a", "b", "c"]
    assert len(shop.jobs) == 1
