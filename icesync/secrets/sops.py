"""
Secrets from files that sops encrypted: ``ref+sops://FILE#/key/…``.

The program itself decrypts (https://getsops.io), since only it knows every kind
of key: age, PGP, and the key services of the clouds. Each file is decrypted once
a run, into memory, after the hosts in its metadata were checked. Without a key
the secret is the whole decrypted text; only a file whose name says no format, which sops
takes for binary, may be one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretIsDocument, SecretMissing
from icesync.model.host import TrustedHosts
from icesync.model.secret import SecretRef, SecretValue, spell_path
from icesync.secrets import (
    SingleFlight,
    make_secret,
    parse_json,
    pick,
    without_final_newline,
)
from icesync.secrets.file import KEYED_SUFFIXES, FileReferences, names_no_key, read_file
from icesync.secrets.sops_metadata import needed_variables, read_yaml
from icesync.secrets.subprocess_ import program_environment, run_program

if TYPE_CHECKING:
    from collections.abc import Mapping

_YAML: Final = frozenset({".yaml", ".yml"})
_FORMATS: Final = KEYED_SUFFIXES | {".env", ".ini"}
"""Of files that keep secrets under names, as sops tells them by theirs."""

_MEANINGS: Final = {
    2: "the file cannot be read",
    51: "its MAC does not match: the file was edited without sops",
    128: "no key to decrypt it is available",
}
"""Exit codes of sops (its source, cmd/sops/codes)."""


class SopsProvider(FileReferences):
    """Opens ``sops`` references below *root*, as far as the globs of *allow* go."""

    remote = True

    def __init__(
        self,
        root: Path,
        allow: tuple[str, ...],
        environ: Mapping[str, str],
    ) -> None:
        super().__init__("sops", root, allow, environ)
        self._environ = environ
        self._trust = TrustedHosts(environ)
        self._texts: SingleFlight[bytes] = SingleFlight()
        self._trees: SingleFlight[object] = SingleFlight()

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the decrypted text of the file, or the string at the key.

        Raises:
            SecretMissing: not allowed, not there, not decrypted, or not a string.

        """
        path = self._path(reference)
        if reference.fragment:
            tree = self._trees.get(path, lambda: self._read_tree(reference, path), reference)
            text = pick(reference, tree)
            if text.startswith("ref+"):
                raise SecretMissing(
                    f"`{reference}` contains a reference instead of a secret",
                    "store the secret itself in the file, or use the reference directly",
                )
            return make_secret(text, f"`{reference}`")
        text = self._decrypted(reference, path).decode("utf-8", "surrogateescape")
        return make_secret(without_final_newline(text), f"`{reference}`")

    def _path(self, reference: SecretRef) -> Path:
        path = super()._path(reference)
        suffix = path.suffix.lower()
        if reference.fragment or suffix not in _FORMATS:
            return path
        if suffix in KEYED_SUFFIXES:
            raise names_no_key(reference)
        message = f"`{reference}` is a file of variables, not one secret"
        raise SecretIsDocument(message, "encrypt it as YAML or JSON, and name the key behind `#/`")

    def open_file(self, path: str) -> bytes:
        """
        Return the decrypted text of the server file *path* below the root.

        Raises:
            SecretMissing: it cannot be decrypted.

        """
        # A path, said as a reference for the messages; the file was found already.
        spelled = spell_path(Path(path).parts)
        reference = SecretRef(f"ref+sops://{spelled}", "sops", spelled)
        return self._decrypted(reference, (self._root / path).resolve())

    def _read_tree(self, reference: SecretRef, path: Path) -> object:
        """Return the decrypted file as a tree; a scalar that is not a text stays none."""
        content, yaml = self._decrypted(reference, path), path.suffix.lower() in _YAML
        try:
            return read_yaml(content) if yaml else parse_json(content)
        except ValueError as error:
            problem = str(error)
        raise SecretMissing(f"`{reference}`: invalid output of sops: {problem}")

    def _decrypted(self, reference: SecretRef, path: Path) -> bytes:
        return self._texts.get(path, lambda: self._decrypt(reference, path), reference)

    def _decrypt(self, reference: SecretRef, path: Path) -> bytes:
        content = read_file(reference, path)
        wanted = needed_variables(reference, content, path.suffix.lower(), self._trust)
        environ = program_environment(self._environ, ("SOPS_*", "GNUPGHOME", *wanted))
        # Releases before 3.9 have no `sops decrypt`; all have this spelling.
        arguments = ("sops", "--decrypt", str(path))
        return run_program(reference, arguments, self._root, environ, _MEANINGS)
