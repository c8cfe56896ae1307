"""Reference pages for ``icesync explain TOPIC``, built from the tables of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules import RULES
from icesync.config.schema import default_of, describe_option
from icesync.errors import EXIT_CODES
from icesync.model.explanation import Topic, TopicEntry
from icesync.model.plan import PROBE, SAFEGUARDS, STATE_EDITED, Action
from icesync.model.presets import PRESETS
from icesync.model.project import OPTIONS, VARIABLES, Option, OptionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_ACTIONS: Final = {
    Action.ADD: "Send a server for the first time.",
    Action.UPDATE: "Send a server whose settings or passwords changed.",
    Action.MOVE: "Send a server to its new address; its history is kept (`moved:`).",
    Action.DISABLE: "Send `Disabled` and inactive, then remove the server from the state "
    "(`removed:`).",
    Action.FORGET: "Remove the server from the state; nothing is sent (`removed:`).",
    Action.RESEND: "Send a server again although nothing changed: the last call is uncertain, or "
    "`--resend` asks for it.",
    Action.NOT_IN_FILES: "The server is no longer in any file. It is left unchanged.",
    Action.NO_OP: "The server matches what ICE last confirmed. Nothing is sent.",
}


_OTHER_GUARDS: Final = {
    PROBE: "With `--probe`: a mail server rejected the login.",
    SAFEGUARDS: "A safeguard in icesync.yaml is looser than at the last apply.",
    STATE_EDITED: "The state was changed outside icesync, or is not signed.",
}


_FLAGS: Final = {
    "CI_SERVER_TLS_CA_FILE": "icesync ci --ca-file",
    "ICESYNC_CI": "--ci",
    "ICESYNC_COLOR": "--color",
    "ICESYNC_CONFIG": "--config",
    "ICESYNC_FORMAT": "--format",
    "ICESYNC_NO_INPUT": "--no-input",
    "ICESYNC_SHARD": "--shard",
    "ICESYNC_STRICT": "--strict",
}
"""Options of the command line that a variable sets; a test compares it with the commands."""


def _option(row: Option) -> TopicEntry:
    default = default_of(row)
    text = describe_option(row)
    if row.kind is OptionKind.LIMIT:
        text = f"Maximum of {row.text} in one run: a count (5), a percentage (30%) or both."
    if default not in (None, [], ""):
        shown = ", ".join(map(str, default)) if isinstance(default, list) else default
        text += f" Default: {str(shown).lower() if isinstance(shown, bool) else shown}."
    return TopicEntry(row.path, text)


def _variables() -> Iterator[TopicEntry]:
    for names, text in VARIABLES.items():
        yield from (TopicEntry(name, text) for name in names.split(", "))
    yield from (TopicEntry(name, f"Same as `{flag}`.") for name, flag in _FLAGS.items())
    yield from (
        TopicEntry(row.variable, f"Overrides `{row.path}`.")
        for row in OPTIONS.values()
        if row.variable
    )


def _limits() -> tuple[TopicEntry, ...]:
    return tuple(_option(row) for path, row in OPTIONS.items() if path.startswith("limits."))


def _guards() -> tuple[TopicEntry, ...]:
    meanings: dict[str, str] = {str(word): text for word, text in OPTIONS["guards"].choices.items()}
    meanings |= _OTHER_GUARDS
    return tuple(
        TopicEntry(name, f"{text} Blocked until you pass `--allow {name}`.")
        for name, text in meanings.items()
    )


_PAGES: Final[dict[str, tuple[str, Callable[[], tuple[TopicEntry, ...]]]]] = {
    "rules": (
        "Rules that check the files",
        lambda: tuple(TopicEntry(r.id, f"{r.severity}: {r.title}") for r in RULES.values()),
    ),
    "guards": ("Changes that are blocked until you allow them", _guards),
    "limits": ("Limits on the number of changes in one run", _limits),
    "actions": (
        "What a plan does with a server",
        lambda: tuple(TopicEntry(action, text) for action, text in _ACTIONS.items()),
    ),
    "exit-codes": (
        "Exit codes",
        lambda: tuple(TopicEntry(str(code), text) for code, text in EXIT_CODES.items()),
    ),
    "presets": (
        "Mail providers for `preset:`",
        lambda: tuple(TopicEntry(name, preset.title) for name, preset in PRESETS.items()),
    ),
    "configuration": (
        "Keys of icesync.yaml",
        lambda: tuple(map(_option, OPTIONS.values())),
    ),
    "environment": (
        "Environment variables",
        lambda: tuple(sorted(_variables(), key=lambda row: row.name)),
    ),
}


def topics() -> tuple[Topic, ...]:
    """Return all pages, in the order in which they are listed."""
    return tuple(Topic(name, title, rows()) for name, (title, rows) in _PAGES.items())


def find_topic(word: str) -> Topic | None:
    """
    Return the page that *word* names, or the page with the one row of that name.

    Rules, presets and exit codes have pages of their own or are plain numbers: their rows are
    not found here.
    """
    for name, (title, rows) in _PAGES.items():
        if word == name:
            return Topic(name, title, rows())
        if name not in {"rules", "presets", "exit-codes"}:
            found = Topic(name, title, rows()).only(word)
            if found.entries:
                return found
    return None
