"""dlt into PostgreSQL; run by the Python that dlt is installed in: python dlt_load.py ORDER, ORDER being JSON.

Every load upserts by key. `format` is the loader's file format: none is dlt's default (INSERT statements), csv goes by
COPY, parquet by ADBC.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt

Order = dict[str, Any]
UPSERT = {"disposition": "merge", "strategy": "upsert"}


def rest(order: Order) -> Any:
    """Pages of 1,000 from a web API, by dlt's own rest_api source."""
    from dlt.sources.rest_api import rest_api_source

    client = {"base_url": order["url"], "paginator": {"type": "page_number", "base_page": 1, "total_path": "pages"}}
    endpoint = {"path": "products", "params": {"size": 1000}, "data_selector": "items"}
    listed = {"name": "target", "endpoint": endpoint, "primary_key": order["key"], "write_disposition": UPSERT}
    return rest_api_source({"client": client, "resources": [listed]})


def table(order: Order) -> Any:
    """A table by connectorx, as a stream of Arrow batches; by a cursor where one is named."""
    from dlt.sources.sql_database import sql_table

    cursor = order.get("cursor")
    read = sql_table(
        order["engine_url"],
        table=order["table"],
        backend="connectorx",
        chunk_size=50_000,
        backend_kwargs={"conn": order["stream_url"], "return_type": "arrow_stream"},
        incremental=dlt.sources.incremental(cursor) if cursor else None,
    )
    read.apply_hints(table_name="target", primary_key=order["key"], write_disposition=UPSERT)
    return read


def csv_text(order: Order) -> Any:
    """A text file by dlt's own reader."""
    from dlt.sources.filesystem import filesystem, read_csv

    path = Path(order["path"])
    return (filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name) | read_csv()).with_name("target")


def csv_arrow(order: Order) -> Any:
    """A text file by pyarrow, as one Arrow table: a line of own code that spares dlt the single values."""
    from pyarrow import csv

    return dlt.resource([csv.read_csv(order["path"])], name="target")


def workbook(order: Order) -> Any:
    """A sheet by pandas, which reads it through openpyxl."""
    import pandas as pd

    return dlt.resource([pd.read_excel(order["path"])], name="target")


SOURCES: dict[str, Callable[[Order], Any]] = {
    "rest": rest,
    "table": table,
    "csv_text": csv_text,
    "csv_arrow": csv_arrow,
    "workbook": workbook,
}


def main() -> None:
    """Loads once."""
    order = json.loads(sys.argv[1])
    read = SOURCES[order["source"]](order)
    if order["source"] not in {"rest", "table"}:
        read.apply_hints(primary_key=order["key"], write_disposition=UPSERT)
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=order["state"],
        destination=dlt.destinations.postgres(order["target_url"]),
        dataset_name="public",
    )
    pipeline.run(read, loader_file_format=order["format"])


if __name__ == "__main__":
    main()
