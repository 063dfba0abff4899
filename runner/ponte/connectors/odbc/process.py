"""The process of a driver, seen from the session: calls with a deadline, and what its death means."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from ponte.connectors.odbc.wire import Message, receive, send
from ponte.errors import TransientError

CRASHED, HUNG = "DriverCrashed", "DriverHung"
STATEMENT_TIMEOUT_S = 100  # shorter than what the target says one delivery may take
DEADLINE_S = STATEMENT_TIMEOUT_S + 10.0
_GRACE_S = 5.0
_CODE = "import sys; from ponte.connectors.odbc.child import main; main(int(sys.argv[1]))"  # -m takes 10 ms more


class DriverProcess:
    """One child process, for one session at a time. Not for several threads at a time.

    It starts at once and imports what it will need while nobody asks for anything. One that is forgotten is ended.

    Args:
        label: the SyncSource, for messages.
        driver: what messages call the driver.
        deadline_s: how long one answer may take; then the process is ended.
    """

    def __init__(self, label: str, driver: str, deadline_s: float) -> None:
        self._label, self._driver, self._deadline_s = label, driver, deadline_s
        ours, theirs = socket.socketpair()
        ours.settimeout(deadline_s)
        self._line = ours
        with theirs:
            try:
                self._child = _started(theirs.fileno())
            except OSError as error:  # no memory, too many processes
                ours.close()
                raise TransientError(
                    f"{label}: no process could be started for the ODBC driver of {driver}: {error.strerror}. Next: "
                    "look at this machine's free memory and its limit of processes."
                ) from error
        self._end = weakref.finalize(self, _end, self._line, self._child)

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def call(self, head: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        """One question, one answer, which may be an error under `error`. Raises TransientError when the child died."""
        return self._exchange(Message(head, body)).head

    def stream(self, head: dict[str, Any]) -> Generator[memoryview, None, dict[str, Any]]:
        """One question, many bodies. A child that is not listened to to the end is ended.

        Yields:
            Arrow IPC streams. The last message may be an error; it is returned.
        """
        message, is_over = self._exchange(Message(head)), False
        try:
            while message.head.get("more"):
                yield memoryview(message.body)
                message = self._next()
            is_over = True
        finally:
            if not is_over:
                self.kill()
        return message.head

    def disconnect(self) -> bool:
        """Lets the driver end its connection; whether it did, so that the process may serve another session."""
        if not self._end.alive:
            return False
        self._line.settimeout(_GRACE_S)
        try:
            is_done = "error" not in self.call({"call": "disconnect"})
        except TransientError:
            return False
        self._line.settimeout(self._deadline_s)
        return is_done

    def close(self) -> None:
        """Lets the child end by itself; ends it when it does not."""
        with suppress(OSError):
            self._line.settimeout(_GRACE_S)
            self._line.shutdown(socket.SHUT_WR)
            self._line.recv(1)  # its end of the line closes with it: no need to look again and again
        self.kill()

    def kill(self) -> None:
        """Ends the child."""
        self._end()

    def _exchange(self, asked: Message) -> Message:
        try:
            send(self._line, asked)
        except OSError as error:
            raise self._died() from error
        return self._next()

    def _next(self) -> Message:
        try:
            return receive(self._line)
        except TimeoutError as error:
            self.kill()
            raise TransientError(
                f"{self._label}: the ODBC driver of {self._driver} did not answer within"
                f" {self._line_deadline} s and was ended. Next: look at the database's load and locks, then run it "
                "again.",
                reason=HUNG,
            ) from error
        except (EOFError, OSError) as error:
            raise self._died() from error

    @property
    def _line_deadline(self) -> str:
        return f"{self._line.gettimeout() or 0:.0f}"

    def _died(self) -> TransientError:
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE_S)
        self.kill()
        code = self._child.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return TransientError(
            f"{self._label}: the ODBC driver of {self._driver} crashed: its process ended {how}. The run is not harmed."
            " Next: if it happens again, install another version of the driver.",
            reason=CRASHED,
        )


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
        [sys.executable, "-c", _CODE, str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        process_group=0,  # Ctrl-C is for Ponte, which lets the driver finish what is under way
    )


def _end(line: socket.socket, child: subprocess.Popen[bytes]) -> None:
    line.close()
    if child.poll() is None:
        child.kill()
    child.wait()


def _environment() -> dict[str, str]:
    """Drivers look for their own variables; secrets of Ponte are none of them. Text is UTF-8 on the way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PONTE_")}
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONSAFEPATH": "1"}
