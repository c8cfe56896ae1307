"""The files that ``icesync init`` writes, and what to do with them."""

from __future__ import annotations

import json
import os
import shlex
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.cli import templates
from icesync.cli.files import write_new
from icesync.cli.templates import fill
from icesync.engine.access import make_key
from icesync.engine.explain import file_schemas, print_file_schema
from icesync.engine.protect import demand_private
from icesync.frozen import frozen
from icesync.model.project import EMULATOR, VENDOR_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FORGES", "Wishes", "guess_forge", "scaffold", "tell"]

FORGES: Final = {
    "github": (".github/workflows/icesync.yml", templates.GITHUB),
    "gitlab": (".gitlab-ci.yml", templates.GITLAB),
}
"""The file that a forge reads, and its text."""

_KEY: Final = ".icesync/fingerprint.key"
_ACCESS: Final = """\
  token: ref+env://ICE_TOKEN      # or a login, from which a token is obtained:
  # login: {organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}"""

_WORKING_DIRECTORY: Final = """\
defaults:
  run:
    working-directory: {}
"""

_EMULATED: Final = "  # the embedded emulator accepts everybody; its data is in .icesync/"


@frozen
class Wishes:
    """What somebody wants to begin with; *forge* is a key of :data:`FORGES`, or ``none``."""

    organization: int
    skill: int
    emulated: bool
    forge: str = "none"
    editor: bool = True
    pre_commit: bool = True

    @property
    def server_file(self) -> str:
        """The path of the first server file."""
        return f"servers/{self.organization}.yaml"

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that the files refer to."""
        own = () if self.emulated else ("ICE_TOKEN",)
        return (*own, *self.passwords)

    @property
    def passwords(self) -> tuple[str, str]:
        """The variables of the first server's passwords."""
        prefix = f"ICE_{self.organization}_{self.skill}"
        return f"{prefix}_SMTP", f"{prefix}_IMAP"


def guess_forge(folder: Path) -> str:
    """Return which forge the repository around *folder* is kept at, as far as git knows."""
    try:
        remotes = (_top(folder) / ".git" / "config").read_text(errors="replace")
    except OSError:
        return "none"
    return next((forge for forge in FORGES if forge in remotes), "none")


def scaffold(folder: Path, wishes: Wishes) -> Iterator[tuple[str, bool]]:
    """
    Write the files that are not there yet; yield each path and whether it was written.

    What git and a forge look for at the top of the repository goes there, also
    when *folder* is further down.

    Raises:
        UsageError: a file cannot be written, or the key's is a link or tracked by git.

    """
    demand_private(folder / _KEY)
    for name, (text, mode) in _files(folder, wishes).items():
        yield name, write_new(folder / name, text.encode(), mode)


def _files(folder: Path, wishes: Wishes) -> Mapping[str, tuple[str, int]]:
    """Return text and permissions of each file by its path."""
    top = os.path.relpath(_top(folder), folder)
    prefix = "" if top == "." else f"{top}/"
    values = _values(folder, wishes)
    texts = {
        "icesync.yaml": fill(
            templates.CONFIG, {**values, "modeline": _modeline(wishes, "icesync")}
        ),
        wishes.server_file: fill(
            templates.SERVERS, {**values, "modeline": _modeline(wishes, "email-servers", "../")}
        ),
        ".gitignore": templates.GITIGNORE,
        f"{prefix}.prettierignore": fill(templates.PRETTIERIGNORE, values),
    }
    if wishes.editor:
        texts[".vscode/settings.json"] = templates.SETTINGS
        texts[".vscode/extensions.json"] = templates.EXTENSIONS
        texts |= {f"schemas/{name}.schema.json": print_file_schema(name) for name in file_schemas()}
    if wishes.pre_commit:
        texts[f"{prefix}.pre-commit-config.yaml"] = fill(templates.PRE_COMMIT, values)
    if wishes.forge in FORGES:
        path, template = FORGES[wishes.forge]
        texts[prefix + path] = fill(template, values)
    files = {name: (text, 0o644) for name, text in texts.items()}
    files[_KEY] = (make_key().decode(), 0o600)
    # Whatever another .gitignore says, the key stays out of git.
    files[".icesync/.gitignore"] = (templates.IGNORE_ALL, 0o644)
    return files


