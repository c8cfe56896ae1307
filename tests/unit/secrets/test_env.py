from __future__ import annotations

import pytest

from icesync.errors import SecretMissing
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.secrets.env import EnvProvider

ENVIRON = {
    "ICE_EU_SMTP": "s3cr3t-eu",
    "ICE_EMPTY": "",
    "ICE_BYTES": "caf\udce9-s3cr3t",
    "ICE_LINE": "s3cr3t\n",
    "GITHUB_TOKEN": "s3cr3t-gh",
    "AICE_EU_POP3": "s3cr3t-not-ours",
}


def _reference(text: str) -> SecretRef:
    found = parse_secret_ref(text)
    assert found is not None
    return found


def _failure(text: str) -> SecretMissing:
    provider = EnvProvider(ENVIRON, ("ICE_*", "ICESYNC_SECRET_*"))
    with pytest.raises(SecretMissing) as caught:
        provider.fetch(_reference(text))
    return caught.value


def test_line_break_at_the_end_is_kept() -> None:
    """A variable is opaque: even a final line break, odd as it is, stays."""
    provider = EnvProvider(ENVIRON, ("ICE_*",))

    assert provider.fetch(_reference("ref+env://ICE_LINE")).reveal() == "s3cr3t\n"


def test_other_credentials_of_the_job_are_not_opened() -> None:
    """A variable outside of the allow-list is refused, and the rule is named."""
    failure = _failure("ref+env://GITHUB_TOKEN")

    assert failure.message == (
        "`ref+env://GITHUB_TOKEN` is not allowed: variables must match ICE_*, ICESYNC_SECRET_*"
    )


def test_allow_list_minds_the_case() -> None:
    """Globs compare exactly, on every system."""
    failure = _failure("ref+env://ice_eu_smtp")

    assert "is not allowed" in failure.message


def test_variable_that_is_not_set_says_how_to_set_it() -> None:
    """A missing variable is named, with the command that sets it."""
    failure = _failure("ref+env://ICE_US")

    assert failure.message == "variable ICE_US is not set"
    assert failure.hints[-1] == "read -rs ICE_US && export ICE_US"


def test_near_miss_is_suggested() -> None:
    """A slip of the finger meets the name that was probably meant."""
    failure = _failure("ref+env://ICE_EU_SMPT")

    assert failure.hints[0] == "did you mean `ICE_EU_SMTP`?"


@pytest.mark.parametrize("name", ["ICE_EU_IMAP", "ICE_59_664_SMTP", "ICE_US_SMTP"])
def test_another_password_is_not_suggested(name: str) -> None:
    """Another protocol, number or word is another password, not a slip."""
    environ = {"ICE_EU_SMTP": "a", "ICE_59_663_SMTP": "b"}
    with pytest.raises(SecretMissing) as caught:
        EnvProvider(environ, ("ICE_*",)).fetch(_reference(f"ref+env://{name}"))

    assert caught.value.hints == (f"read -rs {name} && export {name}",)


def test_suggestion_never_names_what_is_not_allowed() -> None:
    """Which other variables a job has is not told."""
    failure = _failure("ref+env://ICE_EU_POP3")

    assert "AICE_EU_POP3" not in repr(failure.hints)


def test_empty_variable_is_refused() -> None:
    """A variable that is set to nothing is told apart from one that is not set."""
    failure = _failure("ref+env://ICE_EMPTY")

    assert failure.message == "variable ICE_EMPTY is empty"


@pytest.mark.parametrize("rest", ["?version=2", "#/key"])
def test_reference_takes_a_name_only(rest: str) -> None:
    """A variable has no versions and no keys: such a reference is a mistake."""
    failure = _failure(f"ref+env://ICE_EU_SMTP{rest}")

    assert "takes a name only" in failure.message


def test_bytes_that_are_not_utf8_are_refused_unquoted() -> None:
    """A value that no request could carry is refused, and no cause holds it."""
    failure = _failure("ref+env://ICE_BYTES")

    assert failure.message == "variable ICE_BYTES is not UTF-8"
    assert failure.__context__ is None
