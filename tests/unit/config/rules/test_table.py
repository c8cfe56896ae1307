"""The table of rules is true: what it calls wrong breaks the rule, what it calls right keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import DEFAULTS, HEAD

from icesync.bootstrap import open_session
from icesync.config.rules import RULES
from icesync.diagnostics import Rule, Severity
from icesync.engine.validate import check_files
from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "version: 1\napi: {base_url: emulator}\n"
TOP = ("version", "organization", "servers")

NOT_SHOWN = {
    *("ICE001", "ICE002", "ICE004", "ICE007"),  # about bytes and files, not about YAML
    *("ICE402", "ICE403", "ICE404"),  # about the token
    *("ICE405", "ICE408", "ICE412"),  # about secrets
    *("ICE411", "ICE606"),  # about two files; about a plan
    *("ICE016", "ICE017"),  # about what is imported
    "ICE114",  # about the snapshot
}
"""Rules without an example that one file could show."""

LATE = {"ICE209"}
"""Rules whose example needs a plan to fire."""

COMPANIONS = {
    "ICE108": {"ICE207"},  # the one server of the example is off
    "ICE303": {"ICE308"},  # with both flags off, sending is in clear text
    "ICE206": {"ICE605"},  # of another domain, so collected by nobody here
    "ICE502": {"ICE605"},  # another address than the mailbox's
}
"""What an example breaks besides, because the one cannot be without the other."""


def files_of(example: str) -> dict[str, str]:
    """Return the files of *example*: some lines of a server, a server file, or a configuration."""
    first = example.partition(":")[0]
    if first in {"files", "rules", "api"}:
        return {"icesync.yaml": f"version: 1\n{example}", "servers/a.yaml": f"{HEAD}servers: []\n"}
    if first in TOP:
        whole = "      host:" in example or "defaults:" in example
        text = example if whole else example.replace("servers:", f"{DEFAULTS}servers:", 1)
    else:
        lines = "".join(f"    {line}\n" for line in example.splitlines())
        text = f"{HEAD}{DEFAULTS}servers:\n  - skill: 663\n{lines}"
    return {"icesync.yaml": CONFIG, "servers/a.yaml": text}


def rules_of(folder: Path, example: str) -> set[str]:
    """Return the rules that *example* breaks."""
    for name, text in files_of(example).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    try:
        context = open_session(folder, folder / "icesync.yaml")
    except ConfigInvalid as error:
        return {d.rule for d in error.diagnostics}
    validation = check_files(context.project, context.providers)
    return {d.rule for d in validation.diagnostics}


SHOWN = [rule for rule in RULES.values() if rule.before]


@pytest.mark.parametrize("rule", [r for r in SHOWN if r.id not in LATE], ids=lambda r: r.id)
def test_what_is_wrong_breaks_the_rule(rule: Rule, tmp_path: Path) -> None:
    """The example before breaks its rule and no other."""
    assert rules_of(tmp_path, rule.before) == {rule.id, *COMPANIONS.get(rule.id, ())}


@pytest.mark.parametrize("rule", SHOWN, ids=lambda r: r.id)
def test_what_is_right_breaks_no_rule(rule: Rule, tmp_path: Path) -> None:
    """The example after breaks nothing at all."""
    assert rules_of(tmp_path, rule.after) == set()


def test_every_rule_has_an_example_or_a_reason() -> None:
    """A rule that can be shown is shown."""
    assert {rule.id for rule in RULES.values() if not rule.before} == NOT_SHOWN


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.id)
def test_rule_says_what_and_why(rule: Rule) -> None:
    """Every rule is a noun phrase, a sentence when, and a sentence why."""
    assert rule.title[0].islower() or rule.title.startswith(("IMAP", "POP3", "SMTP"))
    assert rule.what.endswith(".")
    assert rule.why.endswith(".")
    assert bool(rule.before) is bool(rule.after)
    assert rule.source


def test_rules_are_in_the_order_of_their_ids() -> None:
    """A list of them can be looked through, and no id is taken twice."""
    assert list(RULES) == sorted(RULES)


def test_what_cannot_be_read_cannot_be_waived() -> None:
    """A warning can always be waived; an error cannot where nothing usable was read."""
    stubborn = {rule.id for rule in RULES.values() if not rule.suppressible}

    assert all(RULES[name].severity is Severity.ERROR for name in stubborn)
    assert {"ICE006", "ICE101", "ICE102", "ICE301", "ICE310", "ICE401"} <= stubborn
