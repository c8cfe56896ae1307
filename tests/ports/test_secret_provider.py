"""What every secret provider promises, the fake one included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import FakeProvider

from icesync.errors import SecretMissing
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.secrets.env import EnvProvider
from icesync.secrets.file import FileProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from icesync.ports import SecretProvider

    Provide: TypeAlias = Callable[[str], tuple[SecretProvider, SecretRef]]


def _reference(text: str) -> SecretRef:
    found = parse_secret_ref(text)
    assert found is not None
    return found


def _env(value: str, _folder: Path) -> tuple[SecretProvider, SecretRef]:
    provider = EnvProvider({"ICE_PASSWORD": value}, ("ICE_*",))
    return provider, _reference("ref+env://ICE_PASSWORD")


def _file(value: str, folder: Path) -> tuple[SecretProvider, SecretRef]:
    (folder / "password").write_bytes(f"{value}\n".encode())
    provider = FileProvider(folder, ("**",), lambda _data, _name: {})
    return provider, _reference("ref+file://password")


def _fake(value: str, _folder: Path) -> tuple[SecretProvider, SecretRef]:
    return FakeProvider("fake", {"password": value}), _reference("ref+fake://password")


@pytest.fixture(params=[_env, _file, _fake])
def provide(request: pytest.FixtureRequest, tmp_path: Path) -> Provide:
    """How to get a provider of each kind that holds a value, and the reference to it."""
    return lambda value: request.param(value, tmp_path)


@pytest.mark.parametrize(
    "secret", ["0012", " padded ", "a#b&c", "çé…😀", "two\nlines", "\ttab", "null", "x\n"]
)
def test_secret_is_opaque(provide: Provide, secret: str) -> None:
    """A secret comes back unaltered, whatever it looks like."""
    provider, reference = provide(secret)

    assert provider.fetch(reference).reveal() == secret


def test_empty_secret_is_missing(provide: Provide) -> None:
    """A secret is never empty."""
    provider, reference = provide("")

    with pytest.raises(SecretMissing, match="is empty"):
        provider.fetch(reference)


def test_missing_secret_is_named_and_quotes_no_other(provide: Provide) -> None:
    """A reference that leads nowhere is named; no value of another one is."""
    provider, reference = provide("canary-8h2")
    wrong = _reference(f"{reference}S")

    with pytest.raises(SecretMissing) as caught:
        provider.fetch(wrong)

    assert wrong.path in caught.value.message
    assert "canary-8h2" not in repr((caught.value.message, caught.value.hints))


def test_scheme_is_that_of_the_references(provide: Provide) -> None:
    """A provider names the scheme that it opens."""
    provider, reference = provide("x")

    assert provider.scheme == reference.scheme
