"""Ctrl-C and SIGTERM while a run is delivering: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("aiohttp")

RECORDS = 400
HELD_AFTER = 40
MANIFESTS = """\
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: exports}}
spec:
  files: {{path: {{value: "{folder}"}}}}
  objects:
  - {{name: articles, path: articles.csv, key: [code], csv: {{}}}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: shop}}
spec:
  rest: {{baseUrl: {{value: "{url}"}}, allowedNetworks: [127.0.0.0/8]}}
  objects:
  - name: products
    path: /products
    key: [sku]
    write: {{upsert: "PUT /products/{{sku}}", get: "GET /products/{{sku}}"}}
  limits: {{connections: 4}}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: product}}
spec:
  key: [sku]
  fields: [{{to: sku, from: code, required: true}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: products}}
spec:
  source: {{name: exports, object: articles}}
  target: {{name: shop, object: products}}
  mapping: product
"""


IN_THE_MIDDLE_OF_THE_IMPORTS = """
import os, signal, sys
from ponte.cli.entry import main

class Stops:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Stops())
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stop_while_the_program_still_starts_exits_76_and_says_so(name: str) -> None:
    begun = [sys.executable, "-c", IN_THE_MIDDLE_OF_THE_IMPORTS.format(signal=name), "--version"]

    done = subprocess.run(begun, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (76, "")
    assert done.stderr == "Stopped by a signal before anything began. Next: run it again.\n"


class HeldShop:
    """A shop that answers some requests and then holds its answers back until it is told to go on."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.is_away = False
        self.is_holding = threading.Event()
        self.may_go_on = threading.Event()
        self._lock = threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body of an answer in one packet

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if shop.is_away:
                    self.send_response(503)
                    self.send_header("Retry-After", "30")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    shop.is_holding.set()
                    return
                shop.take(self.path.rpartition("/")[2])
                body = json.dumps({"ok": True}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, sku: str) -> None:
        with self._lock:
            self.effects[sku] += 1
            is_held = self.effects.total() > HELD_AFTER
        if is_held:
            self.is_holding.set()
            self.may_go_on.wait(30)


@pytest.fixture
def shop() -> Iterator[HeldShop]:
    shop = HeldShop()
    thread = threading.Thread(target=shop.server.serve_forever)
    thread.start()
    yield shop
    shop.may_go_on.set()
    shop.server.shutdown()
    shop.server.server_close()
    thread.join()


@pytest.fixture
def integration(tmp_path: Path, shop: HeldShop) -> Path:
    folder = tmp_path / "integration"
    folder.mkdir()
    codes = "\n".join(f"{number:05d}" for number in range(RECORDS))
    (folder / "articles.csv").write_text(f"code\n{codes}\n")
    (folder / "all.yaml").write_text(MANIFESTS.format(folder=folder, url=shop.url))
    return tmp_path


Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start(integration: Path, program: list[str]) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [*program, "run", "products", "-o", "json"],
                cwd=integration,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_stopped_run_keeps_what_was_acknowledged_and_goes_on(
    number: signal.Signals, start: Start, shop: HeldShop
) -> None:
    run = start()
    assert shop.is_holding.wait(30)

    run.send_signal(number)
    assert run.stderr is not None
    assert run.stderr.readline().startswith("Stopping")
    shop.may_go_on.set()
    out, _ = run.communicate(timeout=30)

    assert run.returncode == 76
    delivered = sum(shop.effects.values())
    assert json.loads(out)["account"]["created"] == delivered < RECORDS

    out, err = start().communicate(timeout=30)
    account = json.loads(out)["account"]
    assert (account["unchanged"], account["created"]) == (delivered, RECORDS - delivered), err
    assert set(shop.effects.values()) == {1}
    assert len(shop.effects) == RECORDS


def test_a_second_signal_ends_at_once_and_the_next_run_settles_the_rest(start: Start, shop: HeldShop) -> None:
    run = start()
    assert shop.is_holding.wait(30)

    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    run.stderr.readline()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=10)
    assert run.returncode == 76

    shop.may_go_on.set()
    out, err = start().communicate(timeout=30)
    result = json.loads(out)
    assert result["phase"] == "Succeeded", err
    assert len(shop.effects) == RECORDS


def test_a_run_that_was_told_to_wait_half_a_minute_stops_at_once(start: Start, shop: HeldShop) -> None:
    shop.is_away = True
    run = start()
    assert shop.is_holding.wait(30)

    run.send_signal(signal.SIGTERM)
    asked_at = time.monotonic()
    out, err = run.communicate(timeout=30)

    assert (run.returncode, time.monotonic() - asked_at < 5) == (76, True), err
    assert json.loads(out)["rejects"]["open"] == 1  # a 503 does not say whether the record was taken
    shop.is_away = False
    shop.may_go_on.set()
    out, err = start().communicate(timeout=30)
    account = json.loads(out)["account"]
    assert (account["created"], account["updated"]) == (RECORDS - 1, 1), err
    assert set(shop.effects.values()) == {1}
