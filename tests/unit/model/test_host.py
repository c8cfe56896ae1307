from __future__ import annotations

import pytest

from icesync.model.host import ascii_host, is_loopback, numeric_address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """Only this machine reaches these."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "localhost.example.test", "127.0.0.1.x"])
def test_not_loopback(host: str) -> None:
    """A name that merely looks local is not."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Mail.Example.org.", "mail.example.org"),
        ("straße.desk.test", "xn--strae-oqa.desk.test"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("mail。example。org", "mail.example.org"),
        ("my_host.example.org", "my_host.example.org"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_host_has_one_spelling(host: str, name: str) -> None:
    """Look-up, certificate, rule and hint read an international name by IDNA 2008."""
    assert ascii_host(host) == name


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "a" * 64 + ".test", "bü cher.test", "\ud800.test"]
)
def test_what_is_no_host(host: str) -> None:
    """A name that DNS cannot hold is refused before anybody is asked."""
    with pytest.raises(ValueError, match="is not a host name"):
        ascii_host(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x0a000001", "10.0.0.1"),
        ("192.168.257", "192.168.1.1"),
        ("203.0.113.10.", "203.0.113.10"),
        ("[::1]", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_every_spelling_of_an_address_is_read(host: str, expected: str) -> None:
    """A resolver takes all of these, so a rule about addresses must."""
    assert str(numeric_address(host)) == expected


@pytest.mark.parametrize(
    "host", ["999.1.1.1", "256.1", "08.1.1.1", "1.2.3.4.5", "0x", "1a.example", "mail", "", "::g"]
)
def test_what_is_no_address(host: str) -> None:
    """A name, or a number that no resolver takes."""
    assert numeric_address(host) is None
