"""The request that the vendor prints as a sample breaks exactly the rules that it should."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builders import desired, plan, server
from fakes import FakeClock
from rig import run_program

from icesync.engine.apply import check_token, foreign_organizations
from icesync.errors import TokenExpired
from icesync.model.project import Api
from icesync.wire.login import sign_token

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = Path(__file__).parents[2] / "examples/quickstart/servers/59-sample.yaml"
PRINTED = {"smtp": "Clark1!", "pop3": "Password1@", "imap": "sample string 21"}
CLAIMS = {"orgid": 128, "username": "dsa@gmail.com", "exp": 1482419545}
"""What the printed token says (doc:sample)."""


def _validated(folder: Path, text: str) -> str:
    (folder / "servers").mkdir()
    (folder / "servers" / "59.yaml").write_text(text)
    (folder / "icesync.yaml").write_text("version: 1\n")
    return run_program(["validate"], folder).stdout


def test_the_sample_with_references(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """Without its waiver, the example is told every finding of the sample, and nothing else."""
    text = re.sub(r"(?m)^# icesync: allow.*\n", "", SAMPLE.read_text())

    golden("rules/vendor-sample.txt", _validated(tmp_path, text))


def test_the_sample_as_printed(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """With the passwords written out, these are told too, and hide nothing else."""
    text = re.sub(r"(?m)^# icesync: allow.*\n", "", SAMPLE.read_text())
    for block, password in PRINTED.items():
        text = text.replace(f"ref+file://demo-secrets.yaml#/59-663/{block}", password)

    golden("rules/vendor-sample-as-printed.txt", _validated(tmp_path, text))


def test_the_token_of_the_sample() -> None:
    """It is for another organization, and it ended in 2016."""
    token = sign_token(CLAIMS, b"any key")
    clock = FakeClock(datetime(2026, 11, 22, tzinfo=UTC))

    assert foreign_organizations(token, plan(desired(server()))) == (59,)
    with pytest.raises(TokenExpired, match=r"2016-12-22 15:12:25Z \(ICE403\)"):
        check_token(token, 1, Api(), clock)
