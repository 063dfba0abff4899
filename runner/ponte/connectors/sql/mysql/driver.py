"""PyMySQL, with values left as text, and with files that only we choose to send.

LOAD DATA LOCAL lets the server ask for any file of the client, and a hostile server may ask instead of answering any
statement. This connection has no file to give: it sends the text that was handed to `upload`, once, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.converters import encoders

from ponte.connectors.sql.mysql.address import Address

CONNECT_TIMEOUT_S = 10
_PIECE = 1 << 18
_NULL, _WIDTHS = 251, {252: 2, 253: 3, 254: 8}  # length-encoded integers of the protocol


class _Result(MySQLResult):  # type: ignore[misc]  # the driver has no types
    """An answer of the server; where it asks for a file, it gets what is to be uploaded."""

    def _read_row_from_packet(self, packet: Any) -> tuple[Any, ...]:
        """A row of texts, of bytes where the column is binary: as the driver does it, in less time."""
        data = packet.get_all_data()
        text = data.decode("latin-1")  # a character for each byte: what is ASCII needs no other decoding
        row: list[Any] = []
        at = 0
        for encoding, _ in self.converters:
            size, start = data[at], at + 1
            if size == _NULL:
                row.append(None)
                at = start
                continue
            if size > _NULL:
                start += _WIDTHS[size]
                size = int.from_bytes(data[at + 1 : start], "little")
            at = start + size
            if encoding is None:
                row.append(data[start:at])
                continue
            value = text[start:at]
            row.append(value if value.isascii() else data[start:at].decode(encoding))
        return tuple(row)

    def _read_load_local_packet(self, first_packet: Any) -> None:  # noqa: ARG002 - the name that it asks for
        connection = self.connection
        text, connection.text = connection.text, b""
        size = min(_PIECE, connection.packet)
        for start in range(0, len(text), size):
            connection.write_packet(text[start : start + size])
        connection.write_packet(b"")
        self._read_ok_packet(connection._read_packet())  # noqa: SLF001 - of the class that this one stands in for


class Driver(Connection):  # type: ignore[misc]  # the driver has no types
    """One connection to a server.

    Attributes:
        packet: most bytes of an upload that the server takes at once.
    """

    def __init__(self, address: Address) -> None:
        self.text = b""
        self.packet = _PIECE
        super().__init__(
            host=address.host,
            port=address.port,
            unix_socket=address.socket,
            user=address.user,
            password=address.password.encode(),
            database=address.database,
            charset="utf8mb4",
            conv=encoders,  # and no decoders: values stay text
            connect_timeout=CONNECT_TIMEOUT_S,
            local_infile=True,
            autocommit=True,
            **_encryption(address),
        )

    def _read_query_result(self, unbuffered: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature of the driver
        self._result: Any = None
        result = _Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows

    def upload(self, statement: str, text: bytes) -> int:
        """Runs LOAD DATA LOCAL with a text instead of a file. Returns the number of the server's warnings."""
        self.text = text
        try:
            self.query(statement)
        finally:
            self.text = b""
        return int(self._result.warning_count)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a small query."""
        self.query(statement)
        return list(self._result.rows or ())

    def fields(self, statement: str) -> tuple[Any, ...]:
        """The driver's descriptions of the columns of a query."""
        self.query(statement)
        return tuple(self._result.fields)

    def rows(self, statement: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of a query, so many at a time, as the server sends them. Left early, the connection is dropped."""
        self.query(statement, unbuffered=True)
        read = self._result._read_rowdata_packet_unbuffered  # noqa: SLF001 - a cursor would do no more, but slower
        try:
            while rows := list(islice(iter(read, None), size)):
                yield rows
        except GeneratorExit:
            self.drop()
            raise

    def drop(self) -> None:
        """Ends the connection without reading what is still to come."""
        result, self._result = self._result, None
        if result is not None:
            result.unbuffered_active = False
        with suppress(OSError, pymysql.err.Error):
            self._force_close()


def _encryption(address: Address) -> dict[str, Any]:
    """What the driver is told about TLS. Without a word it takes what the server offers."""
    if address.mode == "DISABLED" or address.socket is not None:
        return {"ssl_disabled": True}
    if address.must_verify:
        verified = {"ssl_verify_cert": True, "ssl_verify_identity": address.mode == "VERIFY_IDENTITY"}
        return {**dict(address.files), **verified}
    if address.must_encrypt:
        files = {name.removeprefix("ssl_"): path for name, path in address.files}
        return {"ssl": {**files, "check_hostname": False, "verify_mode": False}}
    return {}
