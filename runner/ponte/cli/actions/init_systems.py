"""`ponte init` for two systems of your own: from options, or from questions at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ponte.cli.actions.asking import ask, ask_secretly, ask_until, choose, is_agreed
from ponte.cli.actions.init import refuse_used, where_option
from ponte.cli.commands.manifests import Systems
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.proposals.addresses import SERVERS, Address, parse_address
from ponte.cli.proposals.integration import Draft, End, draft, objects_at, read_end, sheets_at, written_end
from ponte.cli.proposals.manifests import mapping_lines
from ponte.cli.render.text import escape, wrapped
from ponte.cli.workspace import references_of
from ponte.errors import ConfigurationError, UsageError
from ponte.manifests.references import References, variable_name
from ponte_api.common import KeyRef

_KINDS = (
    "files: a folder of CSV, Excel or JSON Lines files",
    "sqlite: a SQLite database",
    "postgresql: a PostgreSQL server",
    "mariadb: a MariaDB or MySQL server",
)


def init_from_options(folder: Path, systems: Systems, common: Common) -> None:
    """Writes an integration of the two systems that the options name.

    Raises:
        UsageError: an end is missing or unclear, or something is in the folder already; nothing is written then.
        PonteError: a system cannot be reached.
    """
    if not (systems.from_ and systems.to):
        raise UsageError("--from and --to go together. Next: give both ends, or neither for questions or the example.")
    refuse_used(folder)
    references = references_of(common)
    source, target = parse_address(systems.from_), parse_address(systems.to)
    source = _with_first_sheet(console_of(common), source)
    ends = (
        read_end(source, source.name, references),
        written_end(target, _other_name(target.name, source.name), references),
    )
    made = draft(*ends, tuple(systems.key or ()), _pairs(systems.map or []))
    _write(folder, made, console_of(common))


def init_by_questions(folder: Path, common: Common) -> None:
    """Asks for the two systems, shows the proposal, and writes it where it is agreed to. Raises as the options do."""
    refuse_used(folder)
    console, references = console_of(common), references_of(common)
    console.tell("Two systems become an integration. Nothing is written before you agree.\n\n")
    console.tell("What is read?\n")
    source = _asked_end(console, references, lambda address, known: read_end(address, address.name, known))
    lines = wrapped(", ".join(field.name for field in source.found.fields), indent=2, width=console.width)
    console.tell("".join(f"  {line}\n" for line in lines[:6]))
    taken = source.names[0]
    console.tell("\nWhat is written?\n")
    target = _asked_end(
        console, references, lambda address, known: written_end(address, _other_name(address.name, taken), known)
    )
    made = _asked_draft(console, source, target)
    shown = [line for line in mapping_lines(made.job, made.proposal) if line.startswith("  ")]
    console.tell("\nThe Mapping between them:\n" + "".join(f"{line}\n" for line in shown))
    if is_agreed(console, f"Write this to {folder}?"):
        _write(folder, made, console)
    else:
        console.show(["Nothing was written."])


def _asked_draft(console: Console, source: End, target: End) -> Draft:
    """A proposal; what cannot be guessed is asked for."""
    key: tuple[str, ...] = ()
    pairs: dict[str, str] = {}
    while True:
        try:
            return draft(source, target, key, pairs)
        except UsageError as error:
            console.tell(f"\n{error.message}\n")
            answer = ask(console, "The key of the source, or FIELD=SOURCE-FIELD").replace(" ", "")
            if "=" in answer:
                pairs.update(_pairs([answer]))
            else:
                key = tuple(answer.split(","))


def _asked_end(console: Console, references: References, look: Callable[[Address, References], End]) -> End:
    """A system that answers; until then it is asked for again."""
    kind = choose(console, "Kind", _KINDS).partition(":")[0]
    question = {
        "files": "Folder or file",
        "sqlite": "File",
    }.get(kind, "USER@HOST:PORT/DATABASE")

    def understand(answer: str) -> End:
        address = _typed_address(kind, answer)
        known = _with_password(console, address, references)
        if not address.object_name:
            address = _with_object(console, address, known)
        return look(_with_sheet(console, address), known)

    return ask_until(console, question, understand)


def _typed_address(kind: str, answer: str) -> Address:
    """The address with or without what the question has said already."""
    rest = answer.removeprefix(f"{kind}:")
    return parse_address(f"{kind}:{rest if kind not in SERVERS or rest.startswith('//') else f'//{rest}'}")


def _with_password(console: Console, address: Address, references: References) -> References:
    """References that know the password, asked for where it is nowhere to be found. It is not kept."""
    names = (address.name, _other_name(address.name, address.name))
    variables = [variable_name("SECRET", KeyRef(name=name, key="password")) for name in names]
    is_kept = references.secrets is not None and (references.secrets / address.name / "password").is_file()
    if not address.username or is_kept or variables[0] in references.environment:
        return references
    password = ask_secretly(console, f"Password of {address.username} (only to look, not written)")
    return replace(references, environment={**references.environment, **dict.fromkeys(variables, password)})


def _with_object(console: Console, address: Address, references: References) -> Address:
    names = objects_at(address, references)
    if not names:
        raise UsageError("There is nothing in it that Ponte could read. Next: name another one, or a file in it.")
    return replace(address, object_name=choose(console, "Which", names))


def _with_sheet(console: Console, address: Address) -> Address:
    """One sheet of several, as it is chosen."""
    sheets = sheets_at(address)
    return replace(address, sheet=choose(console, "Which sheet", sheets)) if len(sheets) > 1 else address


def _with_first_sheet(console: Console, address: Address) -> Address:
    """The first sheet of several, named so that it stays the one; that there are others is told."""
    sheets = sheets_at(address)
    if len(sheets) < 2:
        return address
    others = ", ".join(sheets[1:13]) + (" ..." if len(sheets) > 13 else "")
    said = f'{address.object_name}: the sheet "{sheets[0]}" is read; another by #SHEET behind the file: {others}'
    console.log("info", escape(said))
    return replace(address, sheet=sheets[0])


def _other_name(name: str, taken: str) -> str:
    return name if name != taken else f"{name[:33]}-target"


def _pairs(written: list[str]) -> dict[str, str]:
    pairs = {}
    for text in written:
        to, mark, source = text.partition("=")
        if not (to and mark and source):
            raise UsageError(
                f'--map "{text}" is no pair of fields. Next: write FIELD=SOURCE-FIELD, such as --map sku=ARTCOD'
            )
        pairs[to] = source
    return pairs


def _write(folder: Path, made: Draft, console: Console) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.texts.items():
            with (folder / name).open("x", encoding="utf-8") as stream:  # never over something that is there
                stream.write(text)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}. Next: name another folder.") from error
    files = [str(folder / name) for name in made.texts]
    if console.is_json:
        console.show_json({"folder": str(folder), "files": files, "job": made.job, **_document(made)})
    else:
        console.say([*(f"  {file}" for file in files), "", *_told(made), *_next_steps(folder, made)])


def _document(made: Draft) -> dict[str, object]:
    proposal = made.proposal
    return {
        "guessed": [{"to": rule.to, "from": rule.source} for rule in proposal.rules if rule.is_guessed],
        "required": proposal.required,
        "unmapped": proposal.unmapped,
        "unused": proposal.unused,
    }


def _told(made: Draft) -> list[str]:
    proposal, source = made.proposal, "/".join(made.source.names)
    lines = [f"{source} -> {'/'.join(made.target.names)}, {len(proposal.rules)} fields, key {', '.join(proposal.key)}."]
    guessed = [f"{rule.to} from {rule.source}" for rule in proposal.rules if rule.is_guessed]
    lines += [f"Guessed, please look: {', '.join(guessed)}."] if guessed else []
    lines += [f"REQUIRED at the target, and not found: {', '.join(proposal.required)}."] if proposal.required else []
    return lines


def _next_steps(folder: Path, made: Draft) -> list[str]:
    where = where_option(folder)
    steps = [f"  ponte {words}{where}" for words in ("validate", f"plan {made.job}", f"run {made.job}")]
    secrets = [
        f"  put the password of {name} into PONTE_SECRET_{name.upper().replace('-', '_')}_PASSWORD, or into the file "
        f"{name}/password of the folder that --secrets names"
        for name, spec in ((end.names[0], end.system["spec"]) for end in (made.source, made.target))
        if "password" in spec.get("sql", {})
    ]
    return ["Next:", *secrets, *steps]
