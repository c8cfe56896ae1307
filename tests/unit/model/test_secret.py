from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from builders import SALES, SUPPORT

from icesync.model.secret import (
    SecretComparison,
    SecretFindings,
    SecretRef,
    SecretValue,
    parse_secret_ref,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-4711"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ref+env://ICE_TOKEN", ("env", "ICE_TOKEN", "", "")),
        ("ref+file://a/b.yaml#/smtp/password", ("file", "a/b.yaml", "", "/smtp/password")),
        ("ref+vault://kv/ice?version=3#/key", ("vault", "kv/ice", "version=3", "/key")),
    ],
    ids=["plain", "fragment", "query"],
)
def test_reference_is_read_into_its_parts(text: str, found: tuple[str, str, str, str]) -> None:
    """``ref+SCHEME://PATH[?QUERY][#FRAGMENT]`` is the whole grammar."""
    assert parse_secret_ref(text) == SecretRef(text, *found)


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "env://X", "ref+env:X", "ref+env://", "ref+Env://X", "ref+://X", "ref+9://X",
     " ref+env://X", "ref+env://X ", "ref+env://X\n", "ref+env://X Y", "ref+env://X#a b"],
    ids=ascii,
)  # fmt: skip
def test_other_texts_are_no_reference(text: str) -> None:
    """A text that is nearly a reference is a literal, and refused elsewhere."""
    assert parse_secret_ref(text) is None


def test_reference_prints_as_its_text() -> None:
    """A reference is not a secret: it is shown as it was written."""
    assert str(parse_secret_ref("ref+env://ICE_TOKEN")) == "ref+env://ICE_TOKEN"


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{!r:>5}".format, "{:>20}".format, lambda s: f"{[s]}"],
    ids=["repr", "str", "format", "conversion", "spec", "inside of a list"],
)
def test_secret_does_not_print_itself(show: Callable[[object], str]) -> None:
    """However a secret is shown, three stars are all there is to see."""
    shown = show(SecretValue(CANARY))

    assert CANARY not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s == CANARY,
        lambda s: s != SecretValue(CANARY),
        hash,
        lambda s: {s},
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
    ],
    ids=["equal", "unequal", "hash", "set", "copy", "deepcopy", "pickle"],
)
def test_secret_refuses_to_travel(use: Callable[[Any], object]) -> None:
    """Comparing, hashing, copying and pickling a secret is an error that does not quote it."""
    with pytest.raises(TypeError, match="a secret cannot be") as caught:
        use(SecretValue(CANARY))

    assert CANARY not in str(caught.value)


def test_secret_opens_on_request() -> None:
    """Revealing is the one way in."""
    assert SecretValue(CANARY).reveal() == CANARY


def test_findings_name_the_odd_ones_only() -> None:
    """Whatever is not listed compares as usual."""
    changed, unchanged = SecretComparison.CHANGED, SecretComparison.UNCHANGED
    findings = SecretFindings(exceptions={SUPPORT: {"smtp.password": changed}})

    assert findings.of(SUPPORT, "smtp.password") is changed
    assert findings.of(SUPPORT, "pop3.password") is unchanged
    assert findings.of(SALES, "smtp.password") is unchanged
