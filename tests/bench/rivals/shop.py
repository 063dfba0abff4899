"""The bench's web server as its tests see it: started, asked, ended."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]


@dataclass(frozen=True)
class Shop:
    """A running server."""

    url: str

    def change(self) -> None:
        """Another price for one article in a hundred."""
        self._ask("POST", "/change")

    def clear(self, shelf: str) -> None:
        """Forgets what a tool has sent."""
        self._ask("POST", f"/shelf/{shelf}/clear")

    def watch(self, shelf: str) -> None:
        """Begins to count a tool's requests anew."""
        self._ask("POST", f"/shelf/{shelf}/watch")

    def account(self, shelf: str) -> dict[str, Any]:
        """Records on a shelf, fields that differ, requests and most of them at once."""
        return dict(self._ask("GET", f"/shelf/{shelf}"))

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def started(records: int) -> Iterator[Shop]:
    """A server with so many articles, ended afterwards."""
    command = [sys.executable, "-m", "bench.rivals.shop_server", str(records)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Shop(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.kill()
