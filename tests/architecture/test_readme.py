"""
The manual tells the truth: its tables come from the code.

``pytest --update-golden`` writes the tables anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from icesync.cli.main import COMMANDS, program
from icesync.config.rules import RULES
from icesync.config.schema import SCHEMAS
from icesync.engine import executor as limits
from icesync.errors import EXIT_CODES
from icesync.model.fields import FIELDS, Presence
from icesync.model.presets import PRESETS, Preset
from icesync.model.project import VARIABLES, Project, rows_of
from icesync.model.report import Command, OutcomeKind
from icesync.render import FORMATS, REPORTS
from icesync.render.documents import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
OPTIONS = tuple(rows_of(Project))
UNSET = {"ICESYNC_COMPLETE", "ICESYNC_SECRET"}
"""What completion scripts set, and the beginning of a name."""
README = ROOT / "README.md"
MANUAL = [
    README,
    *(ROOT / "schemas").glob("*.md"),
    *(ROOT / "examples").rglob("*.md"),
    ROOT / "tests" / "README.md",
]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fields() -> str:
    words = {
        Presence.REQUIRED: "yes",
        Presence.OPTIONAL: "no",
        Presence.IN_USE: "when its block is used",
    }
    rows = [
        (
            f"`{f.key}`",
            ", ".join(f"`{name}`" for name in f.wire) or "never sent",
            f.meaning,
            words[f.presence],
            ", ".join(f.sources),
        )
        for f in FIELDS
    ]
    return _table(("setting", "sent as", "meaning", "required", "source"), rows)


def _commands() -> str:
    rows = [(f"`icesync {name}`", text) for name, text in COMMANDS.items()]
    return _table(("command", "what it does"), rows)


def _exit_codes() -> str:
    return _table(("code", "meaning"), [(str(code), text) for code, text in EXIT_CODES.items()])


def _reports() -> str:
    head = ("kind", *(f"`{command}`" for command in Command), "what for")
    rows = [
        (
            f"`{kind}`",
            *("yes" if command in FORMATS[kind].commands else "" for command in Command),
            FORMATS[kind].purpose,
        )
        for kind in REPORTS
    ]
    return _table(head, rows)


def _presets() -> str:
    groups: dict[str, list[Preset]] = {}
    for preset in PRESETS.values():
        groups.setdefault(preset.name.partition("/")[0], []).append(preset)
    return _table(
        ("preset", "smtp", "pop3", "imap", "login"), [_provider(g) for g in groups.values()]
    )


def _provider(presets: list[Preset]) -> tuple[str, ...]:
    first = presets[0]
    regions = [preset.name.partition("/")[2] for preset in presets if "/" in preset.name]
    alone = "/" not in first.name
    name = f"`{first.name}`" if alone else f"`{first.name.partition('/')[0]}/REGION`"
    told = f", also {', '.join(f'`/{region}`' for region in regions)}" if alone and regions else ""
    offers = (_offer(first, block) for block in ("smtp", "pop3", "imap"))
    return (name + told, *offers, first.login)


def _offer(preset: Preset, block: str) -> str:
    offer = preset.offers.get(block)
    if offer is None:
        return "-"
    told = f"{offer.host} {offer.ports[0]}".replace(preset.name.partition("/")[2] or "\0", "REGION")
    return f"**no passwords**: {told}" if offer.refuses else told


def _rules() -> str:
    rows = [
        (f"{rule.id}{'' if rule.suppressible else ' !'}", rule.severity.value, rule.title)
        for rule in RULES.values()
    ]
    return _table(("rule", "severity", "about"), rows)


def _variables() -> str:
    found = dict(VARIABLES)
    for row in OPTIONS:
        if row.variable:
            found[row.variable] = f"Overrides `{row.path}`."
    for path, command in _every_command(program, "icesync"):
        for parameter in command.params:
            if isinstance(parameter.envvar, str):
                flag = max(parameter.opts, key=len)
                found.setdefault(parameter.envvar, f"The same as `{flag}` of `{path}`.")
    return _table(("variable", "what it does"), [(f"`{n}`", found[n]) for n in sorted(found)])


def _every_command(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _every_command(inner, f"{path} {name}")


def _retries() -> str:
    def again(kind: OutcomeKind) -> str:
        retry = kind.retry
        if retry is None:
            return "never"
        wait = f"up to {retry.base_s:g} s, doubling, at most {retry.cap_s:g} s"
        return f"{retry.attempts} attempts; {wait}"

    rows = [
        ("not sent or not processed: no connection, DNS, 408, 425",
         again(OutcomeKind.TRANSIENT),
         "nothing happened", "as it was, exit 10 or 7"),
        ("no answer, or none that can be read: reset, deadline, 5xx, odd 2xx",
         again(OutcomeKind.UNCERTAIN),
         "it may have been stored; sending it again is safe, because a call is the whole record",
         "uncertain, in every plan until ICE confirms a call, exit 7"),
        ("429, or 503 with `Retry-After`", again(OutcomeKind.THROTTLED),
         ("all workers pause as long as asked; "
         f"if asked for more than {limits.MAX_PAUSE_S:g} s, the run ends"),
         "as it was, exit 7"),
        ("the token is refused", "1 new login in a run, then never",
         "every further call would fail too", "the run ends, exit 4"),
        ("wrong address, verb, certificate, redirect", again(OutcomeKind.MISCONFIGURED),
         "every further call would fail too; the first call goes alone",
         "the run ends, exit 10 or 7"),
        ("refused values", again(OutcomeKind.REJECTED),
         ("they would be refused again; without a reason one new login is tried, and "
         f"{limits.FIRST_REFUSALS} first calls refused alike end the run"), "as it was, exit 7"),
        (f"{limits.MAX_FAILURES} failures in a row, over all workers", "no more in this run",
         f"what fails for {limits.MAX_FAILURES} would fail for all; the next apply sends the rest",
         "the run ends, exit 7"),
    ]  # fmt: skip
    return _table(("what happened", "retried", "why", "result"), rows)


BLOCKS = {
    "retries": _retries,
    "reports": _reports,
    "fields": _fields,
    "commands": _commands,
    "exit-codes": _exit_codes,
    "presets": _presets,
    "rules": _rules,
    "variables": _variables,
}


@pytest.mark.parametrize("name", list(BLOCKS))
def test_a_table_of_the_manual_is_what_the_code_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    """A table of the manual is generated, so it cannot age, and stands on one page."""
    pattern = re.compile(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", re.DOTALL)
    [page] = [path for path in MANUAL if pattern.search(path.read_text())]
    text = page.read_text()
    expected = BLOCKS[name]() + "\n"
    if request.config.getoption("--update-golden"):
        text = pattern.sub(lambda _: f"<!-- {name} -->\n{expected}<!-- /{name} -->", text)
        page.write_text(text)
    match = pattern.search(text)

    assert match is not None
    assert match[1] == expected


def test_pages_are_short_enough_to_read() -> None:
    """The README is read in five minutes, and no page of the manual is a book."""
    long = {path.name: len(path.read_text().splitlines()) for path in MANUAL}

    assert long.pop("README.md") <= 250
    assert len(README.read_text().splitlines()) <= 220
    assert [name for name, lines in long.items() if lines > 250] == []


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link of the manual names a file that exists."""
    broken = [
        (path.name, target)
        for path in MANUAL
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
        if not (path.parent / target).exists()
    ]

    assert broken == []


