from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import BASE_URL, KEY, SALES, SUPPORT, desired, entry, plan, position, server, snapshot

from icesync.engine.apply import check_token_scope
from icesync.engine.plan_rules import check_changes, check_secrets, check_shared
from icesync.engine.secret_resolution import Resolution
from icesync.model.project import Api, Guard, Project
from icesync.model.secret import SecretValue
from icesync.wire.login import sign_token

if TYPE_CHECKING:
    from icesync.model.plan import Plan

GMAIL = {"smtp__host": "smtp.gmail.com"}
ICLOUD = {"smtp__host": "smtp.mail.me.com"}
TOKEN = "1b1c5ef0-7f53-4a4e-9d7f-30f0c7f0a000"
POSTMARK = {"smtp__host": "smtp.postmarkapp.com", "smtp__username": TOKEN}


def _resolved(**values: str) -> Resolution:
    return Resolution({f"ref+fake://{name}": SecretValue(text) for name, text in values.items()})


@pytest.mark.parametrize(
    ("changed", "value", "told"),
    [
        ({}, "canary-1", []),
        ({}, "canary-1\n", ["ICE405 the secret of `smtp.password` contains a line break"]),
        (GMAIL, "abcdefghijklmnop", []),
        (GMAIL, "abcd efgh ijkl mnop", []),
        (
            GMAIL,
            "canary-1",
            [
                (
                    "ICE407 `smtp.password`: gmail needs an app password (16 lower-case letters); "
                    "this secret has 8 characters"
                )
            ],
        ),
        (ICLOUD, "abcd-efgh-ijkl-mnop", []),
        (
            ICLOUD,
            "canary-1",
            [
                (
                    "ICE407 `smtp.password`: icloud needs an app password (four groups of four "
                    "letters with dashes); this secret has 8 characters"
                )
            ],
        ),
        (POSTMARK, TOKEN, []),
        ({**POSTMARK, "smtp__username": "PM-T-outbound-key"}, "canary-1", []),
        (
            POSTMARK,
            "canary-1",
            [
                (
                    "ICE407 `smtp.password`: postmark needs the server's token as user name "
                    "and password"
                )
            ],
        ),
    ],
)
def test_secrets_are_looked_at_and_not_told(
    changed: dict[str, object], value: str, told: list[str]
) -> None:
    """Kind and length of a secret are told, never the secret."""
    wanted = desired(server(SUPPORT, {"smtp.password": "a"}, **changed))  # type: ignore[arg-type]

    found = [(f.rule, *f.violation) for f in check_secrets(wanted, _resolved(a=value))]

    assert [f"{rule} {message}" for rule, _, message, _, _ in found] == told
    assert not any("canary" in f"{message}{hint}" for _, _, message, hint, _ in found)


def test_servers_of_one_provider_are_judged_each() -> None:
    """Two servers with the same slip are two findings."""
    slip = {"smtp.password": "a"}
    wanted = desired(server(SUPPORT, slip, **GMAIL), server(SALES, slip, **GMAIL))

    assert len(list(check_secrets(wanted, _resolved(a="canary-1")))) == 2


def test_a_secret_that_was_not_seen_is_not_judged() -> None:
    """A fork's plan says nothing about values."""
    wanted = desired(server(SUPPORT, {"smtp.password": "a"}, **GMAIL))

    assert list(check_secrets(wanted, Resolution())) == []


def test_one_password_behind_several_references() -> None:
    """It is told once, at the first server; one reference used often is no news."""
    wanted = desired(
        server(SALES, {"smtp.password": "b"}),
        server(SUPPORT, {"smtp.password": "a", "pop3.password": "a"}),
    )

    [found] = check_shared(wanted, _resolved(a="canary-1", b="canary-1", c="canary-1"), KEY)

    assert (found.server.address, found.rule) == (SUPPORT, "ICE408")
    assert "2 other places" in found.violation.message
    assert list(check_shared(wanted, _resolved(a="canary-1", b="canary-2"), KEY)) == []


BEFORE = snapshot({SUPPORT: entry()})


@pytest.mark.parametrize(
    ("changed", "guards", "told"),
    [
        ({"status": "Disabled"}, (), ["ICE207 status"]),
        ({"status": "Disabled"}, (Guard.DISABLED,), []),
        ({"imap__port": 993}, (), ["ICE209 imap"]),
        ({"smtp__port": 465}, (), []),
        ({}, (), []),
    ],
)
def test_changes(changed: dict[str, object], guards: tuple[Guard, ...], told: list[str]) -> None:
    """A server that is switched off, unless a guard says it; and a change out of use."""
    wanted = desired(server(SUPPORT, **changed))  # type: ignore[arg-type]
    made = plan(wanted, BEFORE)

    found = [f"{f.rule} {f.violation.key}" for f in check_changes(made, wanted, guards)]

    assert found == told


def _scope(organization: int, made: Plan, base_url: str = BASE_URL) -> list[str]:
    token = sign_token({"orgid": organization, "exp": 1}, b"key")
    positions = {"api.token": position(4)}
    project = Project("/r", "icesync.yaml", api=Api(base_url), positions=positions)
    return [
        f"{d.position.line} {d.rule} {d.message}" for d in check_token_scope(token, made, project)
    ]


def test_a_token_of_another_organization() -> None:
    """It is told at the token's line, for the first few organizations."""
    one = plan(desired(server(SUPPORT)))
    many = plan(desired(*(server(SUPPORT._replace(organization=n)) for n in range(1, 9))))

    assert _scope(59, one) == []
    assert _scope(128, one, "emulator") == []
    assert _scope(128, one) == ["4 ICE402 the token is for another organization than 59"]
    assert _scope(128, many) == [
        "4 ICE402 the token is for another organization than 1, 2, 3, 4, 5 and 3 more"
    ]
