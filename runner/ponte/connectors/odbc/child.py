"""The process in which an ODBC driver runs, so that one that crashes or hangs takes nothing else with it.

It is started by `process`, knows nothing of Ponte but `wire`, and ends when the other side of its socket is gone. What
takes long to import is imported while nobody asks for anything yet.
"""

from __future__ import annotations

import importlib
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ponte.connectors.odbc.drivers import PACKAGES, Driver, DriverError, open_driver
from ponte.connectors.odbc.wire import Message, receive, send

Answer = dict[str, Any]


def main(descriptor: int) -> None:
    """Serves sessions, one after the other, over an inherited socket."""
    line = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    _prepare(line)
    driver: Driver | None = None
    while True:
        try:
            asked = receive(line)
        except (EOFError, OSError):
            break
        try:
            if asked.head["call"] == "connect":
                driver, facts = open_driver(asked.head)
                send(line, Message(facts))
            elif asked.head["call"] == "disconnect":
                if driver is not None:
                    driver.close()
                driver = None
                send(line, Message({}))
            elif driver is not None:
                _serve(line, driver, asked)
        except DriverError as error:
            send(line, Message({"error": error.facts}))
    os._exit(0)  # drivers that crash while they are unloaded shall not matter


def _prepare(line: socket.socket) -> None:
    """Imports what is likely to be needed, until somebody asks; what cannot be imported is told where it is used."""
    for package in PACKAGES:
        if select.select([line], [], [], 0)[0]:
            return
        with suppress(ImportError, OSError):
            importlib.import_module(package)


def _serve(line: socket.socket, driver: Driver, message: Message) -> None:
    asked = message.head
    if asked["call"] == "rows":
        for batch in driver.rows(asked):
            send(line, Message({"more": True}, batch))
        send(line, Message({"more": False}))
        return
    calls: dict[str, Callable[[], Answer | None]] = {
        "execute": lambda: driver.execute(asked["statement"], asked["parameters"]),
        "fill": lambda: {"taken": driver.fill(asked, message.body)},
        "commit": driver.commit,
        "rollback": driver.rollback,
        "catalogue": lambda: driver.catalogue(asked),
    }
    send(line, Message(calls[asked["call"]]() or {}))


def _end_with_parent(descriptor: int) -> None:
    """A driver may hang inside a call for ever; then this thread alone notices that nobody waits any more."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    poll.poll()
    os._exit(0)
