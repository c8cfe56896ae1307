"""
A file of sops as it stands: its YAML, and which services its keys would ask.

The program obeys this metadata, and whoever edits the file writes it. So every
host that it names is checked before sops runs, and sops is given the variables
of the services that the file needs and of no other.

sops writes values of several lines, and scalars that know whether they are texts. What
icesync asks of its own files, one line of printable text, a key of age or a password with
a line break would break. The bounds are the same in spirit: no aliases, no tags, a depth
that ends, no key twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from yaml import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from icesync.config.values import surprise
from icesync.config.yaml_events import open_parser
from icesync.errors import SecretForbidden, SecretMissing, printable
from icesync.frozen import NamedTuple
from icesync.model.host import Service, TrustedHosts
from icesync.secrets import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.secret import SecretRef

_MAX_DEPTH: Final = 64
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(content: bytes) -> Any:
    """
    Return the one document in *content* as maps, lists and texts.

    A plain scalar that is a number, a flag or null to some reader of YAML is 0 or
    None here, so that nobody takes it for a text.

    Raises:
        ValueError: it is none; the message quotes nothing.

    """
    try:
        return _build(open_parser(content))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        problem = f"line {mark.line + 1}: not valid YAML" if mark else "not valid YAML"
    except ReaderError:
        problem = "it is not UTF-8"
    raise ValueError(problem)


def _build(parser: Any) -> Any:
    """Return the tree that the events of *parser* describe."""
    stack: list[tuple[Any, str | None]] = []
    documents = 0
    root: Any = None
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        line = event.start_mark.line + 1
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            raise ValueError(f"line {line}: a second document")
        if isinstance(event, AliasEvent) or getattr(event, "tag", None):
            raise ValueError(f"line {line}: an alias or a tag")
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            node = _node(event)
            if stack and isinstance(stack[-1][0], dict) and stack[-1][1] is None:
                parent = stack.pop()[0]
                if not isinstance(event, ScalarEvent) or event.value in parent:
                    raise ValueError(f"line {line}: a key that is given twice, or is not a string")
                stack.append((parent, event.value))
                continue
            root = _attach(stack, node, root)
            if not isinstance(event, ScalarEvent):
                stack.append((node, None))
                if len(stack) > _MAX_DEPTH:
                    raise ValueError(f"line {line}: it is nested too deeply")
        elif stack and type(event).__name__ in {"MappingEndEvent", "SequenceEndEvent"}:
            stack.pop()
    return root


def _node(event: Any) -> Any:
    if isinstance(event, MappingStartEvent):
        return {}
    if isinstance(event, SequenceStartEvent):
        return []
    text, plain = event.value, not event.style
    if plain and text in _NOTHING:
        return None
    return 0 if plain and (surprise(text) or _NUMBER.fullmatch(text)) else text


def _attach(stack: list[tuple[Any, str | None]], node: Any, root: Any) -> Any:
    """Put *node* where the innermost open collection waits for it; return the root."""
    if not stack:
        return node
    parent, key = stack.pop()
    if isinstance(parent, dict):
        parent[key] = node
    else:
        parent.append(node)
    stack.append((parent, None))
    return root


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
                f"`{reference}`: its sops metadata has `{printable(name)}`, a kind of key whose "
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
