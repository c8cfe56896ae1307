"""What the options of an import mean, and the table to fill in that one of them prints."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.config.discover import is_found
from icesync.engine.drafts import EXAMPLE, ColumnOptions, Drafter
from icesync.errors import UsageError, printable
from icesync.frozen import NamedTuple
from icesync.model.fields import FIELDS_BY_KEY
from icesync.model.secret import parse_secret_ref
from icesync.sheet.columns import Column, find_column, find_key, is_secret
from icesync.sheet.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.engine.session import Session


class SecretsKind(StrEnum):
    """Where the passwords go that come along."""

    NONE = "none"
    """nowhere: the files refer to variables that somebody sets"""
    ENV = "env"
    YAML = "yaml"


PASSWORDS: Final = ".icesync/passwords"
"""Where passwords go unless somebody names a place; the name ends in the kind."""


class Destination(NamedTuple):
    """Where the passwords go; the path is relative to the configuration."""

    kind: SecretsKind = SecretsKind.NONE
    path: str = ""


def read_folder(session: Session, out: str) -> str:
    """Return the folder of the server files, which ``files:`` must find."""
    root = Path(session.project.root)
    relative = os.path.relpath(root / out, root).replace(os.sep, "/")
    shown, sample = printable(out), f"{relative}/59.yaml"
    if relative == ".." or relative.startswith("../"):
        raise UsageError(f"--out {shown} leads outside of the configuration's folder")
    if not is_found(sample, session.project.files):
        raise UsageError(
            f"no pattern of `files:` would find a file in {shown}",
            f"use a folder that one of them finds: {', '.join(session.project.files)}",
        )
    return relative


def read_destination(session: Session, text: str | None) -> Destination | None:
    """Return where the passwords go; None where nobody said it."""
    if text is None:
        return None
    if text == SecretsKind.NONE:
        return Destination()
    kind, _, name = text.partition(":")
    if kind not in {SecretsKind.ENV, SecretsKind.YAML} or not name:
        raise UsageError(
            f"--secrets {printable(text)} does not name a kind of file",
            "write env:FILE for variables, yaml:FILE for a file that SOPS can encrypt, or none",
        )
    root = Path(session.project.root)
    path = os.path.relpath(root / name, root).replace(os.sep, "/")
    shown = printable(path)
    if kind == SecretsKind.YAML and not path.endswith((".yaml", ".yml")):
        raise UsageError("--secrets yaml: needs a file named .yaml or .yml")
    if kind == SecretsKind.YAML and parse_secret_ref(f"ref+file://{path}#/59-663/smtp") is None:
        raise UsageError(
            f"a reference cannot contain the path {shown}", "name a file without spaces, `?` or `#`"
        )
    if session.caller.is_committed(path):
        raise UsageError(
            f"{shown} would hold passwords, and git does not ignore it",
            f"run `{ignore_command(root, path)}` to keep it out of the repository",
        )
    return Destination(SecretsKind(kind), path)


def ignore_command(root: Path, path: str) -> str:
    """Return what a shell runs, where it stands, so that git ignores *path*, relative to *root*."""
    folder, name = os.path.split(path) if path.startswith("..") else ("", path)
    pattern = re.sub(r"[\\*?\[\]]", "?", name)
    if pattern.startswith(("#", "!", "-")):
        pattern = f"/{pattern}"
    target = os.path.relpath(root / folder / ".gitignore")
    return f"echo {shlex.quote(pattern)} >> {shlex.quote(target)}"


def read_column_options(maps: Sequence[str], sets: Sequence[str], *, as_is: bool) -> ColumnOptions:
    """Return what ``--map`` and ``--set`` say."""
    columns: dict[str, Column] = {}
    for text in maps:
        name, equals, keys = text.rpartition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"--map {printable(text)} is not COLUMN=SETTING",
                'write --map "Email=smtp.mailbox,imap.mailbox"',
            )
        found = [_key("--map", key) for key in keys.split(",") if key.strip()]
        columns[name.strip().casefold()] = Column(tuple(key for k in found for key in k))
    constants: dict[str, str] = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise UsageError(
                f"--set {printable(name)} is not SETTING=VALUE", "write --set status=Enabled"
            )
        for key in _key("--set", name):
            if is_secret(key) and not value.startswith("ref+"):
                # A command line is seen by everybody on the machine.
                raise UsageError(
                    f"--set {key} takes a reference only", f"write --set {key}=ref+env://NAME"
                )
            constants[key] = value
    return ColumnOptions(columns, constants, as_is)


def _key(option: str, text: str) -> tuple[str, ...]:
    """Return the settings that *text* names: one, or those of a name without a protocol."""
    key = find_key(text)
    if key is not None:
        return (key,)
    column = find_column(text)
    if column is not None and column.keys and column.keys != ("encryption",):
        return column.keys
    near = difflib.get_close_matches(text.strip().lower(), FIELDS_BY_KEY, n=1)
    raise UsageError(
        f"{option}: {printable(text.strip())} is not a setting",
        f"did you mean {near[0]}?"
        if near
        else "settings are called smtp.host, imap.mailbox, status ...",
    )


def check_columns(drafter: Drafter) -> None:
    """Refuse a ``--map`` of a column that no file has."""
    unseen = [name for name in drafter.options.columns if name not in drafter.names]
    if unseen:
        names = ", ".join(printable(name) for name in drafter.names.values())
        raise UsageError(
            f"--map: no column is called {printable(unseen[0])}",
            f"the columns: {names or 'none'}",
        )


def print_rows(*, as_workbook: bool) -> bytes:
    """
    Return a table to fill in, as a workbook or as CSV: header, explanations, one example.

    Raises:
        ConfigMalformed: a workbook, and openpyxl is not installed.

    """
    rows = tuple(zip(*_TEMPLATE, strict=True))
    if as_workbook:
        return write_workbook(rows, "Mailboxes")
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode()


_LOGIN: Final = "for sending and collecting"
_OTHERWISE: Final = "without a provider"
_TEMPLATE: Final = (
    ("Organization", "# a number: the id of the organization in ICE", "59"),
    ("Skill", "a number: the id of the skill (queue) in ICE", "663"),
    ("Name", "for people; never sent", EXAMPLE),
    ("Status", "Enabled or Disabled", "Enabled"),
    ("Incoming", "imap or pop3", "imap"),
    ("Provider", "gmail, microsoft365, web.de ...: gives hosts and ports", "gmail"),
    ("Email", f"address of the mailbox, {_LOGIN}", "support@example.org"),
    ("User", f"user name, {_LOGIN}", "support@example.org"),
    ("Password", f"{_LOGIN}; goes where --secrets says, not into server files", ""),
    ("Poll rate", "a number", "10"),
    ("SMTP host", f"{_OTHERWISE}: host for sending", ""),
    ("SMTP port", f"{_OTHERWISE}: such as 587", ""),
    ("Incoming host", f"{_OTHERWISE}: host for collecting", ""),
    ("Incoming port", f"{_OTHERWISE}: such as 993", ""),
    ("Encryption", f"{_OTHERWISE}: starttls, ssl or none", ""),
)
"""The columns of the table to fill in: name, explanation, example."""
