"""
Every scheme of references and what opens it, made when first asked for.

Names are those of vals (https://github.com/helmfile/vals) where it has one.
Other packages add schemes by entry points of the group ``icesync.secrets``:
the name is the scheme, the object takes a :class:`SecretSettings` and returns a
:class:`~icesync.ports.SecretProvider`. Only names that ``secrets.providers`` of
the configuration lists are loaded: what happens to be installed does not decide
what a reference runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from icesync.ports import SecretProvider

__all__ = ["ENTRY_POINTS", "Providers", "SecretSettings"]

ENTRY_POINTS: Final = "icesync.secrets"


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """
    What a provider may know: the repository, the environment, the allow-lists.

    *parse* reads YAML, as :class:`~icesync.secrets.file.FileProvider` wants it;
    *third_party* are the schemes of other packages that are allowed, *own_variables*
    what icesync itself reads, whatever the allow-list says.
    """

    root: Path
    environ: Mapping[str, str]
    agent: str
    env_allow: tuple[str, ...]
    file_allow: tuple[str, ...]
    parse: Callable[[bytes, str], object]
    third_party: tuple[str, ...] = ()
    own_variables: tuple[str, ...] = ()


class Providers(Mapping[str, "SecretProvider"]):
    """Providers by scheme; naming them all costs nothing, asking for one loads it."""

    def __init__(self, settings: SecretSettings) -> None:
        self._settings = settings
        self._schemes = sorted({*_MAKERS, *settings.third_party})
        self._made: dict[str, SecretProvider] = {}
        self._lock = Lock()

    def __getitem__(self, scheme: str) -> SecretProvider:
        """
        Return the provider of *scheme*.

        Raises:
            KeyError: there is no such scheme.
            ConfigInvalid: it is another package's, and that is not installed.

        """
        with self._lock:
            if scheme not in self._made:
                self._made[scheme] = self._make(scheme)
            return self._made[scheme]

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemes)

    def __len__(self) -> int:
        return len(self._schemes)

    def __contains__(self, scheme: object) -> bool:
        return scheme in self._schemes

    def narrowed(
        self, env_allow: tuple[str, ...], file_allow: tuple[str, ...], schemes: tuple[str, ...]
    ) -> Providers:
        """Return providers that open only what these lists allow; icesync's own key stays open."""
        settings = replace(
            self._settings, env_allow=env_allow, file_allow=file_allow, third_party=schemes
        )
        return Providers(settings)

    def _make(self, scheme: str) -> SecretProvider:
        maker = _MAKERS.get(scheme)
        if maker is not None:
            return maker(self._settings)
        if scheme not in self._settings.third_party:
            raise KeyError(scheme)
        for found in entry_points(group=ENTRY_POINTS, name=scheme):
            provider: SecretProvider = found.load()(self._settings)
            return provider
        raise ConfigInvalid(
            f"`secrets.providers` names `{scheme}`, which no installed package provides",
            f"install the package that has the entry point `{scheme}` in {ENTRY_POINTS}",
        )


_Maker: TypeAlias = Callable[[SecretSettings], "SecretProvider"]


def _env(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.env import EnvProvider

    return EnvProvider(settings.environ, (*settings.env_allow, *settings.own_variables))


def _file(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.file import FileProvider

    return FileProvider(settings.root, settings.file_allow, settings.parse)


def _sops(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.sops import SopsProvider

    return SopsProvider(settings.root, settings.file_allow)


def _vault(scheme: str) -> _Maker:
    def make(settings: SecretSettings) -> SecretProvider:
        from icesync.secrets.vault import VaultProvider

        return VaultProvider(scheme, settings.environ, settings.agent, Path.home())

    return make


def _op(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.onepassword import OnePasswordProvider

    return OnePasswordProvider(settings.root)


def _aws(scheme: str) -> _Maker:
    def make(_: SecretSettings) -> SecretProvider:
        from icesync.secrets.aws import AwsProvider

        return AwsProvider(scheme)

    return make


def _google(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.gcp import GcpProvider

    return GcpProvider(settings.environ, settings.agent)


def _azure(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.azure import AzureProvider

    return AzureProvider(settings.agent)


def _keyring(_: SecretSettings) -> SecretProvider:
    from icesync.secrets.keyring import KeyringProvider

    return KeyringProvider()


def _exec(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.exec import ALLOW_EXEC, ExecProvider

    return ExecProvider(settings.root, allowed=settings.environ.get(ALLOW_EXEC) == "1")


_MAKERS: Final[dict[str, _Maker]] = {
    "env": _env,
    "file": _file,
    "sops": _sops,
    "vault": _vault("vault"),
    "openbao": _vault("openbao"),
    "op": _op,
    "awssecrets": _aws("awssecrets"),
    "awsssm": _aws("awsssm"),
    "gcpsecrets": _google,
    "azurekeyvault": _azure,
    "keyring": _keyring,
    "exec": _exec,
}
