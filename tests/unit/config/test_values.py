from __future__ import annotations

import pytest

from icesync.config.values import InvalidValue, read_value, surprise
from icesync.config.yaml_document import Quoted
from icesync.model.desired import MAX_ID
from icesync.model.fields import FIELDS, FIELDS_BY_KEY
from icesync.model.secret import SecretRef


def _unfit(key: str, text: str) -> InvalidValue:
    with pytest.raises(InvalidValue) as caught:
        read_value(FIELDS_BY_KEY[key], text)
    return caught.value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("skill", "1", 1),
        ("skill", str(MAX_ID), MAX_ID),
        ("email_server_id", "17", 17),
        ("smtp.port", "1", 1),
        ("smtp.port", "65535", 65535),
        ("pop3.poll_rate", "10", 10),
        ("password_version.imap", "2", 2),
        ("ssl", "true", True),
        ("tls", "false", False),
        ("status", "Enabled", "Enabled"),
        ("status", Quoted("Disabled"), "Disabled"),
        ("incoming", "imap", "imap"),
        ("smtp.username", "0012", "0012"),
        ("smtp.username", "on", "on"),
        ("smtp.username", Quoted("~"), "~"),
        ("smtp.host", "22:30", "22:30"),
        ("name", "1.10", "1.10"),
        (
            "smtp.password",
            "ref+env://ICE_A",
            SecretRef("ref+env://ICE_A", "env", "ICE_A"),
        ),
        (
            "imap.password",
            Quoted("ref+file://a/b?c=d#/e"),
            SecretRef("ref+file://a/b?c=d#/e", "file", "a/b", "c=d", "/e"),
        ),
    ],
)
def test_text_becomes_the_type_of_its_field(key: str, text: str, value: object) -> None:
    """A text that fits becomes a plain value of the field's type."""
    result = read_value(FIELDS_BY_KEY[key], text)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "rule"),
    [
        ("smtp.port", "0", "ICE301"),
        ("smtp.port", "65536", "ICE301"),
        ("smtp.port", "-5", "ICE301"),
        ("smtp.port", "1" * 30, "ICE301"),
        ("smtp.port", "smtp", "ICE301"),
        ("smtp.port", "0o12", "ICE109"),
        ("smtp.port", "012", "ICE109"),
        ("smtp.port", "0587", "ICE109"),
        ("smtp.port", "0x24b", "ICE109"),
        ("smtp.port", "22:30", "ICE109"),
        ("smtp.port", "1_000", "ICE109"),
        ("smtp.port", "1,000", "ICE109"),
        ("smtp.port", "1e3", "ICE109"),
        ("smtp.port", "587.0", "ICE109"),
        ("smtp.port", "+587", "ICE109"),
        ("smtp.port", "on", "ICE109"),
        ("smtp.port", ".5", "ICE301"),
        ("smtp.port", "٥٨٧", "ICE301"),
        ("smtp.port", Quoted("587"), "ICE013"),
        ("smtp.port", Quoted(""), "ICE013"),
        ("smtp.poll_rate", "0", "ICE310"),
        ("smtp.poll_rate", "-1", "ICE310"),
        ("smtp.poll_rate", "soon", "ICE310"),
        ("smtp.poll_rate", str(MAX_ID + 1), "ICE104"),
        ("skill", "0", "ICE101"),
        ("skill", "-0", "ICE101"),
        ("skill", "-663", "ICE101"),
        ("skill", "abc", "ICE101"),
        ("skill", str(MAX_ID + 1), "ICE104"),
        ("skill", "9" * 25, "ICE104"),
        ("skill", "9" * 5000, "ICE109"),
        ("organization", "0", "ICE101"),
        ("email_server_id", "0", "ICE101"),
        ("password_version.smtp", "0", "ICE013"),
        ("ssl", "on", "ICE109"),
        ("ssl", "yes", "ICE109"),
        ("ssl", "n", "ICE109"),
        ("ssl", "True", "ICE109"),
        ("ssl", "FALSE", "ICE109"),
        ("ssl", "1", "ICE013"),
        ("ssl", "enabled", "ICE013"),
        ("ssl", Quoted("true"), "ICE013"),
        ("status", "on", "ICE109"),
        ("status", "enabled", "ICE208"),
        ("status", "Paused", "ICE208"),
        ("incoming", "no", "ICE109"),
        ("incoming", "POP3", "ICE208"),
        ("smtp.host", Quoted(""), "ICE013"),
        ("smtp.password", "hunter2", "ICE401"),
        ("smtp.password", Quoted(""), "ICE401"),
        ("smtp.password", "REF+env://A", "ICE401"),
        ("smtp.password", "ref+env:/A", "ICE410"),
        ("smtp.password", "ref+env://", "ICE410"),
        ("smtp.password", "ref+env://A B", "ICE410"),
        ("smtp.password", "ref+ENV://A", "ICE410"),
    ],
)
def test_unfit_text_breaks_a_rule(key: str, text: str, rule: str) -> None:
    """Each spelling that a field does not take breaks the rule that says why."""
    unfit = _unfit(key, text)

    assert unfit.rule == rule


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
@pytest.mark.parametrize("key", [field.key for field in FIELDS])
def test_nothing_is_no_value(key: str, text: str) -> None:
    """What some YAML reads as nothing is refused for every field, text and secret too."""
    unfit = _unfit(key, text)

    assert (unfit.rule, unfit.message) == ("ICE109", "is empty")


