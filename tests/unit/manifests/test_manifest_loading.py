"""Loading: what is read, what is replaced, and a fault with file and line for everything that is wrong."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.errors import ConfigurationError, UsageError
from ponte.manifests import load

HEAD = "apiVersion: ponte.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def manifest(kind, name, spec):
    return HEAD.format(kind=kind, name=name) + "".join(f"  {line}\n" for line in spec.splitlines())


def lines(manifests):
    return [str(fault) for fault in manifests.faults]


def test_all_kinds_are_read_by_name(loaded, good):
    run = manifest("SyncRun", "now", "job: products")
    channel = manifest("NotificationChannel", "sales", "events: [Failed]")
    manifests = loaded(a=good, b=f"{run}---\n{channel}")
    assert (lines(manifests), manifests.warnings) == ([], ())
    assert (set(manifests.sources), set(manifests.mappings), set(manifests.jobs)) == (
        {"erp", "shop"},
        {"product"},
        {"products"},
    )
    assert (set(manifests.runs), set(manifests.channels), manifests.files) == ({"now"}, {"sales"}, 2)
    assert manifests.job("products").spec.triggers[0].time_zone == "Europe/Rome"


def test_a_fault_is_one_line_that_begins_with_its_place(loaded, good):
    manifests = loaded(products=good.replace("object: products, ", "object: product, "))
    (line,) = lines(manifests)
    assert line == (
        'integration/products.yaml:35  SyncJob products: target.object: "product" is not in SyncSource shop '
        "(has: orders, products)"
    )


@pytest.mark.parametrize(
    ("kind", "spec", "line", "path", "message"),
    [
        # 29: unknown fields, nulls, wrong shapes, bounds, duplicate list keys
        ("SyncRun", "job: a\nbatchsize: 3", 6, "batchsize", "is not a known field. There is: action, from, job"),
        ("SyncRun", "job: a\nkey: [x]", 6, "key", 'is not a known field. Did you mean "keys"?'),
        ("Mapping", "key: [a]\nfields:\n- {to: a, form: A}", 7, "fields[0].form", 'Did you mean "from"?'),
        ("Mapping", "key: [a]\nfields:\n- {to: a, from: A, otherwise: {rejct: {}}}", 7, "fields[0].otherwise.rejct",
         'mean "reject"?'),
        ("SyncRun", "action: sync", 4, "job", "is missing: The SyncJob."),
        ("SyncSource", "sql: {}\nobjects: [{name: a, table: A, key: [K]}]", 5, "sql.url",
         "; to read only, also DIALECT://HOST:PORT/DATABASE of another"),  # the description's line break is a blank
        ("SyncRun", "job:", 5, "job", "is empty: give it a value or remove the line"),
        ("SyncRun", "job: null", 5, "job", "is empty"),
        ("SyncRun", "job: [a]", 5, "job", "a list stands here and text is wanted"),
        ("SyncRun", "job: {a: b}", 5, "job", "a map stands here and text is wanted"),
        ("SyncRun", "job: a\nkeys: b", 6, "keys", '"b" is text and a list is wanted'),
        ("Mapping", "key: [a]\nfields: {to: a}", 6, "fields", "a map stands here and a list is wanted"),
        ("Mapping", "key: [a]\nfields: [x]", 6, "fields[0]", "and a map of fields is wanted"),
        ("Mapping", "key: []\nfields: [{to: a, from: A}]", 5, "key", "has fewer than 1 items"),
        ("Mapping", "key: [a]\nfields:\n- {to: a, from: A}\n- {to: a, from: B}", 8, "fields[1].to", '"a" stands twice'),
        ("SyncRun", f"job: {'a' * 41}", 5, "job", "is longer than 40 characters"),
        ("SyncRun", "job: Products", 5, "job", "lower-case letters, digits and -"),
        ("SyncRun", "job: a\naction: snyc", 6, "action",
         '"snyc" is not one of sync, verify, repair, plan. Did you mean "sync"?'),
        # values that YAML takes for something else
        ("SyncRun", "job: NO", 5, "job", 'NO means false in YAML and text is wanted: put it in quotes: "NO"'),
        ("SyncRun", "job: a\nkeys: [0012]", 6, "keys[0]",
         '0012 is a number in YAML and text is wanted: put it in quotes: "0012"'),
        ("SyncRun", "job: a\nkeys: [12.50]", 6, "keys[0]", "12.50 is a number in YAML and text is wanted"),
        ("Mapping", 'key: [a]\nfields:\n- {to: a, from: A, required: "true"}', 7, "fields[0].required",
         "remove the quotes"),
        # 30: quantities and durations
        ("SyncJob", "JOB\nbatchSize: 0", 8, "batchSize", "is less than 1"),
        ("SyncJob", "JOB\nbatchSize: 1000000000000000000", 8, "batchSize", "is greater than 200000"),
        ("SyncJob", 'JOB\nbatchSize: "25000"', 8, "batchSize", "and a whole number is wanted: remove the quotes"),
        ("SyncJob", "JOB\nbatchSize: 1.5", 8, "batchSize", "a whole number is wanted"),
        ("SyncJob", "JOB\nbatchSize: yes", 8, "batchSize", "yes means true in YAML and a whole number is wanted"),
        ("SyncJob", "JOB\npatience: -1s", 8, "patience", '"-1s" is not a duration in ms, s, m, h or d'),
        ("SyncJob", "JOB\npatience: 1h30", 8, "patience", "is not a duration"),
        ("SyncJob", "JOB\npatience: 30", 8, "patience",
         'is a number in YAML and text is wanted: put it in quotes: "30"'),
        ("SyncJob", "JOB\nrejects: {maxPercent: '101'}", 8, "rejects.maxPercent", "is not a percentage from 0 to 100"),
        ("SyncJob", "JOB\nrejects: {maxPercent: 5}", 8, "rejects.maxPercent", 'put it in quotes: "5"'),
    ],
)  # fmt: skip
def test_a_bad_value_is_a_fault_that_names_the_fix(loaded, kind, spec, line, path, message):
    job = "source: {name: erp, object: articles}\ntarget: {name: shop, object: products}\nmapping: product"
    manifests = loaded(bad=manifest(kind, "bad", spec.replace("JOB", job)))
    (fault,) = (fault for fault in manifests.faults if not fault.message.startswith("there is no "))  # it stands alone
    assert (fault.line, fault.object, fault.path) == (line, f"{kind} bad", path)
    assert message in fault.message


@pytest.mark.parametrize(
    "auth",
    ["bearer: CANARY", "bearer: {secretRef: CANARY}", "bearer: {value: CANARY}",
     "basic: {username: CANARY, password: CANARY}",
     "bearer: [CANARY]", "CANARY"],
)  # fmt: skip
def test_a_credential_written_into_a_manifest_is_refused_and_never_shown(loaded, auth):
    url, headers = "{value: 'https://me:CANARY@shop.example'}", "[{name: a, value: CANARY}]"
    spec = f"rest:\n  baseUrl: {url}\n  headers: {headers}\n  auth: {{{auth}}}"
    manifests = loaded(bad=manifest("SyncSource", "shop", f"{spec}\nobjects: [{{name: a, path: /a}}]"))
    assert manifests.faults
    shown = [str(fault) for fault in manifests.faults if not fault.path.endswith("auth.CANARY")]
    assert not any("CANARY" in fault for fault in shown)


def test_names_in_snake_case_are_no_names(loaded):
    spec = 'rest: {base_url: {value: "https://shop.example"}}\nobjects: [{name: a, path: /a}]'
    messages = [(fault.path, fault.message) for fault in loaded(bad=manifest("SyncSource", "shop", spec)).faults]
    assert ("rest.base_url", 'is not a known field. Did you mean "baseUrl"?') in messages


def test_all_faults_of_all_files_are_found(loaded):
    bad = manifest("SyncRun", "a", "job: NO\nkeys: 5\nfoo: 1")
    broken = "a: [\n"
    manifests = loaded(a=bad, b=broken, c=bad.replace("name: a", "name: c"))
    assert [(Path(fault.file).name, fault.line) for fault in manifests.faults] == [
        ("a.yaml", 5), ("a.yaml", 6), ("a.yaml", 7), ("b.yaml", 2), ("c.yaml", 5), ("c.yaml", 6), ("c.yaml", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("apiVersion: ponte.dev/v2\nkind: SyncJob\nmetadata: {name: a}\n", '"ponte.dev/v2" is not known'),
        ("apiVersion: ponte.de/v1alpha1\nkind: SyncJob\nmetadata: {name: a}\n", '"ponte.de/v1alpha1" is not known'),
        ("apiVersion: v1alpha1\nkind: SyncJob\nmetadata: {name: a}\n", "write ponte.dev/v1alpha1"),
        ("kind: SyncJob\nmetadata: {name: a}\n", "write ponte.dev/v1alpha1"),
        ("apiVersion: ponte.dev/v1alpha1\nkind: SyncJbo\nmetadata: {name: a}\n", 'Did you mean "SyncJob"?'),
        ("apiVersion: ponte.dev/v1alpha1\nmetadata: {name: a}\n", '"" is not a kind of ponte.dev'),
    ],
)
def test_an_object_that_was_meant_for_ponte_is_not_passed_over(loaded, text, message):
    (fault,) = loaded(bad=text).faults
    assert message in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {NO_QUOTES: 'x'}\n",
        "apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: {name: a}\nspec: {prefix: /}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
    ],
)
def test_objects_of_others_are_left_alone(loaded, text):
    manifests = loaded(other=text)
    assert (manifests.faults, manifests.warnings, dict(manifests.documents)) == ((), (), {})


def test_a_document_that_is_no_object_is_mentioned_in_a_folder_and_a_fault_when_named(loaded):
    manifests = loaded(values="replicas: 3\n")
    assert [str(warning) for warning in manifests.warnings] == [
        "integration/values.yaml:1  is no Kubernetes object: apiVersion and kind are missing"
    ]
    assert len(load([Path("integration/values.yaml")]).faults) == 1


def test_an_object_without_a_name_is_a_fault(loaded):
    (fault,) = loaded(bad="apiVersion: ponte.dev/v1alpha1\nkind: SyncRun\nmetadata: {}\nspec: {job: a}\n").faults
    assert (fault.path, fault.object) == ("metadata.name", "SyncRun (line 1)")


def test_a_list_as_kubectl_prints_it_is_read(loaded):
    item = manifest("NotificationChannel", "a", "events: [Failed]").replace("\n", "\n  ").rstrip()
    manifests = loaded(list=f"apiVersion: v1\nkind: List\nitems:\n- {item}\n")
    assert (manifests.faults, set(manifests.channels)) == ((), {"a"})


def test_what_the_cluster_added_is_no_fault(loaded):
    text = manifest("NotificationChannel", "a", "events: [Failed]").replace(
        "{name: a}", "{name: a, uid: x, generation: 3, resourceVersion: '5', managedFields: [{manager: kubectl}]}"
    )
    manifests = loaded(a=text + "status: {conditions: [{type: Ready}], somethingNew: 1}\n")
    assert manifests.faults == ()


def test_the_same_object_twice_is_a_fault_with_both_places(loaded):
    text = manifest("NotificationChannel", "a", "events: [Failed]")
    manifests = loaded(a=text, b=f"{text}---\n{text}")
    twice = "NotificationChannel a: metadata.name: stands twice, first in integration/a.yaml:1: remove one"
    assert lines(manifests) == [f"integration/b.yaml:3  {twice}", f"integration/b.yaml:9  {twice}"]


def test_a_later_path_replaces_the_whole_object_and_says_so(loaded, good, tmp_path):
    loaded(a=good)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    spec = "files: {path: {value: /tmp/out}}\nobjects: [{name: products, path: p.csv, csv: {}}]"
    (overlay / "shop.yaml").write_text(manifest("SyncSource", "shop", spec))

    manifests = load([Path("integration"), Path("overlay")])

    assert lines(manifests) == []
    assert [str(replaced) for replaced in manifests.replaced] == [
        "SyncSource shop of integration/a.yaml is replaced by overlay/shop.yaml"
    ]
    shop = manifests.source("shop").spec
    assert (shop.rest, [found.name for found in shop.objects]) == (None, ["products"])


def test_a_replaced_object_may_have_been_wrong(loaded, tmp_path):
    loaded(a=manifest("NotificationChannel", "a", "events: []"))
    (tmp_path / "b.yml").write_text(manifest("NotificationChannel", "a", "events: [Failed]"))
    assert load([Path("integration"), Path("b.yml")]).faults == ()


def test_hidden_files_and_other_suffixes_are_left_out_as_a_mounted_config_map_needs(tmp_path):
    data = tmp_path / "..2026_11_23"
    data.mkdir()
    (data / "a.yaml").write_text(manifest("NotificationChannel", "a", "events: [Failed]"))
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "notes.txt").write_text("a: [")
    os.mkfifo(tmp_path / "pipe.yaml")

    manifests = load([tmp_path])

    assert (manifests.faults, manifests.files, set(manifests.channels)) == ((), 1, {"a"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: \xff\n", "is not UTF-8 (byte 4)"),
        ("kind: SyncJob\n".encode("utf-16"), "is not UTF-8"),
        (b"#" * (4 * 1024 * 1024 + 1), "is larger than 4 MiB"),
        (b"a: \x1b[31m\n", "is no readable YAML"),
    ],
)
def test_a_file_that_is_no_text_of_bearable_size_is_a_fault(tmp_path, content, message):
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    (fault,) = load([file]).faults
    assert message in fault.message


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path):
    file = tmp_path / "a.yaml"
    text = manifest("NotificationChannel", "a", "events: [Failed]").replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert set(load([file]).channels) == {"a"}


def test_a_path_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match='There is no file or folder "integrashun"'):
        load([Path("integrashun")])


def test_numbers_in_test_records_are_exact(loaded):
    spec = (
        "key: [a]\nfields: [{to: a, from: A}]\ntests:\n- {given: {A: 12345678901234567.89, B: 7, C: yes}, expect: {}}"
    )
    (test,) = loaded(a=manifest("Mapping", "m", spec)).mapping("m").spec.tests
    assert test.given == {"A": Decimal("12345678901234567.89"), "B": 7, "C": True}


def test_an_unknown_job_is_told_with_the_nearest(loaded, good):
    manifests = loaded(a=good)
    with pytest.raises(UsageError) as caught:
        manifests.job("prodcts")
    assert caught.value.message == 'There is no SyncJob "prodcts" in ./integration. Did you mean "products"?'


def test_an_unknown_job_far_from_all_is_told_with_what_there_is(loaded, good):
    manifests = loaded(a=good)
    with pytest.raises(UsageError, match=r"There is: products\."):
        manifests.job("zzz")
    with pytest.raises(UsageError, match=r"nor any other\. Next: name the folder of the manifests by -f DIR"):
        load([]).job("zzz")


def test_a_job_with_faults_is_not_called_missing(loaded, good):
    manifests = loaded(a=good.replace("mapping: product\n", "mapping: NO\n"))
    with pytest.raises(ConfigurationError, match=r"^integration/a\.yaml:36  SyncJob products: mapping: "):
        manifests.job("products")


def test_a_job_that_may_stand_in_an_unreadable_file_is_not_called_missing(loaded, good):
    manifests = loaded(a=good, b="kind: [")
    with pytest.raises(
        ConfigurationError, match=r'There is no SyncJob "nightly" in [^\n]*as far as[^\n]*\n[^\n]*b\.yaml:'
    ):
        manifests.job("nightly")


@pytest.mark.parametrize(("path", "shown"), [(".", "this folder"), ("..", "the folder /[^\n]*[^.]"), ("a", r"\./a")])
def test_a_folder_is_named_without_a_full_stop_of_its_own(path, shown, tmp_path, monkeypatch):
    (tmp_path / "here" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match=rf'There is no SyncJob "x" in {shown}, nor any other\.'):
        load([Path(path)]).job("x")


PARTS = ["apiVersion", "kind", "metadata", "spec", "objects", "fields", "triggers", "rest", "sql", "target", "key"]
VALUES = [
    "",
    "~",
    "NO",
    "0012",
    "[]",
    "{}",
    "[1, {a: b}]",
    "'text'",
    "1e400",
    "-1",
    "!!x y",
    "&a [b]",
    "*a",
    "2026-11-23",
    '"\\u0000"',
]


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spoilt_manifest_breaks_the_loading_and_every_fault_has_a_line_of_the_file(tmp_path, good, data):
    spoilt = good.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(spoilt) - 1))
        key, colon, rest = spoilt[number].partition(":")
        value = data.draw(st.sampled_from(VALUES))
        spoilt[number] = data.draw(
            st.sampled_from([f"{key}: {value}", "", f"{key}{colon}{rest[: len(rest) // 2]}", rest])
        )
    file = tmp_path / "a.yaml"
    file.write_text("\n".join(spoilt))

    manifests = load([file])

    assert all(1 <= fault.line <= len(spoilt) + 1 for fault in manifests.faults + manifests.warnings)
    assert all("\n" not in str(fault) for fault in manifests.faults)
