from __future__ import annotations

import pytest

from icesync.config.rules import Host, MailAddress, on_address, on_host
from icesync.diagnostics import Severity


def check_host(host: str, *, live: bool = False) -> list[tuple[object, ...]]:
    """Return rule, key, message, hint and severity of what is found."""
    return [(rule, *v) for rule, v in on_host.first(Host("smtp.host", host, True, live))]


def check_address(text: str) -> list[tuple[object, ...]]:
    """Return the same of an email address."""
    return [(rule, *v) for rule, v in on_address.first(MailAddress("smtp.mailbox", text, True))]


@pytest.mark.parametrize(
    "host",
    ["smtp.mail.com", "a.b", "xn--bcher-kva.example", "1a.b-c.net", "203.0.113.10", "8.8.8.8"],
)
def test_ordinary_hosts_are_fine(host: str) -> None:
    """A bare lower-case name with a dot is what a host is."""
    assert check_host(host) == []


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("smtp://mail.com", "ICE503 it contains a scheme"),
        ("desk@mail.com", "ICE503 it is an email address"),
        ("smtp.mail.com:587", "ICE503 it contains a port"),
        ("mail.com/x", "ICE503 it contains a path"),
        ("smtp mail.com", "ICE503 it contains a space"),
        ("smtp_1.mail.com", "ICE503 it contains an underscore"),
        ("smtp..mail.com", "ICE503 it contains an empty label"),
        ("-a.mail.com", "ICE503 a label starts or ends with a hyphen"),
        (f"{'a' * 64}.com", "ICE503 its labels are invalid"),
        ("é" * 70 + ".com", "ICE503 its labels are invalid"),
        ("bücher.example", "ICE504 use xn--bcher-kva.example"),
        ("10.0.0.5", "ICE505"),
        ("[::1]", "ICE505"),
        ("localhost", "ICE505"),
        ("mail", "ICE505"),
        ("mail.corp.local", "ICE505"),
        ("Smtp.Mail.com", "ICE506 use smtp.mail.com"),
        ("smtp.mail.com.", "ICE506 use smtp.mail.com"),
        (" smtp.mail.com", "ICE503 it contains a space"),
        ("smtp.mail.com ", "ICE503 it contains a space"),
        ("999.1.1.1", "ICE503 it looks like an IP address"),
        ("0x7f.1", "ICE505 is 127.0.0.1"),
        ("127.1", "ICE505 is 127.0.0.1"),
        ("0177.0.0.1", "ICE505 is 127.0.0.1"),
        ("0xcb00710a", "ICE503 use 203.0.113.10"),
        ("smtp.gmial.com", "ICE508 use smtp.gmail.com"),
        ("smtp.gmail.co", "ICE508 use smtp.gmail.com"),
        ("smtp.offic365.com", "ICE508 use smtp.office365.com"),
        ("outlook.office356.com", "ICE508 use outlook.office365.com"),
        ("smpt.contoso.com", "ICE508 use smtp.contoso.com"),
        ("#N/A", "ICE507 spreadsheet"),
        ("<your host>", "ICE507"),
        ("sample string 19", "ICE507"),
        ("TODO", "ICE507"),
    ],
)
def test_odd_hosts_are_told(host: str, told: str) -> None:
    """What is no bare name, or cannot be reached from outside, is told once with its reason."""
    [(found, _, message, hint, _)] = check_host(host)

    rule, _, words = told.partition(" ")
    assert found == rule
    assert words in f"{message} {hint}"


@pytest.mark.parametrize("host", ["smtp.example.org", "example.com", "a.test", "b.invalid"])
def test_names_for_examples_are_told_where_ice_is_real(host: str) -> None:
    """Against an emulator they are as good as any other."""
    [(rule, _, _, _, severity)] = check_host(host, live=True)

    assert (rule, severity) == ("ICE507", Severity.WARNING)
    assert check_host(host) == []


@pytest.mark.parametrize(
    "text",
    ["a@b.de", "a.b+c@d-e.co.uk", "o'neil@x.io", '"a b"@x.org', "desk@xn--bcher-kva.example"],
)
def test_addresses_are_fine(text: str) -> None:
    """What mail servers take is taken."""
    assert check_address(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("desk", "ICE501 it has no @"),
        ("@x.org", "ICE501 a part of it is empty"),
        ("desk@", "ICE501 a part of it is empty"),
        (f"{'a' * 65}@x.org", "ICE501 more than 64 bytes"),
        (f"a@{'b' * 60}.{'c' * 63}.{'d' * 63}.{'e' * 63}.org", "ICE501 more than 254 characters"),
        ("a@b", "ICE501 its domain has no dot"),
        ("a@b c.de", "ICE501 its domain is not a host name"),
        ("a@-b.de", "ICE501 its domain is not a host name"),
        ("a b@c.de", "ICE501 an invalid character or dot"),
        ("a..b@c.de", "ICE501 an invalid character or dot"),
        ("a@b@c.de", "ICE501 an invalid character or dot"),
        ("jörg@c.de", "ICE502 SMTPUTF8"),
        ("desk@bücher.example", "ICE504 the domain bücher.example"),
        ("sample string 22", "ICE507 placeholder"),
    ],
)
def test_what_is_no_address_is_told(text: str, told: str) -> None:
    """The rule and the reason, once."""
    [(found, _, message, _, _)] = check_address(text)

    rule, _, words = told.partition(" ")
    assert found == rule
    assert words in str(message)
