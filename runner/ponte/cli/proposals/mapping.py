"""Which field of a source goes to which field of a target: a proposal, with what was guessed marked as guessed."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass

from ponte.cli.proposals.conversion import conversions
from ponte.cli.proposals.similarity import similarity
from ponte.connectors.discovery import FoundField, FoundObject

_LIKELY = 0.6
_NEAR = 0.7
"""From here on a name says more than that both fields are keys."""


@dataclass(frozen=True, slots=True)
class ProposedRule:
    """One rule.

    Attributes:
        to, source: the two fields.
        options: what else it says, by names as written in YAML.
        is_guessed: whether the names differ, so that a person must look.
    """

    to: str
    source: str
    options: tuple[tuple[str, str], ...]
    is_guessed: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A Mapping, as far as it can be guessed.

    Attributes:
        key: fields of the target that identify a record; empty where none was found.
        rules: in the order of the target's fields.
        required: fields that a record of the target must have and for which nothing was found.
        unmapped: other fields of the target for which nothing was found.
        unused: fields of the source that go nowhere.
    """

    key: tuple[str, ...]
    rules: tuple[ProposedRule, ...]
    required: tuple[str, ...]
    unmapped: tuple[str, ...]
    unused: tuple[str, ...]

    def source_of(self, target: str) -> str | None:
        """The field of the source that is mapped to one of the target."""
        return next((rule.source for rule in self.rules if rule.to == target), None)


def propose(source: FoundObject, target: FoundObject, wanted: ReadOnly[str, str]) -> Proposal:
    """A Mapping between two objects; a target without fields (a new file) gets those of the source.

    Args:
        source: what is read.
        target: what is written.
        wanted: pairs that a person has settled, target to source.
    """
    fields = target.fields or tuple(FoundField(field.name, field.type) for field in source.fields)
    by_name = {field.name: field for field in source.fields}
    settled = {**_paired_keys(source, target, wanted), **wanted}
    pairs = {**_matched(source.fields, fields, settled), **settled}
    rules = [_rule(by_name[pairs[field.name]], field, wanted) for field in fields if field.name in pairs]
    missing = [field for field in fields if field.name not in pairs]
    return Proposal(
        key=_key(target if target.fields else FoundObject(fields, source.keys), pairs),
        rules=tuple(rules),
        required=tuple(field.name for field in missing if field.is_required),
        unmapped=tuple(field.name for field in missing if not field.is_required),
        unused=tuple(name for name in by_name if name not in pairs.values()),
    )


def _matched(
    sources: tuple[FoundField, ...], targets: tuple[FoundField, ...], settled: ReadOnly[str, str]
) -> dict[str, str]:
    """Target to source, the likeliest pairs first; each field is used once."""
    scores = [
        (similarity(source.name, target.name), target.name, source.name)
        for target in targets
        for source in sources
        if target.name not in settled and source.name not in settled.values()
    ]
    pairs: dict[str, str] = {}
    for score, target_name, source_name in sorted(scores, key=lambda scored: -scored[0]):
        if score >= _LIKELY and target_name not in pairs and source_name not in pairs.values():
            pairs[target_name] = source_name
    return pairs


def _paired_keys(source: FoundObject, target: FoundObject, wanted: ReadOnly[str, str]) -> dict[str, str]:
    """The only key there from the only key here, where the types agree and no other name is nearer to either."""
    ends = [{name for key in found.keys for name in key} for found in (target, source)]
    if any(len(names) != 1 for names in ends):
        return {}
    ((there,), (here,)) = ends
    types = {field.name: field.type for field in source.fields}
    kind = next((field.type for field in target.fields if field.name == there), None)
    likelier = _matched(source.fields, target.fields, wanted)
    is_taken = any(similarity(name, to) > _NEAR for to, name in likelier.items() if to == there or name == here)
    is_free = not is_taken and there not in wanted and here not in wanted.values()
    return {there: here} if is_free and kind is not None and types.get(here) == kind else {}


def _rule(source: FoundField, target: FoundField, wanted: ReadOnly[str, str]) -> ProposedRule:
    is_guessed = target.name not in wanted and similarity(source.name, target.name) < 1
    return ProposedRule(target.name, source.name, tuple(conversions(source, target)), is_guessed)


def _key(target: FoundObject, pairs: ReadOnly[str, str]) -> tuple[str, ...]:
    """The first unique key of the target that can be filled."""
    return next((key for key in target.keys if all(name in pairs for name in key)), ())


def likely_key(source: FoundObject) -> tuple[str, ...]:
    """The fields that seem to identify a record: the primary key, else the first that has no value twice."""
    if source.keys:
        return source.keys[0]
    unique = (field.name for field in source.fields if field.samples and _is_unique(field.samples))
    return tuple(name for name, _ in zip(unique, range(1), strict=False))


def _is_unique(samples: tuple[str, ...]) -> bool:
    return all(sample.strip() for sample in samples) and len(set(samples)) == len(samples)
