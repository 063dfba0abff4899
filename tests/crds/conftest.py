"""A real API server for the CRDs: kube-apiserver and etcd on loopback, for one session of tests.

This tier runs by `make test-crds` only: building the two programs, once, takes minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

SCRIPT = Path(__file__).parent.parent / "cluster" / "apiserver.sh"
CACHE = {name: os.environ[name] for name in ("PONTE_CLUSTER_CACHE",) if name in os.environ}  # before it is cleaned
TOKEN = "tests-of-the-crds"
STARTED_WITHIN_S = 60


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves this tier out unless it is named."""
    return None if any("crds" in argument for argument in config.args) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test may have to build the programs."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(1800))


class ApiServer:
    """The little of a Kubernetes client that these tests need."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def path(self, thing: dict[str, Any]) -> str:
        """The address of an object."""
        if thing["kind"] == "CustomResourceDefinition":
            return f"/apis/{thing['apiVersion']}/customresourcedefinitions/{thing['metadata']['name']}"
        plural = thing["kind"].lower() + "s"
        return f"/apis/{thing['apiVersion']}/namespaces/default/{plural}/{thing['metadata']['name']}"

    def apply(self, thing: dict[str, Any]) -> httpx.Response:
        """Server-side apply, strict."""
        return self.client.patch(
            self.path(thing),
            params={"fieldManager": "tests", "fieldValidation": "Strict"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=json.dumps(thing),  # PyYAML would write "N" without quotes, and Kubernetes would read false
        )

    def create(self, thing: dict[str, Any]) -> httpx.Response:
        """A new object, as kubectl create makes it."""
        return self.client.post(self.path(thing).rpartition("/")[0], params={"fieldValidation": "Strict"}, json=thing)

    def delete(self, thing: dict[str, Any]) -> None:
        """Removes an object, if it is there."""
        self.client.delete(self.path(thing))


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with kube-apiserver and etcd; builds them where go is there."""
    environment = {**os.environ, **CACHE}
    answer = subprocess.run([SCRIPT, "bin"], check=True, capture_output=True, text=True, env=environment)
    folder = Path(answer.stdout.strip())
    if not all((folder / name).is_file() for name in ("kube-apiserver", "etcd")):
        if shutil.which("go") is None:
            pytest.skip("needs: kube-apiserver")
        subprocess.run([SCRIPT, "build"], check=True, env=environment)
    return folder


@contextmanager
def started(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and only this process."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def etcd_flags(folder: Path, ports: list[int]) -> list[str]:
    """An etcd of its own, on loopback."""
    client, peer = (f"http://127.0.0.1:{port}" for port in ports[:2])
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver_flags(folder: Path, ports: list[int], key: Path) -> list[str]:
    """An API server on loopback that makes its own certificate and knows one token."""
    return [
        f"--etcd-servers=http://127.0.0.1:{ports[0]}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports[2]}",
        f"--cert-dir={folder}/pki",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--endpoint-reconciler-type=none",
    ]


@pytest.fixture(scope="session")
def server(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that is ready and has nothing but its own objects."""
    folder = tmp_path_factory.mktemp("apiserver")
    ports = free_ports(3)
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f"{TOKEN},tests,tests,system:masters\n")
    with ExitStack() as stack:
        stack.enter_context(started([programs / "etcd", *etcd_flags(folder, ports)], folder / "etcd.log"))
        command: list[str | Path] = [programs / "kube-apiserver", *apiserver_flags(folder, ports, key)]
        process = stack.enter_context(started(command, folder / "kube-apiserver.log"))
        yield stack.enter_context(ready(process, folder, ports[2]))


@contextmanager
def ready(process: subprocess.Popen[bytes], folder: Path, port: int) -> Iterator[ApiServer]:
    """A client of the server, once it says that it is ready."""
    certificate, deadline = folder / "pki" / "apiserver.crt", time.monotonic() + STARTED_WITHIN_S
    while not certificate.is_file():
        wait_a_little(process, folder, deadline)
    trust = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port}", verify=trust, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    ) as client:
        while not is_ready(client):
            wait_a_little(process, folder, deadline)
        yield ApiServer(client)


def is_ready(client: httpx.Client) -> bool:
    """Whether the server answers and has its namespace."""
    try:
        return client.get("/readyz").is_success and client.get("/api/v1/namespaces/default").is_success
    except httpx.TransportError:
        return False


def wait_a_little(process: subprocess.Popen[bytes], folder: Path, deadline: float) -> None:
    """Between two looks; fails when the server is gone or takes too long."""
    if process.poll() is not None or time.monotonic() > deadline:
        pytest.fail("kube-apiserver did not start:\n" + (folder / "kube-apiserver.log").read_text()[-3000:])
    time.sleep(0.1)


@pytest.fixture(scope="session")
def definitions(repository: Path) -> list[dict[str, Any]]:
    """The CRDs as committed."""
    return [yaml.safe_load(path.read_text()) for path in sorted(repository.glob("crds/*.yaml"))]


@pytest.fixture(scope="session")
def cluster(server: ApiServer, definitions: list[dict[str, Any]]) -> ApiServer:
    """The API server with all CRDs established and served."""
    for definition in definitions:
        answer = server.apply(definition)
        assert answer.is_success, answer.text
    deadline = time.monotonic() + STARTED_WITHIN_S
    for definition in definitions:
        while not is_served(server, definition):
            assert time.monotonic() < deadline, server.client.get(server.path(definition)).text
            time.sleep(0.1)
    return server


def is_served(server: ApiServer, definition: dict[str, Any]) -> bool:
    """Whether objects of a CRD can be listed."""
    return server.client.get(f"/apis/ponte.dev/v1alpha1/{definition['spec']['names']['plural']}").is_success
