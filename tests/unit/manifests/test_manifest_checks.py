"""What one object refers to, another must have."""

import pytest

HEAD = "apiVersion: ponte.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def manifest(kind, name, *spec):
    return HEAD.format(kind=kind, name=name) + "".join(f"  {line}\n" for line in spec)


def job(name, *more, source="articles", target="products"):
    return "---\n" + manifest(
        "SyncJob",
        name,
        f"source: {{name: erp, object: {source}}}",
        f"target: {{name: shop, object: {target}}}",
        "mapping: product",
        *more,
    )


def found(manifests):
    return [(fault.object, fault.path, fault.message) for fault in manifests.faults]


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("source: {name: erp,", "source: {name: epr,", "source.name",
         'there is no SyncSource "epr". Did you mean "erp"?'),
        ("object: articles}", "object: article}", "source.object",
         '"article" is not in SyncSource erp (has: articles, orders)'),
        ("object: products,", "object: product,", "target.object", '"product" is not in SyncSource shop'),
        ("mapping: product", "mapping: prodcut", "mapping", 'there is no Mapping "prodcut". Did you mean "product"?'),
        ("audience: customer", "audience: costumer", "target.audience",
         'has no audience "costumer". Did you mean "customer"?'),
        ("mapping: product", "mapping: product\n  after: [stock]", "after[0]", 'there is no SyncJob "stock"'),
        ("Europe/Rome", "Europe/Roma", "triggers[0].timeZone", '"Europe/Roma" is no time zone'),
        ('"0 2 * * *"', '"0 2 * * 9"', "triggers[0].schedule", 'day of the week "9"'),
        ("object: articles}", "object: orders}", "triggers[0].read", '"orders" has no cursor'),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_a_fault(loaded, good, old, new, path, message):
    text = good.replace(old, new)
    assert text != good
    if path == "triggers[0].read":
        text = text.replace("read: all}", "read: changes}")
    (fault,) = found(loaded(a=text))
    assert fault[:2] == ("SyncJob products", path)
    assert message in fault[2]


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("key: [sku]\n  fields", "key: [skuu]\n  fields", "key[0]",
         'no rule makes the field "skuu". Did you mean "sku"?'),
        ("fields: [sku, name]}", "fields: [sku, nmae]}", "audiences[0].fields[1]", 'Did you mean "name"?'),
        ("from: ARTDES}", "from: ARTDES, lookup: {system: shp, object: products}}", "fields[1].lookup.system",
         'Did you mean "shop"?'),
        ("from: ARTDES}", "from: ARTDES, lookup: {system: shop, object: x}}", "fields[1].lookup.object",
         '"x" is not in SyncSource shop'),
        ("from: ARTDES}", "from: ARTDES, type: datetime, timeZone: Rome}", "fields[1].timeZone",
         '"Rome" is no time zone'),
        ("  audiences", "  tests: [{given: {}, left: true, audience: custom}]\n  audiences", "tests[0].audience",
         'mean "customer"?'),
    ],
)  # fmt: skip
def test_a_mapping_that_names_what_is_not_there_is_a_fault(loaded, good, old, new, path, message):
    text = good.replace(old, new)
    assert text != good
    faults = [fault for fault in found(loaded(a=text)) if fault[1] == path]
    assert [fault[0] for fault in faults] == ["Mapping product"]
    assert message in faults[0][2]


def test_fields_within_lists_are_checked_too(loaded, good):
    rule = "{to: rows, from: R, each: [{to: a, from: A, lookup: {system: nowhere, object: x}}]}"
    text = good.replace("  - {to: name, from: ARTDES}", f"  - {{to: name, from: ARTDES}}\n  - {rule}")
    assert "fields[2].each[0].lookup.system" in [path for _, path, _ in found(loaded(a=text))]


def test_a_column_that_the_source_does_not_declare_is_a_fault_with_its_line(loaded, good):
    declared = "cursor: {field: DATMOD}, fields: [{name: ARTCOD, type: string}, {name: PREZZO, type: string}]"
    text = good.replace("cursor: {field: DATMOD}", declared)
    text = text.replace("  - {to: name, from: ARTDES}", '  - {to: name, sql: "PREZO || 1"}')
    faults = [fault for fault in loaded(a=text).faults if fault.path.startswith("fields[1]")]
    assert [(fault.line, "PREZZO" in fault.message) for fault in faults] == [(26, True)]


def test_what_has_faults_of_its_own_is_not_missing(loaded, good):
    text = good.replace("table: ARTICOLI", "table: [ARTICOLI]")
    assert [(fault[0], fault[1]) for fault in found(loaded(a=text))] == [("SyncSource erp", "objects[0].table")]


def test_jobs_that_wait_for_each_other_are_told_once(loaded, good):
    text = good + job("a", "after: [b]") + job("b", "after: [c]") + job("c", "after: [a]") + job("d", "after: [a]")
    assert found(loaded(a=text)) == [("SyncJob a", "after", "waits for itself: a -> b -> c -> a. Remove one of them")]


