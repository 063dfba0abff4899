"""dlt to a web API by a destination of our own; run by the Python that dlt is installed in: python dlt_send.py ORDER.

The function gets one item or a bulk of them, and sends it with the client that the order names; clients are shared by
dlt's threads. dlt knows no outcome for a record: an answer that is no success fails the whole file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.common.json import json as dlt_json

READ = 1000
CONNECTIONS = 50
Send = Callable[[str, str, bytes], int]


def with_httpx() -> Send:
    """httpx, one client for all threads."""
    import httpx

    client = httpx.Client(limits=httpx.Limits(max_connections=CONNECTIONS), timeout=60)
    headers = {"Content-Type": "application/json"}
    return lambda method, url, body: client.request(method, url, content=body, headers=headers).status_code


def with_pyreqwest() -> Send:
    """pyreqwest, the quickest client for threads that was found."""
    from pyreqwest.client import SyncClientBuilder

    client = SyncClientBuilder().max_connections(CONNECTIONS).build()

    def send(method: str, url: str, body: bytes) -> int:
        request = client.request(method, url).header("Content-Type", "application/json").body_bytes(body)
        return request.build().send().status

    return send


CLIENTS = {"httpx": with_httpx, "pyreqwest": with_pyreqwest}


def main() -> None:
    """Sends all lines of a file once."""
    order = json.loads(sys.argv[1])
    send = CLIENTS[order["client"]]()

    @dlt.resource(name="target")
    def lines() -> Iterator[list[Any]]:
        batch = []
        with open(order["path"], encoding="utf-8") as file:  # noqa: PTH123 - as users write it
            for line in file:
                batch.append(json.loads(line))
                if len(batch) == READ:
                    yield batch
                    batch = []
        yield batch

    @dlt.destination(
        name="shop",
        batch_size=order["bulk"] or 1,
        naming_convention="direct",
        loader_parallelism_strategy="parallel",
    )
    def shop(items: Any, _table: Any) -> None:
        one = items if order["bulk"] else items[0]
        method, path = ("POST", "/bulk") if order["bulk"] else ("PUT", f"/products/{one['sku']}")
        status = send(method, order["url"] + path, dlt_json.dumpb(one))
        if status != 200:
            raise RuntimeError(f"HTTP {status}")

    dlt.pipeline("bench", pipelines_dir=order["state"], destination=shop).run(lines())


if __name__ == "__main__":
    main()
