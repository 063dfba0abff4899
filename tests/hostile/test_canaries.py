"""A canary in every credential: whatever a system answers, and whatever command fails, it never comes to light."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ponte.cli.main import run_program

CANARY = "c4n4ry-Zq7"
SECRET = "{secretRef: {name: login, key: word}}"
JOB = """
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  files: {path: {value: "%(folder)s"}}
  objects: [{name: articles, path: in.csv, key: [sku], csv: {}}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields: [{to: sku, from: sku, required: true}, {to: value, from: value}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: products}
  mapping: product
"""
HEAD = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
"""
WEB = """  rest: {baseUrl: {value: "%(url)s"}, allowedNetworks: [127.0.0.0/8], AUTH}
  objects:
  - name: products
    path: /products
    key: [sku]
    write: {upsert: "PUT /products/{sku}", get: "GET /products/{sku}"}
"""
TABLE = "  objects: [{name: products, table: products, key: [sku]}]\n"
LOGINS = {
    "basic": WEB.replace("AUTH", f"auth: {{basic: {{username: {{value: ponte}}, password: {SECRET}}}}}"),
    "bearer": WEB.replace("AUTH", f"auth: {{bearer: {SECRET}}}"),
    "key in a header": WEB.replace("AUTH", f"auth: {{apiKey: {{header: {{name: X-Key, secretRef: {SECRET}}}}}}}"),
    "key in the query": WEB.replace("AUTH", f"auth: {{apiKey: {{query: {{name: key, secretRef: {SECRET}}}}}}}"),
    "client secret": WEB.replace(
        "AUTH",
        'auth: {oauth2: {tokenUrl: {value: "%(url)s/token"}, clientId: {value: ponte}, '
        f"clientSecret: {SECRET}}}}}",
    ),
    "header": WEB.replace("AUTH", f"headers: [{{name: X-Auth-Token, value: {{valueFrom: {SECRET}}}}}]"),
    "proxy": WEB.replace(
        "AUTH", f'proxy: {{url: {{value: "%(url)s"}}, username: {{value: ponte}}, password: {SECRET}}}'
    ),
}
LOGIN = f"username: {{value: p}}, password: {SECRET}"
ODBC = "driver: PostgreSQL Unicode, options: [{name: Servername, value: 127.0.0.1}, {name: Port, value: '1'}]"
DATABASES = {
    "postgresql": f'  sql: {{url: {{value: "postgresql://127.0.0.1:1/x"}}, {LOGIN}}}\n{TABLE}',
    "mariadb": f'  sql: {{url: {{value: "mariadb://127.0.0.1:1/x"}}, {LOGIN}}}\n{TABLE}',
    "odbc": f"  odbc: {{{ODBC}, {LOGIN}}}\n{TABLE}",
}
COMMANDS = (
    ("validate",),
    ("doctor", "shop"),
    ("schema", "shop", "products"),
    ("plan", "products"),
    ("run", "products"),
    ("run", "products", "--debug"),
    ("run", "products", "-o", "json", "--log-format", "json"),
    ("verify", "products"),
    ("rejects", "list", "products"),
    ("runs", "products", "-o", "json"),
)


class _Echo(BaseHTTPRequestHandler):
    """Answers with all that it was told, as careless servers do."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = (
            f'{{"message": "{self.path} {self.rfile.read(length).decode()!a} {CANARY} {dict(self.headers)}"}}'.encode()
        )
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_CONNECT = _answer  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(params=[401, 422])
def echo(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a server that refuses everything and echoes what it was told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.status = request.param  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.usefixtures("awake")
def test_no_credential_of_a_web_system_comes_to_light(
    login: str, echo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PONTE_SECRET_LOGIN_WORD", CANARY)

    said = _all_said((HEAD + LOGINS[login] + JOB) % {"folder": tmp_path, "url": echo}, tmp_path, capsys)

    _assert_hidden(said, tmp_path)


@pytest.mark.parametrize("login", DATABASES)
@pytest.mark.usefixtures("awake")
def test_no_password_of_a_database_comes_to_light(
    login: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PONTE_SECRET_LOGIN_WORD", CANARY)

    said = _all_said((HEAD + DATABASES[login] + JOB) % {"folder": tmp_path}, tmp_path, capsys)

    _assert_hidden(said, tmp_path)


def _all_said(manifests: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What all commands print; the manifests themselves are sound."""
    (folder / "in.csv").write_text("sku,value\n1,a\n")
    (folder / "job.yaml").write_text(manifests)
    said = []
    for words in COMMANDS:
        code = run_program([*words, "-f", f"{folder}/job.yaml", "--ledger", f"sqlite:///{folder}/ledger.db"])
        shown = capsys.readouterr()
        said.append(shown.out + shown.err)
        assert words != ("validate",) or code == 0, said
    return "".join(said)


def _assert_hidden(said: str, folder: Path) -> None:
    kept = [file for file in folder.iterdir() if file.is_file()]
    assert "products" in said
    assert CANARY not in said
    assert "ledger.db" in {file.name for file in kept}
    assert not [file.name for file in kept if CANARY.encode() in file.read_bytes()]
