"""Bad input as it comes in files: what it is, and what must become of it.

The numbers are those of the list of bad inputs that Ponte was planned by: 1-4 text, 10 JSON, 11 numbers, 12 dates,
13 letters, 17 keys. Each case says what goes through, what is rejected and why, or why all is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CSV, JSON = "csv: {}", "jsonLines: {}"
IT = ', type: "decimal(12,2)", locale: it, format: trailingMinus'
EN = ', type: "decimal(12,2)", locale: en'
DAY = ", type: date, format: dd/MM/yyyy"
ROME = ", type: datetime, timeZone: Europe/Rome"


@dataclass(frozen=True)
class Case:
    """One bad file.

    Attributes:
        name: what is bad, after its number.
        data: the file.
        form: its format, as its object says.
        rule: what the Mapping's rule for `value` says further, and the type of its column.
        rows: what must be in the target afterwards.
        rejects: what must be rejected, by key, and why.
        code: exit code.
        told: words that must be in what is printed, for a file that is refused whole.
    """

    name: str
    data: bytes
    form: str = CSV
    rule: str = ""
    column: str = "TEXT"
    rows: dict[str, object] = field(default_factory=dict)
    rejects: dict[str, str] = field(default_factory=dict)
    code: int = 0
    told: tuple[str, ...] = ()


def csv(*lines: str, encoding: str = "utf-8") -> bytes:
    """Lines under a header."""
    return "".join(f"{line}\n" for line in ("sku,value", *lines)).encode(encoding)


def _numbers(name: str, rule: str, good: dict[str, float], bad: tuple[str, ...]) -> Case:
    lines = {f"g{n}": text for n, text in enumerate(good)} | {f"b{n}": text for n, text in enumerate(bad)}
    data = "sku;value\n" + "".join(f"{key};{text}\n" for key, text in lines.items())
    rows = {f"g{n}": value for n, value in enumerate(good.values())}
    rejects = {f"b{n}": "NotConvertible" for n in range(len(bad))}
    return Case(name, data.encode(), 'csv: {delimiter: ";"}', rule, "NUMERIC(12,2)", rows, rejects)


CASES = [
    Case("1 a mark of byte order is no content", b"\xef\xbb\xbf" + csv("1,a"), rows={"1": "a"}),
    Case("1 UTF-16 unasked", csv("1,a", encoding="utf-16"), code=78, told=("in.csv", "utf-16")),
    Case("1 UTF-16 as declared", csv("1,è", encoding="utf-16"), "csv: {encoding: utf-16}", rows={"1": "è"}),
    Case("1 CP1252 called UTF-8", csv("1,Caffè", encoding="cp1252"), code=78, told=("in.csv", "byte 16", "cp1252")),
    Case("1 CP1252 as declared", csv("1,Caffè €", encoding="cp1252"), "csv: {encoding: cp1252}", rows={"1": "Caffè €"}),
    Case("1 an encoding that nobody knows", csv("1,a"), "csv: {encoding: utf-99}", code=78, told=("utf-99",)),
    Case(
        "1 line ends of two kinds",
        b"sku,value\r\n1,a\n2,b\r\n",
        rows={"1": "a", "2": "b"},
    ),
    Case(
        "1 an old Mac's line end inside",
        b"sku,value\r\n1,a\r\n2,b\r3,c\r\n4,d\r\n",
        rows={"1": "a", "4": "d"},
        rejects={"line 3": "BrokenRecord"},
    ),
    Case("1 NUL", b"sku,value\n1,a\0b\n2,c\n", rows={"2": "c"}, rejects={"line 2": "BrokenRecord"}),
    Case("1 half a character", b"sku,value\n1,\xed\xa0\x80\n", code=78, told=("byte 12",)),
    Case("2 another delimiter", b"sku;value\n1;a\n", code=78, told=("sku;value", "delimiter")),
    Case("2 a tab as delimiter, unasked", b"sku\tvalue\n1\ta\n", code=78, told=("delimiter",)),
    Case(
        "2 a quote never closed",
        csv('1,"a', "2,b", "3,c"),
        rows={"2": "b", "3": "c"},
        rejects={"line 2": "BrokenRecord"},
    ),
    Case("2 a line end inside quotes", csv('1,"a\nb"', "2,c"), rows={"1": "a\nb", "2": "c"}),
    Case(
        "2 lines with more or fewer fields",
        csv("1,a,x", "2", "3,c"),
        rows={"3": "c"},
        rejects={"line 2": "BrokenRecord", "line 3": "BrokenRecord"},
    ),
    Case("2 a header that names one twice", b"sku,value,value\n1,a,b\n", code=78, told=("value", "more than once")),
    Case("2 a header alone", csv()),
    Case("2 nothing at all", b"", code=75, told=("in.csv", "empty")),
    Case("2 an empty line is none", csv("1,a", "", "2,b"), rows={"1": "a", "2": "b"}),
    Case(
        "4 what a spreadsheet would compute",
        csv("1,=1+1", "2,+39 050", "3,@a", "4,-5", '5,"\t=x"', "6,＝1"),
        rows={"1": "=1+1", "2": "+39 050", "3": "@a", "4": "-5", "5": "\t=x", "6": "＝1"},
    ),
    Case(
        "10 a field twice",
        b'{"sku": "1", "value": "a", "value": "b"}\n{"sku": "2", "value": "c"}\n',
        JSON,
        rows={"2": "c"},
        rejects={"1": "DuplicateField"},
    ),
    Case(
        "10 numbers that are none",
        b'{"sku": "1", "value": NaN}\n{"sku": "2", "value": -Infinity}\n',
        JSON,
        rejects={"1": "NotANumber", "2": "NotANumber"},
    ),
    Case(
        "10 numbers that no float holds",
        b'{"sku": 9007199254740993, "value": 12345678901234567.89}\n{"sku": 2, "value": 1e400}\n',
        JSON,
        rows={"9007199254740993": "12345678901234567.89", "2": "1E+400"},
    ),
    Case(
        "10 ten thousand deep",
        b'{"sku": "1", "value": ' + b"[" * 10_000 + b"]" * 10_000 + b'}\n{"sku": "2", "value": "x"}\n',
        JSON,
        rows={"2": "x"},
        rejects={"line 1": "TooDeep"},
    ),
    Case(
        "10 half a character",
        b'{"sku": "1", "value": "\\ud800"}\n{"sku": "2", "value": "c"}\n',
        JSON,
        rows={"2": "c"},
        rejects={"1": "InvalidText"},
    ),
    Case("10 a mark of byte order", b'\xef\xbb\xbf{"sku": "1", "value": "a"}\n', JSON, rows={"1": "a"}),
    Case(
        "10 lines that are no objects",
        b'5\n"a"\nnull\n[]\n{"sku": "1", "value": "a"}\n',
        JSON,
        rows={"1": "a"},
        rejects={f"line {n}": "NotAnObject" for n in range(1, 5)},
    ),
    Case(
        "10 one bad line, and one with something behind it",
        b'{"sku": "1", "value": "a"\n{"sku": "2", "value": "b"} x\n{"sku": "3", "value": "c"}\n',
        JSON,
        rows={"3": "c"},
        rejects={"line 1": "InvalidJson", "line 2": "InvalidJson"},
    ),
    _numbers(
        "11 Italian numbers",
        IT,
        {"1.234,56": 1234.56, "-0": 0, "100-": -100, "0,10": 0.1},
        ("1,234.56", "€ 5", "1\u00a0234,5", "1e5", "12,5O", "1.23,4", "--5", "٣", "１２", "Infinity", "0x10"),
    ),
    _numbers("11 English numbers", EN, {"1,234.56": 1234.56, "-7": -7}, ("1.234,56", "100-", "1_000", "1,23.4")),
    Case(
        "12 days that are none",
        csv("1,00/00/0000", "2,31/12/9999", "3,31/02/2026", "4,01/02/26", "5,14/09/1752"),
        rule=DAY,
        column="DATE",
        rows={"2": "9999-12-31", "5": "1752-09-14"},
        rejects={"1": "NotConvertible", "3": "NotConvertible", "4": "NotConvertible"},
    ),
    Case(
        "12 an hour that clocks skip, a leap second, a day without a time",
        csv("1,2026-03-29T02:30:00", "2,2016-12-31T23:59:60Z", "3,2026-01-01", "4,2026-07-01T12:00:00"),
        rule=ROME,
        column="TIMESTAMP",
        rows={"4": "2026-07-01 10:00:00+00:00"},
        rejects={"1": "NotConvertible", "2": "NotConvertible", "3": "NotConvertible"},
    ),
    Case(
        "13 letters that look alike stay apart",
        csv("\u00e9,1", "e\u0301,2", "İ,3", "i,4", "x\u200b,5", "x,6", "\u202ea,7"),
        rows={"\u00e9": "1", "e\u0301": "2", "İ": "3", "i": "4", "x\u200b": "5", "x": "6", "\u202ea": "7"},
    ),
    Case(
        "17 keys that are none",
        csv(",a", f"{'k' * 4000},b", '"a/b?c#d%",c', '" ",d'),
        rows={"a/b?c#d%": "c", " ": "d"},
        rejects={"record 1": "SourceKeyMissing", "record 2": "SourceKeyMissing"},
    ),
    Case(
        "17 a key twice",
        csv("1,a", "1,b", "2,c"),
        rows={"1": "a", "2": "c"},
        rejects={"duplicate of 1": "DuplicateKey"},
    ),
]