@pytest.mark.parametrize(
    ("key", "text", "hint"),
    [
        ("smtp.port", Quoted("587"), "remove the quotes"),
        ("ssl", Quoted("true"), "remove the quotes"),
        ("ssl", "on", "use true or false, in lower case"),
        ("status", "enabled", "use Enabled"),
        ("incoming", "IMAP", "use imap"),
        ("status", "Paused", None),
        ("smtp.port", "22:30", "use decimal digits, such as 587"),
    ],
)
def test_hint_says_what_to_write(key: str, text: str, hint: str | None) -> None:
    """Where there is one way out, the hint is that way."""
    assert _unfit(key, text).hint == hint


@pytest.mark.parametrize("text", ["hunter2", "ref+hunter2", "ref+env://hunter 2", "'hunter2"])
def test_secret_is_never_quoted(text: str) -> None:
    """Neither sentence nor hint nor arguments of the error hold what was written."""
    unfit = _unfit("pop3.password", text)

    assert "hunter" not in f"{unfit.message} {unfit.hint} {unfit.args}"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", "is read as a boolean by some YAML versions"),
        ("Y", "is read as a boolean by some YAML versions"),
        ("22:30", "is read as a base-60 number by YAML 1.1"),
        ("190:20:30", "is read as a base-60 number by YAML 1.1"),
        ("012", "is read as an octal number by some YAML versions"),
        ("0o12", "is read as an octal number by some YAML versions"),
        ("0x1F", "is not a plain decimal number"),
        ("1_000", "is not a plain decimal number"),
        ("089", "is not a plain decimal number"),
        ("Enabled", None),
        ("smtp.mail.com", None),
    ],
)
def test_surprise_is_explained(text: str, meaning: str | None) -> None:
    """What versions of YAML disagree about is told by name."""
    assert surprise(text) == meaning


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("preset", "gmial", "the name of a preset did you mean gmail?"),
        ("preset", "Gmail", "the name of a preset did you mean gmail?"),
        ("preset", "amazon-ses/eu-wets-1", "did you mean amazon-ses/eu-west-1?"),
        ("preset", "amazon-workmail", "choose the region: amazon-workmail/eu-west-1, "),
        ("preset", "zzz", "one of: amazon-ses, amazon-workmail, aol, "),
        (
            "imap.preset",
            "sendgrid",
            "the name of a preset that offers imap one of: amazon-workmail, aol, ",
        ),
        ("pop3.preset", "icloud", "the name of a preset that offers pop3 one of: aol, fastmail, "),
    ],
)
def test_presets_are_suggested(key: str, text: str, told: str) -> None:
    """A slip, a missing region, and a provider without that protocol: each has its way out."""
    with pytest.raises(InvalidValue) as caught:
        read_value(FIELDS_BY_KEY[key], text)

    assert caught.value.rule == "ICE208"
    assert told in f"{caught.value.message} {caught.value.hint}"


def test_a_preset_is_its_name() -> None:
    """What is known is taken as it stands."""
    assert read_value(FIELDS_BY_KEY["smtp.preset"], "sendgrid") == "sendgrid"
