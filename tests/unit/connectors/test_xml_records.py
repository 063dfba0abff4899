"""XML as records: what is there comes whole, and what is meant to hurt ends the reading."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.xml_errors import XmlError
from ponte.connectors.xml_records import Limits, Shape, parse_records

PRODUCTS = Shape("/catalog/product")
SMALL = Limits(depth=8, record=1000, token=1000, names=20, total=300_000)


def records(document: str | bytes, shape: Shape = PRODUCTS, **options: Any) -> list[Any]:
    content = document.encode() if isinstance(document, str) else document
    return list(parse_records([content], shape, **options))


def refusal(document: str | bytes, shape: Shape = PRODUCTS, **options: Any) -> XmlError:
    with pytest.raises(XmlError) as caught:
        records(document, shape, **options)
    return caught.value


def in_catalog(inner: str) -> str:
    return f"<catalog>{inner}</catalog>"


def test_a_record_is_what_json_would_have() -> None:
    document = """<?xml version="1.0"?>
    <catalog date="2026-11-25"><note>not a record</note>
      <product id="7"><name>Chair &amp; table</name><price currency="EUR">12.50</price><empty/>
        <line><pos>1</pos></line><line><pos>2</pos></line></product>
      <product id="8"><name><![CDATA[<b> ]]></name></product>
    </catalog>"""

    assert records(document) == [
        {
            "@id": "7",
            "name": "Chair & table",
            "price": {"@currency": "EUR", "#text": "12.50"},
            "empty": None,
            "line": [{"pos": "1"}, {"pos": "2"}],
        },
        {"@id": "8", "name": "<b> "},
    ]


def test_text_beside_elements_and_in_the_record_itself_is_kept() -> None:
    assert records(in_catalog("<product>a<b>c</b>d</product><product>e</product><product/>")) == [
        {"b": "c", "#text": "ad"},
        {"#text": "e"},
        {},
    ]


def test_a_list_is_a_list_even_of_one() -> None:
    shape = Shape("/catalog/product", lists=frozenset({"lines/line"}))

    (record,) = records(in_catalog("<product><lines><line>1</line></lines><line>x</line></product>"), shape)

    assert record == {"lines": {"line": ["1"]}, "line": "x"}


def test_nil_is_no_value_and_types_of_the_schema_are_no_data() -> None:
    document = (
        '<catalog xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<product><a xsi:nil="true"/><b xsi:type="string">x</b></product></catalog>'
    )

    assert records(document) == [{"a": None, "b": "x"}]


def test_a_record_inside_a_record_is_a_part_of_it() -> None:
    assert records(in_catalog("<product><product>1</product></product>")) == [{"product": "1"}]


def test_records_are_found_only_at_their_path() -> None:
    document = in_catalog("<product>1</product><other><product>2</product></other><product>3</product>")

    assert [record["#text"] for record in records(document)] == ["1", "3"]


def test_without_declared_namespaces_they_do_not_matter() -> None:
    assert records('<c:catalog xmlns:c="urn:c" xmlns="urn:p"><product><n>1</n></product></c:catalog>') == [{"n": "1"}]


def test_with_declared_namespaces_names_are_exact() -> None:
    shape = Shape("/c:catalog/c:product", {"c": "urn:c"})
    document = (
        '<catalog xmlns="urn:c" xmlns:x="urn:x"><product x:k="1" k="2"><name>a</name><x:name>b</x:name></product>'
        '<product xmlns="urn:other"><name>no</name></product></catalog>'
    )

    assert records(document, shape) == [{"@{urn:x}k": "1", "@k": "2", "c:name": "a", "{urn:x}name": "b"}]


def test_one_name_of_two_namespaces_is_refused_until_they_are_declared() -> None:
    error = refusal('<catalog xmlns:x="urn:x" xmlns:y="urn:y"><product><x:n>1</x:n><y:n>2</y:n></product></catalog>')

    assert (error.reason, "urn:x and urn:y" in error.message) == ("AmbiguousName", True)


def test_a_path_that_is_not_there_is_not_an_empty_catalogue() -> None:
    assert records("<catalog/>") == []
    assert "/catalog; it has 'Catalog' there" in refusal("<Catalog/>").message.replace("element ", "")
    assert refusal("<catalog/>", Shape("/catalog/list/product")).reason == "RecordsNotFound"
    wrong = refusal('<catalog xmlns="urn:a"/>', Shape("/c:catalog/c:product", {"c": "urn:c"}))
    assert "{urn:a}catalog" in wrong.message


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE catalog><catalog/>",
        '<!DOCTYPE catalog SYSTEM "http://127.0.0.1:1/x.dtd"><catalog/>',
        '<!DOCTYPE c [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><catalog><product>&b;</product></catalog>',
        '<!DOCTYPE c [<!ENTITY a SYSTEM "file:///etc/passwd">]><catalog><product>&a;</product></catalog>',
        '<!DOCTYPE c [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><catalog/>',
        '<!DOCTYPE c [<!ATTLIST product a CDATA "given">]><catalog><product/></catalog>',
    ],
    ids=["bare", "external", "billion laughs", "file", "parameter entity", "attribute default"],
)
def test_a_doctype_ends_the_reading(document: str) -> None:
    assert refusal(document).reason == "DoctypeRefused"


def test_an_entity_of_html_is_named() -> None:
    error = refusal(in_catalog("<product>&nbsp;</product>"))

    assert (error.reason, "&nbsp;" in error.message) == ("InvalidXml", True)


def test_xinclude_is_an_element_like_any_other() -> None:
    (record,) = records(
        in_catalog(
            '<product><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/></product>'
        )
    )

    assert record == {"include": {"@href": "file:///etc/passwd"}}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (in_catalog("<a>" * 9), "TooDeep"),
        ("<a>" * 9, "TooDeep"),
        (in_catalog(f"<product>{'x' * 1001}</product>"), "XmlTooLarge"),
        (in_catalog("<product>" + "<n>1</n>" * 1001 + "</product>"), "XmlTooLarge"),
        (in_catalog(f"<product a='{'x' * 1001}'/>"), "XmlTooLarge"),
        (in_catalog(f"<!-- {'x' * 200_000} -->"), "XmlTooLarge"),
        (in_catalog("<product>" + "".join(f"<n{n}/>" for n in range(21)) + "</product>"), "TooManyNames"),
        (in_catalog("<product/>" * 30_001), "XmlTooLarge"),
    ],
    ids=["deep in", "deep at once", "long text", "many elements", "long attribute", "long comment", "names", "total"],
)
def test_what_asks_too_much_is_refused(document: str, reason: str) -> None:
    assert refusal(document, limits=SMALL).reason == reason


def test_what_came_before_the_fault_is_sound_and_the_rest_is_not_guessed() -> None:
    chunks = [b"<catalog><product>1</product>", b"<product>2</produkt><product>3</product></catalog>"]
    reading = parse_records(chunks, PRODUCTS)
    found = [next(reading)]

    with pytest.raises(XmlError) as caught:
        next(reading)

    assert (found, caught.value.reason) == ([{"#text": "1"}], "InvalidXml")
    assert "line 1, column 42" in caught.value.message


@pytest.mark.parametrize("cut", ["", "<", "<catalog>", "<catalog><product>1</product>", "<catalog><product><![CDATA[x"])
def test_a_document_that_ends_early_is_incomplete(cut: str) -> None:
    assert refusal(cut).reason == "IncompleteXml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252"])
def test_an_encoding_that_is_declared_rightly_is_read(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = "é" if encoding == "iso-8859-1" else "é €"

    found = records(
        f'<?xml version="1.0" encoding="{name}"?><catalog><product>{text}</product></catalog>'.encode(encoding)
    )

    assert found == [{"#text": text}]


@pytest.mark.parametrize(
    ("declared", "content", "part"),
    [
        ("utf-8", "é".encode("cp1252"), "windows-1252 it would be 'é'"),
        ("iso-8859-1", "€".encode("cp1252"), "windows-1252 it would be '€'"),
        ("iso-8859-1", b"x" * 70_000 + "€".encode("cp1252"), "windows-1252 it would be '€'"),
        ("utf-16", b"x", "utf-16"),
    ],
    ids=["utf-8 that is windows-1252", "latin-1 that is windows-1252", "far in", "utf-16 that is not"],
)
def test_an_encoding_that_is_declared_wrongly_is_said(declared: str, content: bytes, part: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?><catalog><product>'.encode()

    error = refusal(head + content + b"</product></catalog>")

    assert (error.reason, part in error.message) == ("WrongEncoding", True)


def test_a_byte_order_mark_that_contradicts_the_declaration_is_refused() -> None:
    document = '<?xml version="1.0" encoding="iso-8859-1"?><catalog><product>é</product></catalog>'

    assert refusal(document.encode("utf-8-sig")).reason == "WrongEncoding"


@pytest.mark.parametrize("encoding", ["utf-32", "klingon", "shift-jis", "hex", "utf-7", "cp037"])
def test_an_encoding_that_is_not_for_xml_is_said(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?><catalog/>'
    content = head.encode(encoding) if encoding in {"utf-32", "cp037"} else head.encode()

    assert refusal(content).reason == "UnknownEncoding"


def test_the_encoding_that_a_server_tells_holds() -> None:
    document = '<?xml version="1.0" encoding="utf-8"?><catalog><product>é</product></catalog>'.encode("cp1252")

    assert records(document, encoding="windows-1252") == [{"#text": "é"}]


def test_memory_does_not_grow_with_the_document() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"<catalog>"
        for _ in range(400):
            yield b"<product><name>abcdefgh</name></product>" * 100 + b"<other>text</other>" * 100
        yield b"</catalog>"

    tracemalloc.start()
    count = sum(1 for _ in parse_records(chunks(), PRODUCTS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 40_000
    assert peak < 2_000_000


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.dictionaries(NAMES, TEXTS)), st.integers(1, 50))
def test_any_text_comes_back_however_the_document_is_cut_into_pieces(rows: list[dict[str, str]], size: int) -> None:
    inner = ["".join(f"<{name}>{escape(text)}</{name}>" for name, text in row.items()) for row in rows]
    ids = [quoteattr(row.get("a", "")) for row in rows]
    written = "".join(f"<product id={id_}>{part}</product>" for id_, part in zip(ids, inner, strict=True))
    content = in_catalog(written).encode()
    pieces = [content[start : start + size] for start in range(0, len(content), size)]

    found = list(parse_records(pieces, PRODUCTS))

    assert found == [{"@id": row.get("a", ""), **{n: t or None for n, t in row.items()}} for row in rows]


@given(st.binary(max_size=200) | st.text(alphabet="<>/&;!?[]-'\"= ab\x00").map(str.encode))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    with suppress(XmlError):
        assert all(isinstance(record, dict) for record in records(b"<catalog>" + content))
