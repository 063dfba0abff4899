"""Cells of an .xlsx sheet, out of pieces of its XML, column-wise: each cell its row, its column, its text or its flaw.

The pieces are whole rows, without comments, CDATA and prefixes (see `excel_parts`), so that a few regular expressions,
run by Polars over all cells at once, read them exactly. What is rare (text in several fonts, entities, cells without
an address) is done cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from ponte.connectors.files.excel_numbers import NoValueError, number_text
from ponte.connectors.files.excel_parts import decode_text
from ponte.connectors.files.excel_styles import NUMBER, Style

CELL_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),  # as the program shows it, from 1
        "column": pl.String(),  # as the program shows it: A, B ...
        "text": pl.String(),  # null: the cell is empty, or has a flaw
        "reason": pl.String(),  # of the flaw
        "message": pl.String(),
    }
)
_ODD_TAG = re.compile(r"<(c|row)(?=[\t\r\n>]|/>)")
_ROW_OR_CELL = re.compile(r"<(row|c) ([^>]*)>")
_ADDRESS = re.compile(r"""(?:^|\s)r=["']([A-Z]*)([0-9]+)["']""")
_PLACE = r"""(?:^|\s)r=["'](?<column>[A-Z]{1,3})(?<row>[0-9]{1,7})["']"""
_TEXTS = re.compile(r"<t(?:\s[^>]*)?>([^<]*)</t>")
_PHONETIC = re.compile(r"<rPh\b.*?</rPh>", re.DOTALL)
_VALUE = r"<v(?:\s[^>]*)?>([^<]*)</v>"
_ONE_TEXT = r"<t(?:\s[^>]*)?>([^<]*)</t>"
_INTEGER = r"^(?:0|-?[1-9][0-9]*)$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]$"
_EXACT = 16  # characters of a decimal number with at most 15 digits: a float holds it, and gives it back
_NULL = pl.lit(None, pl.String)
_SAID = {"text": pl.String, "reason": pl.String, "message": pl.String}


def attribute(name: str, value: str) -> str:
    """A pattern for an attribute of an element, whose value is its group."""
    return rf"""(?:^|\s){name}=["']({value})["']"""


@dataclass(slots=True)
class CellReader:
    """Reads the cells of one sheet, piece by piece.

    Attributes:
        strings: the workbook's shared strings.
        styles: the workbook's cell formats.
        is_1904: it counts days from 1904.
    """

    strings: pl.Series
    styles: Sequence[Style]
    is_1904: bool
    _row: int = 0
    _column: int = 0

    def read(self, piece: str) -> pl.DataFrame:
        """The cells of whole rows that hold something, by CELL_SCHEMA."""
        if _ODD_TAG.search(piece):
            piece = _ODD_TAG.sub(r"<\1 ", piece)
        cells = self._split(piece)
        if cells.get_column("row").has_nulls():
            cells = self._split(_ROW_OR_CELL.sub(self._address, piece))
        if not cells.height:
            return CELL_SCHEMA.to_frame()
        self._row = cells["row"][-1]
        return self._texts(cells.filter(pl.col("rest").str.contains(r"<(?:v|is|f)[\s>/]")))

    def _split(self, piece: str) -> pl.DataFrame:
        cells = pl.Series("cell", [piece], dtype=pl.String).str.split("<c ").explode().slice(1)
        address = pl.col("attributes").str.extract_groups(_PLACE)
        halves = pl.col("cell").str.splitn(">", 2).struct.rename_fields(["attributes", "rest"])
        return (
            cells.to_frame()
            .lazy()
            .select(halves.struct.unnest())
            .with_columns(pl.col("rest").fill_null(""))
            .select(
                row=address.struct.field("row").cast(pl.UInt32),
                column=address.struct.field("column"),
                style=pl.col("attributes").str.extract(attribute("s", "[0-9]{1,6}")).cast(pl.UInt32),
                type=pl.col("attributes").str.extract(attribute("t", "[a-zA-Z]{1,9}")).fill_null("n"),
                value=pl.col("rest").str.extract(_VALUE),
                rest=pl.col("rest"),
            )
            .collect()
        )

    def _address(self, match: re.Match[str]) -> str:
        """A row or cell with the address that it has by its place (ECMA-376, 18.3.1.4: it may be left out)."""
        found = _ADDRESS.search(match[2])
        if match[1] == "row":
            self._row, self._column = int(found[2]) if found else self._row + 1, 0
            return match[0]
        if found:
            self._column = column_number(found[1])
            return match[0]
        self._column += 1
        return f'<c r="{column_letters(self._column)}{self._row}" {match[2]}>'

    def _texts(self, cells: pl.DataFrame) -> pl.DataFrame:
        readers: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
            "s": self._shared,
            "n": self._numbers,
            "str": _formula_texts,
            "inlineStr": _inline,
            "b": _booleans,
            "e": _errors,
            "d": _dates,
        }
        parts = [
            readers.get(str(kind), _unknown)(part).select(CELL_SCHEMA.names())
            for (kind,), part in cells.partition_by("type", as_dict=True).items()
        ]
        return pl.concat([CELL_SCHEMA.to_frame(), *parts])

    def _shared(self, cells: pl.DataFrame) -> pl.DataFrame:
        index = cells.get_column("value").cast(pl.UInt32, strict=False)
        known = index.set(index >= self.strings.len(), None)
        texts = self.strings.gather(known)
        is_lost = known.is_null()
        return _flawed(cells.with_columns(text=texts), is_lost, "BrokenRecord", "its text is not in the workbook")

    def _numbers(self, cells: pl.DataFrame) -> pl.DataFrame:
        cells = cells.with_columns(value=pl.col("value").str.strip_chars().replace("", None))
        waiting = cells.filter(pl.col("value").is_null() & pl.col("rest").str.contains(r"<f[\s>/]"))
        flawed = waiting.with_columns(
            text=_NULL,
            reason=pl.lit("FormulaNotCalculated"),
            message=pl.lit("a formula whose result was not saved"),
        )
        calculated = self._calculated(cells.filter(pl.col("value").is_not_null()))
        return pl.concat([part.select(CELL_SCHEMA.names()) for part in (flawed, calculated)])

    def _calculated(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Numbers as text: what is plain already stays, each other pair of number and format is worked out once."""
        delicate = [index for index, style in enumerate(self.styles) if style != NUMBER]
        value, style = pl.col("value"), pl.col("style")
        is_exact = value.str.contains(_INTEGER) | (value.str.contains(_DECIMAL) & (value.str.len_bytes() <= _EXACT))
        is_plain = cells.select(is_exact & ~style.is_in(delicate).fill_null(value=False)).to_series()
        rest = cells.filter(~is_plain)
        pairs = rest.select("value", "style").unique()
        said = pl.DataFrame([self._number(*pair) for pair in pairs.iter_rows()], _SAID, orient="row")
        rest = rest.join(pairs.hstack(said), on=["value", "style"], how="left", nulls_equal=True)
        plain = cells.filter(is_plain).with_columns(text="value", reason=_NULL, message=_NULL)
        return pl.concat([part.select(CELL_SCHEMA.names()) for part in (plain, rest)])

    def _number(self, value: str, style: int | None) -> tuple[str | None, str | None, str | None]:
        seen = self.styles[style] if style is not None and style < len(self.styles) else NUMBER
        try:
            return number_text(value, seen, is_1904=self.is_1904), None, None
        except NoValueError as error:
            return None, error.reason, error.message


def read_strings(pieces: Iterable[str]) -> pl.Series:
    """The shared strings, out of pieces of their part that are whole `si` elements."""
    found = [
        _element_texts(pl.Series([piece.replace("<si/>", "<si></si>")]).str.split("<si>").explode().slice(1))
        for piece in pieces
    ]
    return pl.concat([pl.Series([], dtype=pl.String), *found])


def column_number(letters: str) -> int:
    """The number of a column, from 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """The letters of a column, by its number from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _element_texts(elements: pl.Series) -> pl.Series:
    """Text of elements that hold `t`: one, or several where its fonts change; phonetic hints are none of it."""
    texts = elements.str.extract(_ONE_TEXT).fill_null("")
    is_several = (elements.str.count_matches("</t>", literal=True) > 1) | elements.str.contains("<rPh", literal=True)
    if is_several.any():
        places = is_several.arg_true()
        joined = ["".join(_TEXTS.findall(_PHONETIC.sub("", element))) for element in elements.gather(places)]
        texts = texts.scatter(places, joined)
    return _decoded(texts)


def _decoded(texts: pl.Series) -> pl.Series:
    is_coded = texts.str.contains(r"&|_x|\r\n")
    if not is_coded.any():
        return texts
    places = is_coded.arg_true()
    return texts.scatter(places, [decode_text(text) for text in texts.gather(places)])


def _formula_texts(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(text=_decoded(cells["value"].fill_null("")), reason=_NULL, message=_NULL)


def _inline(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(text=_element_texts(cells["rest"]), reason=_NULL, message=_NULL)


def _booleans(cells: pl.DataFrame) -> pl.DataFrame:
    said = cells["value"].str.strip_chars().replace_strict({"1": "true", "0": "false"}, default=None)
    cells = cells.with_columns(text=said.cast(pl.String))
    return _flawed(cells, cells["text"].is_null(), "BrokenRecord", "neither true nor false")


def _dates(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(text="value", reason=_NULL, message=_NULL)


def _errors(cells: pl.DataFrame) -> pl.DataFrame:
    shown = cells["value"].fill_null("").str.extract(r"^(#[A-Z0-9/!?_]{1,20})$").fill_null("an error")
    return cells.with_columns(text=_NULL, reason=pl.lit("CellError"), message=shown)


def _unknown(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(
        text=_NULL, reason=pl.lit("BrokenRecord"), message=pl.lit("a kind of cell that is unknown")
    )


def _flawed(cells: pl.DataFrame, is_flawed: pl.Series, reason: str, message: str) -> pl.DataFrame:
    flaw = pl.when(is_flawed)
    return cells.with_columns(
        text=pl.when(~is_flawed).then("text"), reason=flaw.then(pl.lit(reason)), message=flaw.then(pl.lit(message))
    )