def test_a_job_that_waits_for_itself_is_a_fault(loaded, good):
    (fault,) = found(loaded(a=good + job("a", "after: [a]")))
    assert fault == ("SyncJob a", "after", "waits for itself: a -> a. Remove one of them")


def test_jobs_that_wait_for_the_same_one_are_in_order(loaded, good):
    text = good + job("a") + job("b", "after: [a]") + job("c", "after: [a]") + job("d", "after: [b, c]")
    assert found(loaded(a=text)) == []


def test_two_jobs_with_one_state_are_a_fault(loaded, good):
    faults = found(loaded(a=good + job("other", "stateId: products")))
    message = 'the state "products" belongs to several jobs (other, products): each needs its own'
    assert faults == [("SyncJob products", "metadata.name", message), ("SyncJob other", "stateId", message)]


def test_a_source_without_a_key_is_a_fault(loaded, good):
    (fault,) = found(loaded(a=good.replace(", key: [ARTCOD]", "")))
    assert fault[:2] == ("SyncJob products", "source.object")
    assert '"articles" has no key' in fault[2]


def test_a_target_that_takes_nothing_is_a_fault(loaded, good):
    (fault,) = found(loaded(a=good.replace(', write: {upsert: "PUT /products/{sku}"}', "")))
    assert fault[:2] == ("SyncJob products", "target.object")
    assert "has no request that writes" in fault[2]


def test_a_target_that_cannot_delete_is_a_fault_for_a_job_that_deletes(loaded, good):
    (fault,) = found(loaded(a=good + "  deletes: {policy: delete}\n"))
    assert fault[1:] == ("deletes.policy", '"products" has no write.delete in SyncSource shop')


def test_a_target_that_replaces_needs_a_way_to_keep_what_is_not_mapped(loaded, good):
    text = good.replace("write: {upsert: ", "write: {semantics: replace, upsert: ")
    (fault,) = found(loaded(a=text))
    assert fault[1] == "target.object"
    assert "give write.get to keep other fields, or say ownsWholeRecord" in fault[2]
    assert loaded(a=text.replace("audience: customer}", "audience: customer, ownsWholeRecord: true}")).faults == ()
    assert loaded(a=text.replace("semantics: replace,", "semantics: replace, get: 'GET /products/{sku}',")).faults == ()


def test_a_query_cannot_be_written(loaded, good):
    text = good.replace("name: orders, table: ORDINI", "name: orders, query: select 1")
    text = text.replace(
        "target: {name: shop, object: products, audience: customer}", "target: {name: erp, object: orders}"
    )
    assert [fault[1] for fault in found(loaded(a=text))] == ["target.object"]


def test_a_job_that_reads_changes_only_gets_a_warning(loaded, good):
    manifests = loaded(a=good.replace("read: all}", "read: changes}"))
    assert manifests.faults == ()
    (warning,) = manifests.warnings
    assert (warning.object, warning.path) == ("SyncJob products", "triggers")


def test_a_job_that_reads_changes_only_and_removes_is_a_fault(loaded, good):
    text = (
        good.replace("read: all}", "read: changes}")
        + "  deletes: {policy: deactivate, set: [{field: name, value: x}]}\n"
    )
    manifests = loaded(a=text)
    assert len(manifests.faults) == 1
    assert "never reads all of them" in manifests.faults[0].message


def test_a_nightly_verify_is_no_reading_of_all(loaded, good):
    changes = '  - {name: often, schedule: "*/5 * * * *", read: changes}\n'
    manifests = loaded(a=good.replace("read: all}", "action: verify}") + changes)
    assert [warning.path for warning in manifests.warnings] == ["triggers"]


def test_a_look_up_that_no_job_delivers_gets_a_warning(loaded, good):
    lookup = "from: ARTDES, lookup: {system: shop, object: orders}}"
    manifests = loaded(a=good.replace("from: ARTDES}", lookup))
    assert [warning.path for warning in manifests.warnings] == ["fields[1].lookup"]
    delivered = loaded(a=good.replace("from: ARTDES}", lookup) + job("orders", source="orders", target="orders"))
    assert delivered.warnings == ()


def test_a_run_of_a_job_that_is_not_there_is_a_fault(loaded, good):
    (fault,) = found(loaded(a=good, b=manifest("SyncRun", "now", "job: prodcts")))
    assert fault == ("SyncRun now", "job", 'there is no SyncJob "prodcts". Did you mean "products"?')


def test_a_channel_about_a_job_that_is_not_there_gets_a_warning(loaded, good):
    channel = manifest("NotificationChannel", "sales", "jobs: {matchNames: [products, prodcts]}", "events: [Failed]")
    manifests = loaded(a=good, b=channel)
    assert [(warning.object, warning.path) for warning in manifests.warnings] == [
        ("NotificationChannel sales", "jobs.matchNames[1]")
    ]
