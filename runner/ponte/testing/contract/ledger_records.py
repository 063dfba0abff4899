"""Contract of ledgers: records, ids, look-ups."""

from __future__ import annotations

import polars as pl
import pytest

from ponte.engine.canonical import hash_text
from ponte.engine.ledger_port import DETAIL_SCHEMA, KNOWN_SCHEMA, Commit, Ledger, Scope, Writer
from ponte.errors import StateError
from ponte.testing.contract.ledger import (
    LONG_S,
    LedgerContract,
    acquired,
    claim_rows,
    claimed,
    ids,
    key,
    keys_of,
    named_records,
    records,
    removals,
    report,
    series,
)

GREATEST = 2**128 - 1
HOSTILE = ["", " ", "'; DROP TABLE ponte_records; --", "\t\n", "Zażółć 🐍", "a" * 1000, "%_\\", "0000042", "~"]


async def version_of(ledger: Ledger, scope: Scope, text: str) -> tuple[int | None, int, bool]:
    """Fingerprint, version, deleted."""
    return (await ledger.details(scope, series([text]))).select("fingerprint", "version", "deleted").row(0)


class LedgerRecords(LedgerContract):
    """What was delivered."""

    async def test_what_is_committed_is_known(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        naturals = {key("1"): key("A"), key("2"): key("B")}
        await ledger.commit(writer, Commit(report(), added=named_records(naturals)))

        known = await ledger.known(scope)

        assert known.schema == KNOWN_SCHEMA
        assert known["key"].is_sorted()
        expected = pl.DataFrame({"key": list(naturals), "natural": list(naturals.values())}).select(
            hash_text(pl.col("key")), hash_text(pl.col("natural"))
        )
        assert known.select("key", "natural").sort("key").equals(expected.sort("key"))

    async def test_natural_keys_that_are_the_source_keys_take_no_room(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"), 7)))

        known = await ledger.known(scope)

        assert known.schema == {**KNOWN_SCHEMA, "natural": pl.Null()}
        assert known["fingerprint"].to_list() == [7, 7]

    @pytest.mark.parametrize("fingerprint", [None, 0, 1, 2**63, 2**64 - 1, 2**64, 2**127, GREATEST])
    async def test_each_fingerprint_comes_back_as_it_was(
        self, fingerprint: int | None, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"), fingerprint)))

        assert (await ledger.known(scope))["fingerprint"].to_list() == [fingerprint]
        assert await version_of(ledger, scope, key("1")) == (fingerprint, 1, False)

    async def test_hostile_keys_come_back_as_they_were(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        keys = keys_of(*HOSTILE)
        await ledger.commit(writer, Commit(report(), added=records(keys)))

        details = await ledger.details(scope, series([*keys, key("never delivered")]))

        assert details.schema == DETAIL_SCHEMA
        assert sorted(details["key"]) == sorted(keys)

    async def test_records_are_changed(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"))))
        await ledger.commit(writer, Commit(report(), changed=records(keys_of("1"), fingerprint=8, version=2)))

        assert await version_of(ledger, scope, key("1")) == (8, 2, False)
        assert await version_of(ledger, scope, key("2")) == (7, 1, False)

    async def test_a_change_of_what_the_ledger_lacks_is_refused_whole(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"))))

        with pytest.raises(StateError):
            await ledger.commit(writer, Commit(report(), changed=records(keys_of("1", "2"), fingerprint=8, version=2)))

        assert await version_of(ledger, scope, key("1")) == (7, 1, False)

    async def test_adding_what_is_there_is_refused_whole(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"))))

        with pytest.raises(StateError):
            await ledger.commit(writer, Commit(report(), added=records(keys_of("0", "1"), fingerprint=8)))

        assert (await ledger.known(scope))["fingerprint"].to_list() == [7]
        await ledger.commit(writer, Commit(report(), added=records(keys_of("0"))))

    async def test_who_wrote_beside_a_run_does_not_stop_it(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        beside = await acquired(ledger, scope, "event", lease_s=None)
        for_both = keys_of("newer beside", "older beside")
        newer = records(for_both[:1], fingerprint=1, version=9)
        older = records(for_both[1:], fingerprint=1, version=1)
        await ledger.commit(beside, Commit(report("event"), added=pl.concat([newer, older])))

        mine = records([*for_both, key("mine")], fingerprint=5, version=5)
        await ledger.commit(writer, Commit(report(), added=mine))

        assert await version_of(ledger, scope, for_both[0]) == (1, 9, False)
        assert await version_of(ledger, scope, for_both[1]) == (5, 5, False)
        assert await version_of(ledger, scope, key("mine")) == (5, 5, False)

    async def test_what_was_removed_leaves_a_tombstone(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"))))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("1"), version=3)))

        assert await version_of(ledger, scope, key("1")) == (None, 3, True)
        assert (await ledger.known(scope))["deleted"].sum() == 1

    async def test_an_older_removal_changes_nothing(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"), version=5)))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("1"), version=4)))

        assert await version_of(ledger, scope, key("1")) == (7, 5, False)

    async def test_an_older_value_does_not_raise_the_dead(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"))))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("1"), version=5)))
        event = await acquired(ledger, scope, "event", lease_s=None)

        grant = await claimed(ledger, event, keys_of("1"))
        await ledger.commit(event, Commit(report("event"), grant.claim))

        assert grant.lost.to_list() == keys_of("1")

    async def test_a_removed_record_may_come_back(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1"))))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("1"), version=3)))
        await ledger.commit(writer, Commit(report(), changed=records(keys_of("1"), fingerprint=9, version=4)))

        assert await version_of(ledger, scope, key("1")) == (9, 4, False)

    @pytest.mark.parametrize("lease_s", [LONG_S, None])
    async def test_what_is_healed_replaces_what_is_newer(
        self, lease_s: float | None, ledger: Ledger, scope: Scope
    ) -> None:
        keys = keys_of("live", "removed", "new")
        writer = await acquired(ledger, scope, "healing", lease_s=lease_s)
        await ledger.commit(writer, Commit(report(), added=records(keys[:2], version=9)))
        await ledger.commit(writer, Commit(report(), removed=removals(keys[1:2], version=9)))

        await ledger.commit(writer, Commit(report(), healed=records(keys, fingerprint=5, version=4)))

        assert [await version_of(ledger, scope, text) for text in keys] == [(5, 4, False)] * 3
        again = await ledger.claim(writer, claim_rows(keys, "update", version=4), LONG_S)
        assert again.newer.to_list() == []

    async def test_records_are_found_by_their_hashes(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2", "3"))))
        wanted = series(keys_of("2", "9")).to_frame().select(hash_text(pl.col("key")))["key"]

        assert (await ledger.details_of_hashes(scope, wanted))["key"].to_list() == keys_of("2")

    async def test_who_holds_a_natural_key_is_told(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        own, other = key("own"), key("1")
        await ledger.commit(writer, Commit(report(), added=named_records({other: key("A"), key("dead"): key("D")})))
        await ledger.commit(writer, Commit(report(), added=records([own])))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("dead"), version=2)))

        holders = await ledger.holders(scope, pl.Series("natural_key", [key("A"), key("D"), own, key("free")]))

        assert sorted(holders.select("natural_key", "key").rows()) == sorted([(key("A"), other), (own, own)])


class LedgerIds(LedgerContract):
    """Ids that targets gave, and look-ups by them."""

    async def test_ids_are_kept_per_natural_key_and_replaced(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), ids=ids({key("A"): "17", key("B"): "18"})))
        await ledger.commit(writer, Commit(report(), ids=ids({key("A"): "99"})))

        found = await ledger.target_ids(scope, pl.Series("natural_key", [key("A"), key("B"), key("C")]))

        assert dict(found.rows()) == {key("A"): "99", key("B"): "18"}

    async def test_references_are_resolved_by_source_key_and_by_natural_key(
        self, ledger: Ledger, writer: Writer
    ) -> None:
        delivered = named_records({key("1"): key("A"), key("2"): key("B", "x")})
        await ledger.commit(writer, Commit(report(), added=delivered, ids=ids({key("A"): "17"})))

        by_source = await ledger.resolve("shop", "products", "sourceKey", series(keys_of("1", "2", "3")))
        by_natural = await ledger.resolve("shop", "products", "naturalKey", series([key("A"), key("B", "x"), key("1")]))

        assert dict(by_source.select("value", "target_id").rows()) == {key("1"): "17", key("2"): "B\tx"}
        assert dict(by_natural.select("value", "target_id").rows()) == {key("A"): "17", key("B", "x"): "B\tx"}

    async def test_only_what_is_at_that_object_is_resolved(self, ledger: Ledger, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"))))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("2"), version=2)))

        elsewhere = await ledger.resolve("shop", "customers", "sourceKey", series(keys_of("1")))
        here = await ledger.resolve("shop", "products", "sourceKey", series(keys_of("1", "2")))

        assert elsewhere.height == 0
        assert here["value"].to_list() == keys_of("1")
