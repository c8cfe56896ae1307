"""
What a file of sops says about its keys: which services it would ask, with which credentials.

The program obeys this metadata, and whoever edits the file writes it. So every
host that it names is checked before sops runs, and sops is given the variables
of the services that the file needs and of no other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icesync.errors import SecretForbidden, SecretMissing
from icesync.model.trusted_hosts import Service, TrustedHosts
from icesync.secrets.json_pointer import parse_json
from icesync.secrets.sops_yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.secret import SecretRef


class _Kind(NamedTuple):
    """One kind of key: the service, what names its address, and the variables that it needs."""

    service: Service | None
    field: str
    variables: tuple[str, ...]


_KINDS: Final[Mapping[str, _Kind]] = {
    "age": _Kind(None, "", ()),
    "pgp": _Kind(None, "", ()),
    "kms": _Kind(Service.AWS, "arn", ("AWS_*",)),
    "gcp_kms": _Kind(Service.GOOGLE, "resource_id", ("GOOGLE_*", "CLOUDSDK_*", "GCE_*")),
    "azure_kv": _Kind(
        Service.AZURE_KEY_VAULT, "vault_url", ("AZURE_*", "IDENTITY_*", "MSI_*", "ARM_*")
    ),
    "hc_vault": _Kind(Service.VAULT, "vault_address", ("VAULT_*",)),
}
_PLAIN: Final = frozenset({
    "lastmodified", "mac", "version", "shamir_threshold", "mac_only_encrypted",
    "unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex",
    "unencrypted_comment_regex", "encrypted_comment_regex",
})  # fmt: skip
"""Keys of the metadata that name nobody to ask (its source, stores/stores.go)."""

_KMS: Final = re.compile(r"arn:aws[a-z-]{0,10}:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/[!-~]+")


def needed_variables(
    reference: SecretRef,
    content: bytes,
    suffix: str,
    trust: TrustedHosts,
) -> tuple[str, ...]:
    """
    Return globs of the variables that sops needs for *content*, a file that ends in *suffix*.

    Raises:
        SecretMissing: it is not a file that sops encrypted, or its metadata cannot be read.
        SecretForbidden: it names a host that the job does not.

    """
    try:
        # sops itself reads a file of any other name as JSON.
        tree = read_yaml(content) if suffix in {".yaml", ".yml"} else parse_json(content)
        problem = ""
    except ValueError as error:
        tree, problem = None, str(error)
    metadata = tree.get("sops") if isinstance(tree, dict) else None
    if not isinstance(metadata, dict):
        raise SecretMissing(
            f"`{reference}` is not a YAML or JSON file that sops encrypted"
            f"{problem and f': {problem}'}",
            "sops --encrypt --in-place FILE",
        )
    variables: set[str] = set()
    for name, key in _keys(reference, metadata):
        kind = _KINDS[name]
        variables.update(kind.variables)
        if kind.service is None:
            continue
        address = key.get(kind.field) if isinstance(key, dict) else None
        _check(reference, name, kind.service, address, trust)
    return tuple(sorted(variables))


def _keys(reference: SecretRef, metadata: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    """Yield each key with its kind, those of groups, too; whatever is not known is refused."""
    for name, value in metadata.items():
        if name in _PLAIN or not value:
            continue
        members = value if isinstance(value, list) else [value]
        if name == "key_groups" and all(isinstance(group, dict) for group in members):
            groups: list[dict[str, object]] = [*members]
            for group in groups:
                yield from _keys(reference, group)
        elif name in _KINDS:
            yield from ((name, member) for member in members)
        else:
            raise SecretForbidden(
                f"`{reference}`: its sops metadata has `{ascii(name)[1:-1]}`, a kind of key whose "
                "host icesync cannot check"
            )


def _check(
    reference: SecretRef, name: str, service: Service, address: object, trust: TrustedHosts
) -> None:
    url = address if isinstance(address, str) else ""
    if service is Service.AWS:
        match = _KMS.fullmatch(url)
        url = f"https://kms.{match[1]}.amazonaws.com" if match else ""
    elif service is Service.GOOGLE:
        url = "https://cloudkms.googleapis.com"
    untrusted = trust.check(service, url, f"`sops.{name}` in the file")
    if untrusted is not None:
        hints = (untrusted.hint,) if untrusted.hint else ()
        raise SecretForbidden(f"`{reference}`: {untrusted.message}", *hints)
