from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icesync.model.secret import SecretMetadata, SecretRef, SecretStatus
from icesync.render.secrets import render_secrets, secrets_document
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def status(text: str, *used_by: str, **more: object) -> SecretStatus:
    """Return what became of a reference."""
    scheme, _, path = text.removeprefix("ref+").partition("://")
    return SecretStatus(SecretRef(text, scheme, path), used_by, **more)  # type: ignore[arg-type]


STATUSES = (
    status("ref+env://ICE_59", "59/663 smtp.password"),
    status(
        "ref+sops://eu.enc.yaml#/smtp",
        *(f"212/{skill} smtp.password" for skill in range(4)),
        problem="`ref+sops://eu.enc.yaml#/smtp`: `sops` ended with exit code 128",
        hints=("sops --decrypt eu.enc.yaml >/dev/null",),
    ),
    status(
        "ref+vault://kv/mail#/x",
        "fingerprints.key",
        metadata=SecretMetadata("12", NOW - timedelta(days=3)),
    ),
)


def test_text(golden: Callable[[str, str], None]) -> None:
    """A line each: found or missing, version, age, who uses it; reasons below, counts last."""
    golden("render/secrets.txt", render_secrets(STATUSES, NOW, Style()))


def test_document(golden: Callable[[str, str], None]) -> None:
    """The same for programs."""
    golden("render/secrets.json", json.dumps(secrets_document(STATUSES), indent=2) + "\n")


def test_nothing() -> None:
    """A repository may refer to no secret at all."""
    assert render_secrets((), NOW, Style()) == "no secret references\n"


def test_hostile_text_stays_on_its_line() -> None:
    """A reference is text of a repository."""
    shown = render_secrets((status("ref+env://A\x1b[31m", "x\n::error::y"),), NOW, Style())

    assert "\x1b" not in shown
    assert "\n::" not in shown
