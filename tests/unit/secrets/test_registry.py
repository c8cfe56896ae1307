from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeProvider

from icesync.errors import AccessError, ConfigInvalid, SecretMissing
from icesync.model.secret import SecretMetadata, SecretRef, SecretValue
from icesync.secrets.registry import Providers, SecretSettings

if TYPE_CHECKING:
    from pathlib import Path

BUILT_IN = [
    "awssecrets", "awsssm", "azurekeyvault", "env", "exec", "file", "gcpsecrets", "keyring",
    "op", "openbao", "sops", "vault",
]  # fmt: skip


def providers(root: Path, *third_party: str, **environ: str) -> Providers:
    """Return the providers of a repository at *root*."""
    settings = SecretSettings(
        root, environ, "icesync/test", ("*",), ("**",), lambda *_: {}, third_party
    )
    return Providers(settings)


def test_every_scheme_opens_to_a_provider_of_its_name(tmp_path: Path) -> None:
    """The names are listed without loading anything; each leads to one provider, made once."""
    opened = providers(tmp_path)

    assert list(opened) == BUILT_IN
    assert [opened[name].scheme for name in opened] == BUILT_IN
    assert all(opened[name] is opened[name] for name in opened)
    assert len(opened) == len(BUILT_IN)


def test_an_unknown_scheme_is_not_there(tmp_path: Path) -> None:
    """What nobody provides is no key."""
    opened = providers(tmp_path)

    assert "vals" not in opened
    assert opened.get("vals") is None


def test_exec_is_opened_by_the_jobs_environment_only(tmp_path: Path) -> None:
    """One variable of the job, with one spelling."""
    for value, allowed in (("1", True), ("true", False), ("", False)):
        opened: Any = providers(tmp_path, ICESYNC_ALLOW_EXEC=value)["exec"]

        assert opened._allowed is allowed


class EntryPoint:
    """An entry point of another package."""

    value = "vendor.icesync:make"

    def load(self) -> Any:
        """Return what makes the provider from the settings."""
        return lambda settings: FakeProvider("vendor", {"x": settings.agent})


def test_another_packages_provider_is_loaded_when_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed is not enough: the configuration must name the scheme."""
    asked: list[dict[str, str]] = []

    def found(**query: str) -> list[EntryPoint]:
        asked.append(query)
        return [EntryPoint()]

    monkeypatch.setattr(importlib.metadata, "entry_points", found)

    assert providers(tmp_path).get("vendor") is None
    assert asked == []
    assert providers(tmp_path, "vendor")["vendor"].scheme == "vendor"
    assert asked == [{"group": "icesync.secrets", "name": "vendor"}]


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """A scheme that the configuration allows and nobody provides is a wrong configuration."""
    opened = providers(tmp_path, "vendor")

    assert "vendor" in opened
    with pytest.raises(ConfigInvalid, match="names `vendor`, which no installed package provides"):
        opened.get("vendor")


def test_a_built_in_scheme_cannot_be_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that calls its provider `env` is not asked."""
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [EntryPoint()])

    assert providers(tmp_path, "env")["env"].scheme == "env"


class Odd:
    """A provider that gives back what it was told to, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def fetch(self, _: object) -> object:
        """Answer."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    metadata = fetch


class LoudSecret(SecretValue):
    """A secret that prints itself."""


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (SecretValue(""), "it is empty"),
        (SecretValue(7), "its value is not a string"),  # type: ignore[arg-type]
        (SecretValue("a\ud800"), "it is not UTF-8"),
        ("text", "it returned a text instead of a SecretValue"),
        (None, "it returned NoneType instead of a SecretValue"),
        (LoudSecret("x"), "it returned LoudSecret instead of a SecretValue"),
        (SystemExit(0), "it raised SystemExit"),
        (KeyError("canary"), "it raised KeyError"),
        (AccessError("canary"), "it raised AccessError"),
        (SecretMissing("nothing there"), "nothing there"),
    ],
)
def test_another_packages_provider_is_checked_at_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object, problem: str
) -> None:
    """Whatever it gives or raises is a secret that could not be had; nothing is quoted."""
    entry = EntryPoint()
    monkeypatch.setattr(EntryPoint, "load", lambda _: lambda _: Odd(answer))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [entry])
    provider = providers(tmp_path, "vendor")["vendor"]
    reference = SecretRef("ref+vendor://x", "vendor", "x")

    with pytest.raises(SecretMissing) as caught:
        provider.fetch(reference)

    assert problem in caught.value.message
    assert "canary" not in caught.value.message
    assert provider.metadata(reference) == SecretMetadata()  # type: ignore[attr-defined]


@pytest.mark.parametrize("made", [None, object(), SystemExit(0), ImportError("x")])
def test_another_package_that_makes_no_provider_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: object
) -> None:
    """A package that cannot be loaded is a wrong configuration, and no end of the run."""

    def make(_: object) -> object:
        if isinstance(made, BaseException):
            raise made
        return made

    monkeypatch.setattr(EntryPoint, "load", lambda _: make)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [EntryPoint()])
    opened = providers(tmp_path, "vendor")

    with pytest.raises(ConfigInvalid, match="cannot be used"):
        opened["vendor"]
