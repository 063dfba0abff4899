"""Documents keep their lines, and no text makes the reader grow, hang or fall."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ponte.manifests.nodes import Composer, MalformedYaml, find, plain


def read(text):
    composer = Composer(text)
    return [plain(document) for document in composer.documents()], composer.faults


def test_lines_are_those_of_the_values():
    (document,) = Composer("a: 1\nb:\n- x\n- {c: 2,\n   d: 3}\n").documents()
    assert find(document, ("a",))[0] == 1
    assert find(document, ("b", 1, "d"))[0] == 5
    assert find(document, ("b", 1, "missing", "deeper"))[0] == 4


def test_several_documents_are_read_and_empty_ones_left_out():
    documents, faults = read("---\na: 1\n---\n# nothing\n---\nb: 2\n...\n---\n")
    assert (documents, faults) == ([{"a": 1}, {"b": 2}], [])


def test_quotes_and_blocks_and_the_tag_of_text_keep_text():
    documents, _ = read("a: \"NO\"\nb: '0012'\nc: !!str 12\nd: |\n  NO\n")
    assert documents == [{"a": "NO", "b": "0012", "c": "12", "d": "NO\n"}]


def test_a_key_twice_is_a_fault_with_both_lines():
    documents, faults = read("a: 1\nb: 2\na: 3\n")
    assert documents == [{"a": 1, "b": 2}]
    assert faults == [(3, '"a" stands twice, first in line 1: remove one of them')]


@pytest.mark.parametrize("key", ["NO", "0012", "on", "12", "null", "1.5"])
def test_a_key_that_is_not_text_must_be_quoted(key):
    _, faults = read(f"{key}: 1\n")
    assert faults == [(1, f'the key {key} is not text: put it in quotes: "{key}"')]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!int", "!!binary", "!mine", "!!timestamp"])
def test_tags_are_refused_and_construct_nothing(tag):
    documents, faults = read(f"a: {tag} '5'\n")
    assert documents == [{"a": "5"}]
    assert [line for line, _ in faults] == [1]
    assert "is not allowed" in faults[0][1]


def test_a_tag_on_a_map_is_refused():
    _, faults = read("a: !!python/object:os.Path {b: 1}\n")
    assert "is not allowed" in faults[0][1]


def test_aliases_stand_for_what_they_name():
    documents, _ = read("a: &x {b: [1, 2]}\nc: *x\n")
    assert documents == [{"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}]


def test_merged_maps_give_what_the_map_itself_has_not():
    documents, faults = read("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: {<<: [{b: 9}, *x]}\n")
    assert (documents[0]["d"], documents[0]["e"]) == ({"c": 3, "b": 1}, {"b": 9, "c": 2})
    assert faults == []


def test_an_alias_is_forgotten_at_the_end_of_its_document():
    with pytest.raises(MalformedYaml, match="refers to itself or to nothing"):
        read("a: &x 1\n---\nb: *x\n")


def test_an_alias_within_itself_is_refused():
    with pytest.raises(MalformedYaml, match="refers to itself"):
        read("a: &x [*x]\n")


def test_a_billion_laughs_end_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 30)]
    with pytest.raises(MalformedYaml, match="aliases counted in full"):
        read("\n".join(lines))


def test_a_quadratic_blow_up_by_merging_ends_at_once():
    wide = ", ".join(f"k{number}: 1" for number in range(2000))
    with pytest.raises(MalformedYaml, match="aliases counted in full"):
        read(f"a: &a {{{wide}}}\nb: [{', '.join(['{<<: *a}'] * 400)}]\n")


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000])
def test_depth_is_bounded(text):
    with pytest.raises(MalformedYaml):
        read(text)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a:\n\tb: 1\n", 2, "Indent with blanks"),
        ("a: b: c\n", 1, "a second `: ` in one line"),
        ("a: [1, 2\nb: 3\n", 2, "is no YAML here"),
        ("a: 'never closed\n", 2, "is no YAML here"),
        ("a: \x00\n", 1, "is no readable YAML"),
        ("%YAML 9.9\n---\na: 1\n", 1, "is no YAML here"),
    ],
)
def test_broken_yaml_says_where_and_what(text, line, message):
    with pytest.raises(MalformedYaml) as caught:
        read(text)
    assert message in caught.value.message
    assert caught.value.line == line


def test_documents_before_a_broken_one_are_kept():
    documents = Composer("a: 1\n---\nb: [\n").documents()
    assert plain(next(documents)) == {"a": 1}
    with pytest.raises(MalformedYaml):
        next(documents)


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text):
    composer = Composer(text)
    try:
        for document in composer.documents():
            plain(document)
    except MalformedYaml as refused:
        assert refused.message  # noqa: PT017 - both outcomes are right


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, min_size=1, max_size=4))
def test_quoted_documents_are_read_as_they_were_written(value):
    text = yaml.safe_dump(value, default_style='"', allow_unicode=False)
    documents, faults = read(text)
    assert [fault for fault in faults if "is not allowed" not in fault[1]] == []
    assert documents == [as_text(value)]


def as_text(value):
    """What is left of a document once every scalar is quoted; nulls and numbers keep their tag, which is refused."""
    match value:
        case dict():
            return {key: as_text(inner) for key, inner in value.items()}
        case list():
            return [as_text(inner) for inner in value]
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case _:
            return str(value)