def _values(folder: Path, wishes: Wishes) -> dict[str, object]:
    """Return what is filled into the templates."""
    inside = os.path.relpath(folder.resolve(), _top(folder)).replace(os.sep, "/")
    smtp, imap = wishes.passwords
    return {
        "organization": wishes.organization,
        "skill": wishes.skill,
        "smtp": smtp,
        "imap": imap,
        "base_url": EMULATOR if wishes.emulated else VENDOR_BASE_URL,
        "access": _EMULATED if wishes.emulated else _ACCESS,
        "version": __version__,
        "defaults": "" if inside == "." else _WORKING_DIRECTORY.format(json.dumps(inside)),
        "enter": "" if inside == "." else f"    - cd {shlex.quote(inside)}\n",
        "inside": "" if inside == "." else f"{inside}/",
        "chdir": "" if inside == "." else f" -C {shlex.quote(inside)}",
        "names": ", ".join(wishes.variables),
        "variables": "\n".join(
            f"      {name}: ${{{{ secrets.{name} }}}}" for name in wishes.variables
        ),
    }


def _modeline(wishes: Wishes, schema: str, way: str = "") -> str:
    """Return the line that tells an editor the schema; a relative path works offline."""
    if not wishes.editor:
        return ""
    return f"# yaml-language-server: $schema={way}schemas/{schema}.schema.json\n"


def _top(folder: Path) -> Path:
    """Return the top of the repository around *folder*, or *folder* itself."""
    start = folder.resolve()
    return next((place for place in (start, *start.parents) if (place / ".git").exists()), start)


def tell(folder: Path, wishes: Wishes, files: Mapping[str, bool]) -> Iterator[str]:
    """Yield the lines that say what became of *files*, and what to type next."""
    by_folder = groupby(files.items(), lambda item: (item[0].rpartition("/")[0], item[1]))
    for (_, written), group in by_folder:
        first, *others = (name for name, _ in group)
        names = [first, *(name.rpartition("/")[2] for name in others)]
        yield f"{'wrote' if written else 'kept '} {', '.join(names)}"
    yield ""
    anew = files["icesync.yaml"]
    if wishes.forge in FORGES and anew:
        secrets_needed = ("ICESYNC_FINGERPRINT_KEY", *wishes.variables)
        yield f"secrets that the workflow needs: {', '.join(secrets_needed)}"
    if files[wishes.server_file]:
        yield f"put your own hosts and mailboxes into {wishes.server_file}, then:"
    steps = tuple(_next_steps(folder, wishes, anew=anew))
    width = max(len(command) for command, _ in steps)
    yield from (f"  {command:<{width}}   {meaning}".rstrip() for command, meaning in steps)


def _next_steps(folder: Path, wishes: Wishes, *, anew: bool) -> Iterator[tuple[str, str]]:
    """
    Yield commands to type, in order, and what each is for.

    *anew* tells that the configuration was written just now; one that was there
    before may refer to anything.
    """
    if folder.resolve() != Path.cwd():
        yield f"cd {shlex.quote(str(folder))}", ""
    if not anew:
        yield "icesync validate", "are the files right?"
    yield "icesync plan", "what would be sent; needs no password"
    if anew:
        given = " ".join(f"{name}='…'" for name in wishes.variables)
        yield f"export {given}", "what the files refer to"
        yield "icesync apply", f"send it to {'the emulator' if wishes.emulated else 'ICE'}"
    if wishes.pre_commit:
        yield "pre-commit install", "format and validate before each commit"
