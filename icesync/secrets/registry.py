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
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.errors import ConfigInvalid, SecretMissing
from icesync.frozen import frozen
from icesync.model.secret import (
    SecretIdentity,
    SecretMetadata,
    SecretRef,
    SecretValue,
    identity_by_spelling,
)
from icesync.ports import MetadataProvider, SecretProvider, reads_references

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


ENTRY_POINTS: Final = "icesync.secrets"

JOB_CREDENTIALS: Final = (
    "ICESYNC_STATE_PASSWORD", "TF_HTTP_PASSWORD", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD",
    "ICESYNC_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "ICESYNC_GITLAB_TOKEN", "GITLAB_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN",
    "VAULT_TOKEN", "VAULT_ID_TOKEN", "BAO_TOKEN", "BAO_ID_TOKEN",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_CONNECTION_STRING",
    "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "OP_SERVICE_ACCOUNT_TOKEN", "OP_CONNECT_TOKEN", "SOPS_AGE_KEY",
    "CI_DEPLOY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_REPOSITORY_URL",
    "SYSTEM_ACCESSTOKEN", "AZURE_DEVOPS_EXT_PAT", "BITBUCKET_STEP_OIDC_TOKEN",
)  # fmt: skip
"""Variables with credentials of a job; none of them is a mail password."""


@frozen
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

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return what *reference* leads to, whatever its spelling; asks nobody.

        A provider of another package is not loaded for that: its references are
        what they spell.

        Raises:
            SecretMissing: no such secret can be, or the configuration does not permit it.

        """
        provider: object = self[reference.scheme] if reference.scheme in _MAKERS else None
        if reads_references(provider):
            return provider.identify(reference)
        return identity_by_spelling(reference)

    def job_credentials(self) -> Mapping[str, SecretValue]:
        """Return what the job itself logs in with, by the variable that holds it."""
        environ = self._settings.environ
        found = {name: environ.get(name, "") for name in JOB_CREDENTIALS}
        return {name: SecretValue(text) for name, text in found.items() if text}

    def _make(self, scheme: str) -> SecretProvider:
        maker = _MAKERS.get(scheme)
        if maker is not None:
            return maker(self._settings)
        if scheme not in self._settings.third_party:
            raise KeyError(scheme)
        from importlib.metadata import entry_points

        for found in entry_points(group=ENTRY_POINTS, name=scheme):
            return _CheckedProvider(scheme, found, self._settings)
        raise ConfigInvalid(
            f"`secrets.providers` names `{scheme}`, which no installed package provides",
            f"install the package that has the entry point `{scheme}` in {ENTRY_POINTS}",
        )


class _CheckedProvider:
    """
    A provider of another package, believed in nothing.

    What it returns is checked, and whatever it raises, ``SystemExit`` too, is a
    secret that could not be had: no code of another package decides how a run ends.
    """

    def __init__(self, scheme: str, entry: EntryPoint, settings: SecretSettings) -> None:
        self.scheme = scheme
        self._name = f"the secret provider `{scheme}` ({entry.value})"
        made = self._guarded(lambda: entry.load()(settings))
        if isinstance(made, str) or not callable(getattr(made, "fetch", None)):
            problem = made if isinstance(made, str) else "it has no method `fetch`"
            raise ConfigInvalid(
                f"{self._name} cannot be used: {problem}",
                "fix that package, or remove it from `secrets.providers`",
            )
        self._provider = made
        self.remote = True

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the secret behind *reference*.

        Raises:
            SecretMissing: the provider gave none that can be sent.

        """
        from icesync.codec.fingerprint import usable_text

        found = self._guarded(lambda: self._provider.fetch(reference))
        problem = found if isinstance(found, str) else None
        if problem is None and type(found) is not SecretValue:
            problem = f"it returned {type(found).__name__} instead of a SecretValue"
        problem = problem or usable_text(found)
        if problem is not None:
            raise SecretMissing(f"`{reference}`: {self._name} returned no secret: {problem}")
        checked: SecretValue = found
        return checked

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """Return what the provider knows about the secret, as far as it is what it should be."""
        if not isinstance(self._provider, MetadataProvider):
            return SecretMetadata()
        found = self._guarded(lambda: self._provider.metadata(reference))
        if not isinstance(found, SecretMetadata):
            return SecretMetadata()
        moment = found.changed_at
        dated = isinstance(moment, datetime) and moment.tzinfo is not None
        version = found.version if isinstance(found.version, str) else None
        return SecretMetadata(version, moment if dated else None)

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """Return what *call* returns, or in words why it returned nothing."""
        try:
            found = call()
        except KeyboardInterrupt:
            raise
        except SecretMissing as error:
            return str(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit would end the run as a success
            return f"it raised {type(error).__name__}"
        return "it returned a text instead of a SecretValue" if isinstance(found, str) else found


_Maker: TypeAlias = Callable[[SecretSettings], "SecretProvider"]


def _env(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.env import EnvProvider

    return EnvProvider(settings.environ, (*settings.env_allow, *settings.own_variables))


def _file(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.file import FileProvider

    return FileProvider(settings.root, settings.file_allow, settings.parse, settings.environ)


def _sops(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.sops import SopsProvider

    return SopsProvider(settings.root, settings.file_allow, settings.environ)


def _vault(scheme: str) -> _Maker:
    def make(settings: SecretSettings) -> SecretProvider:
        from icesync.secrets.vault import VaultProvider

        return VaultProvider(scheme, settings.environ, settings.agent, Path.home())

    return make


def _op(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.onepassword import OnePasswordProvider

    return OnePasswordProvider(settings.root, settings.environ)


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

    return AzureProvider(settings.environ, settings.agent)


def _keyring(_: SecretSettings) -> SecretProvider:
    from icesync.secrets.keyring import KeyringProvider

    return KeyringProvider()


def _exec(settings: SecretSettings) -> SecretProvider:
    from icesync.secrets.exec import ExecProvider

    return ExecProvider(settings.root, settings.environ)


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