def test_every_variable_of_the_code_is_in_the_manual() -> None:
    """No environment variable works in secret."""
    page = (ROOT / "schemas" / "README.md").read_text() + "".join(
        path.read_text() for path in MANUAL
    )
    used = {
        name
        for path in (ROOT / "icesync").rglob("*.py")
        for name in re.findall(r"\bICESYNC_[A-Z_]*[A-Z]\b", path.read_text())
    }

    assert {name for name in used if name not in page} - UNSET == set()


def test_the_quickstart_is_two_blocks_of_one_line() -> None:
    """A newcomer copies one line to try it and one line to test it."""
    section = re.split(r"## Quickstart.*\n", README.read_text())[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)

    assert [block.count("\n") for block in blocks] == [1, 1]


def test_help_names_every_exit_code_that_a_job_may_act_on() -> None:
    """A bug and a signal explain themselves; every other code is in ``icesync --help``."""
    named = {int(code) for code in re.findall(r"\b(\d+) ", program.epilog or "")}
    assert named == EXIT_CODES.keys() - {1, 129, 130, 143}


def test_every_schema_that_the_readme_names_exists() -> None:
    """A modeline that a reader copies must lead to a schema."""
    named = set(re.findall(r"schemas/([a-z-]+)\.schema\.json", README.read_text()))

    assert named <= {*SCHEMAS, *DOCUMENTS}


def test_every_command_that_the_readme_names_exists() -> None:
    """The README promises no command that is not there."""
    named = set(re.findall(r"`(?:\S*/)?icesync(?: -C \S+)? ([a-z]+)", README.read_text()))

    assert named <= set(COMMANDS)
