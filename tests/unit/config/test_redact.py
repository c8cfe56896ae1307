from __future__ import annotations

import pytest

from icesync.config.redact import redact

HEAD = "version: 1\norganization: 59\nservers:\n  - skill: 1\n"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("smtp: {password: hunter2, port: 25}", "smtp: {password: ***, port: 25}"),
        ("smtp:\n      password: >-\n        hunter2\n", "smtp:\n      password: ***\n"),
        ("smtp: {password: [hunter2, {hunter2: 1}]}", "smtp: {password: [***, {***: ***}]}"),
        ("smtp: {pasword: 'hunter2'}", "smtp: {pasword: ***}"),
        ("zoo: {key: [hunter2]}", "zoo: {***: [***]}"),
        ("name: &x hunter2\n    smtp: {password: *x}", "name: &x ***\n    smtp: {password: *x}"),
        ("smtp: {password: ref+env://ICE_A}", "smtp: {password: ref+env://ICE_A}"),
        ("smtp: {password: 'ref+env://ICE_A'}", "smtp: {password: 'ref+env://ICE_A'}"),
        ("smtp: {host: a, port: 25}  # token of old", "smtp: {host: a, port: 25}  # token of old"),
        ("# password: hunter2", "# password: ***"),
        ("# password: ref+env://ICE_A", "# password: ref+env://ICE_A"),
        ("smtp:\n      password: #hunter2", "smtp:\n      password: #***"),
    ],
)  # fmt: skip
def test_what_may_be_a_secret_is_covered(written: str, shown: str) -> None:
    """References, names and ports are shown; a literal secret and what may be one are not."""
    assert redact(f"{HEAD}    {written}\n") == f"{HEAD}    {shown}\n"


def test_secrets_of_icesync_itself_are_covered() -> None:
    """The configuration's own secrets obey the rule, its lists and limits are shown."""
    text = "version: 1\nlimits: {updates: [5, 3%]}\nguards: [a]\nfingerprints: {key: "

    assert redact(text + "hunter2}\n") == text + "***}\n"
