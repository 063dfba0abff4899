"""Messages between a session and the process in which its driver runs: JSON heads and Arrow bodies over a socket.

Both sides import it; it must stay free of everything heavy.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

_LENGTHS = struct.Struct("!IQ")
MOST_HEAD_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        head: what is asked or answered; what JSON can hold.
        body: an Arrow IPC stream, or nothing.
    """

    head: dict[str, Any]
    body: bytes | memoryview = b""


def send(line: socket.socket, message: Message) -> None:
    """Sends a message. Raises OSError where the other side is gone."""
    head = json.dumps(message.head, ensure_ascii=False).encode("utf-8", "surrogatepass")
    line.sendall(_LENGTHS.pack(len(head), len(message.body)) + head)
    if message.body:
        line.sendall(message.body)


def receive(line: socket.socket) -> Message:
    """The next message. Raises EOFError where the other side is gone, TimeoutError by the socket's own deadline."""
    head_length, body_length = _LENGTHS.unpack(_exactly(line, _LENGTHS.size))
    if head_length > MOST_HEAD_BYTES:
        raise EOFError("the message has no sound length")
    head = json.loads(bytes(_exactly(line, head_length)).decode("utf-8", "surrogatepass"))
    return Message(head, _exactly(line, body_length))


def _exactly(line: socket.socket, count: int) -> memoryview:
    buffer = memoryview(bytearray(count))
    filled = 0
    while filled < count:
        got = line.recv_into(buffer[filled:])
        if not got:
            raise EOFError("the other side is gone")
        filled += got
    return buffer
