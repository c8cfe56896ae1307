"""The files that ``icesync init`` writes, and what to do with them."""

from __future__ import annotations

import json
import os
import re
import shlex
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.bootstrap.installation import installable, remote_of, web_address
from icesync.cli.files import append_to, read_named, replace_text, write_new, write_open
from icesync.engine.access import make_key, variables_of_files
from icesync.engine.explain import file_schemas, print_file_schema
from icesync.engine.go_live import rewrite, set_state_aside
from icesync.engine.session import demand_private
from icesync.engine.state_merge import merge_attribute, merge_config
from icesync.errors import counted
from icesync.frozen import frozen
from icesync.model.project import EMULATOR, ORGANIZATION_MARK, VENDOR_BASE_URL, Backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.cli.options import Common
    from icesync.engine.go_live import Access
    from icesync.engine.session import Session

FORGES: Final = {
    "github": {
        ".github/workflows/icesync-plan.yml": "github/plan.yml",
        ".github/workflows/icesync-apply.yml": "github/apply.yml",
        ".github/workflows/icesync-check.yml": "github/check.yml",
    },
    "gitlab": {
        ".gitlab-ci.yml": "gitlab/gitlab-ci.yml",
        "ci/icesync.yml": "gitlab/icesync.yml",
    },
}
"""The files of each CI system, and the templates that they are made of."""

EXAMPLE: Final = "examples/server.yaml"
"""An example that no pattern of `files:` finds: it is never sent, and stands in no import's way."""

KEY_FILE: Final = ".icesync/fingerprint.key"
KEY_VARIABLE: Final = "ICESYNC_FINGERPRINT_KEY"
_PASSWORDS_FILE: Final = ".icesync/passwords.env"
_MANY: Final = 8
"""More secrets than this are set by one command, from a file."""

ADDITIONS: Final = (
    "nothing was written; say what to add:",
    "  icesync init --ci github     workflows: plan, apply, check; or --ci gitlab",
    "  icesync init --editor        settings and schemas for editors",
    "  icesync init --pre-commit    hooks: format and validate before each commit",
    "  icesync init --readme        a README for colleagues who edit in the browser",
    "  icesync init --go-live       calls ICE instead of the emulator",
    "  icesync --config DIR/icesync.yaml init   begins another configuration in DIR",
)
"""What init can do in a repository that has a configuration."""

_TEMPLATES: Final = Path(__file__).with_name("templates")
_PLACE: Final = re.compile(r"@\{(\w+)\}")

_LIVE: Final = f"""\
  base_url: {VENDOR_BASE_URL}
  token: ref+env://ICE_TOKEN      # or log in with:
  # login: {{organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}}
"""
_EMULATED: Final = f"""\
  base_url: {EMULATOR}      # built in; accepts any login; data in .icesync/
  # For ICE, use these two lines; `icesync init --go-live` writes them:
  # base_url: {VENDOR_BASE_URL}
  # token: ref+env://ICE_TOKEN
"""

_WORDS: Final = {
    "github": {
        "review": "pull request",
        "kept": ": a secret of the repository\n(*Settings*, *Secrets and variables*, *Actions*)",
        "rerun": "run *icesync apply* (*Actions*, *Run workflow*)",
    },
    "gitlab": {
        "review": "merge request",
        "kept": ": a CI/CD variable of\nthe project (*Settings*, *CI/CD*, *Variables*)",
        "rerun": "run the newest pipeline of the default branch again",
    },
    "none": {
        "review": "change",
        "kept": ", outside of\nthis repository",
        "rerun": "let the pipeline run `icesync apply`",
    },
}


@frozen
class Wishes:
    """
    What is to be written.

    *anew* begins a configuration, with *server* as its first one or with an example;
    *forge* is a key of :data:`FORGES`, or ``none``.
    """

    anew: bool
    server: tuple[int, int] | None = None
    emulated: bool = False
    forge: str = "none"
    editor: bool = False
    pre_commit: bool = False
    readme: bool = False


@frozen
class Layout:
    """
    What the files say about a configuration in *folder*.

    *state* is the committed one, a pattern where there is one for each organization.
    *access* and *passwords* are the variables that it and the server files refer to.
    """

    folder: Path
    config_file: str = "icesync.yaml"
    state: str = "icesync.state.json"
    patterns: tuple[str, ...] = ("servers/**/*.yaml",)
    access: tuple[str, ...] = ("ICE_TOKEN",)
    passwords: tuple[str, ...] = ()

    @property
    def top(self) -> Path:
        """The top of the repository, or the folder itself."""
        start = self.folder.resolve()
        places = (start, *start.parents)
        return next((place for place in places if (place / ".git").exists()), start)

    @property
    def inside(self) -> str:
        """The folder within the repository, with a slash behind it; empty at its top."""
        way = os.path.relpath(self.folder.resolve(), self.top).replace(os.sep, "/")
        return "" if way == "." else f"{way}/"


def find_layout(common: Common, config: Path | None, wishes: Wishes) -> Layout:
    """
    Return the layout of the configuration *config*, or of the one that is begun.

    Raises:
        ConfigInvalid: what is there is wrong, so that no workflow can be made for it.

    """
    if config is None:
        begun = common.folder / (common.config or "icesync.yaml")
        passwords: tuple[str, ...] = variables_of(*wishes.server) if wishes.server else ()
        return Layout(begun.parent, begun.name, passwords=passwords)
    if wishes.forge not in FORGES:
        return Layout(_way_to(config.parent), config.name)
    session = common.open()
    project = session.project
    access, passwords = variables_of_files(session)
    return Layout(
        _way_to(config.parent),
        config.name,
        "*".join(map(shlex.quote, project.state.path.split(ORGANIZATION_MARK))),
        project.files,
        access or ("ICE_TOKEN",),
        passwords,
    )


def _way_to(folder: Path) -> Path:
    """Return *folder* as people near it would write it."""
    return Path(os.path.relpath(folder))


def variables_of(organization: int, skill: int) -> tuple[str, str]:
    """Return the variables of a first server's passwords."""
    return f"ICE_{organization}_{skill}_SMTP", f"ICE_{organization}_{skill}_IMAP"


def guess_forge(folder: Path) -> str:
    """Return whose CI the repository around *folder* has, as far as git knows."""
    remote = remote_of(folder, os.environ)
    return next((forge for forge in FORGES if forge in remote), "none")


def fill(name: str, values: Mapping[str, object]) -> str:
    """Return the template *name* with *values* for its ``@{NAME}``; all other braces stay."""
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: str(values[match[1]]), text)


def workflow_files(forge: str, layout: Layout, install: str | None) -> dict[str, str]:
    """Return the text of each file of *forge* by its path in the repository."""
    values = _workflow_values(forge, layout, install)
    return {path: fill(template, values) for path, template in FORGES.get(forge, {}).items()}


def _workflow_values(forge: str, layout: Layout, install: str | None) -> dict[str, object]:
    inside = layout.inside
    here = json.dumps(inside.rstrip("/"))
    if forge == "github":
        known = f"vars.ICESYNC_INSTALL || '{install}'" if install else "vars.ICESYNC_INSTALL"
        folders = dict.fromkeys(f"{_fixed_folder(p)}**" for p in layout.patterns)
        paths = ", ".join(json.dumps(inside + name) for name in (layout.config_file, *folders))
    else:
        known, paths = f'    ICESYNC_INSTALL: "{install}"\n' if install else "", ""
    return {
        "version": __version__,
        "install": known,
        "paths": paths,
        "defaults": f"defaults:\n  run:\n    working-directory: {here}\n" if inside else "",
        "folder": here if inside else '"."',
        "inside": inside,
        "state": layout.state,
        "access": "".join(map(_env_line, layout.access)),
        "passwords": "".join(map(_env_line, layout.passwords)),
    }


def _env_line(name: str) -> str:
    return f"          {name}: ${{{{ secrets.{name} }}}}\n"


_ENV_LINE: Final = re.compile(
    r"^ {10}(?!ICESYNC_FINGERPRINT_KEY)(\w+): \$\{\{ secrets\.\1 \}\}\n", re.MULTILINE
)


def _fixed_folder(pattern: str) -> str:
    fixed = re.split(r"[*?\[]", pattern)[0]
    return fixed[: fixed.rfind("/") + 1]


def scaffold(layout: Layout, wishes: Wishes) -> Iterator[tuple[str, str]]:
    """
    Write the files that are not there yet; yield each path and what became of it.

    What git and a CI system look for at the top of the repository goes there, also
    when the configuration is further down. A workflow that differs only in its variables
    is brought up to date; lines that a .gitignore or .gitattributes lacks are added.

    Raises:
        UsageError: a file cannot be written, or the key's is a link or tracked by git.

    """
    folder = layout.folder
    if wishes.anew:
        demand_private(folder / KEY_FILE)
    for name, (text, mode) in _files(layout, wishes).items():
        path = folder / name
        if write_new(path, text.encode(), mode):
            yield name, "wrote"
        elif name in {".gitignore", ".gitattributes"} and (missing := _missing_lines(path, text)):
            before = read_named(path)
            append_to(path, "".join(["\n" if before and before[-1:] != b"\n" else "", *missing]))
            yield name, "added to"
        elif ".github/workflows/" in name and _differs_in_variables(path, text):
            write_open(path, text.encode())
            yield name, "updated"
        else:
            yield name, "kept"


def _missing_lines(path: Path, text: str) -> list[str]:
    """Return the lines of *text* that the file *path* lacks."""
    if not path.is_file():
        return []
    there = set(read_named(path).decode("utf-8", "replace").splitlines())
    return [line for line in text.splitlines(keepends=True) if line.rstrip() not in there]


def _differs_in_variables(path: Path, text: str) -> bool:
    """Return whether the file *path* is *text* but for the lines of secrets."""
    if not path.is_file():
        return False
    there = read_named(path).decode("utf-8", "replace")
    return there != text and _ENV_LINE.sub("", there) == _ENV_LINE.sub("", text)


def _files(layout: Layout, wishes: Wishes) -> Mapping[str, tuple[str, int]]:
    """Return text and permissions of each file by its path."""
    top = os.path.relpath(layout.top, layout.folder.resolve())
    prefix = "" if top == "." else f"{top}/"
    chdir = f" -C {shlex.quote(layout.inside.rstrip('/'))}" if layout.inside else ""
    values = {"inside": layout.inside, "chdir": chdir}
    texts = dict(_first_files(layout, wishes)) if wishes.anew else {}
    if wishes.anew:
        texts[".gitignore"] = fill("gitignore", {})
        texts[".gitattributes"] = f"{merge_attribute(layout.state)}\n"
        texts[f"{prefix}.prettierignore"] = fill("prettierignore", values)
    if wishes.editor:
        texts[".vscode/settings.json"] = fill("settings.json", {})
        texts[".vscode/extensions.json"] = fill("extensions.json", {})
        texts |= {f"schemas/{name}.schema.json": print_file_schema(name) for name in file_schemas()}
    if wishes.pre_commit:
        texts[f"{prefix}.pre-commit-config.yaml"] = fill("pre-commit.yaml", values)
    workflows = workflow_files(wishes.forge, layout, installable(os.environ))
    texts |= {prefix + path: text for path, text in workflows.items()}
    if wishes.readme:
        texts["README.md"] = _readme(layout, wishes.forge)
    files = {name: (text, 0o644) for name, text in texts.items()}
    if wishes.anew:
        files[KEY_FILE] = (make_key().decode(), 0o600)
        # Whatever another .gitignore says, the key stays out of git.
        files[".icesync/.gitignore"] = ("*\n", 0o644)
    return files


def _first_files(layout: Layout, wishes: Wishes) -> Iterator[tuple[str, str]]:
    api = _EMULATED if wishes.emulated else _LIVE
    yield (
        layout.config_file,
        fill("icesync.yaml", {"modeline": _modeline(wishes, "icesync"), "api": api}),
    )
    organization, skill = wishes.server or (59, 663)  # doc:sample
    smtp, imap = variables_of(organization, skill)
    values = {"organization": organization, "skill": skill, "smtp": smtp, "imap": imap}
    about = "# icesync does not read examples/: copy this to servers/ and fill in your values.\n"
    about = "" if wishes.server else about
    modeline = _modeline(wishes, "email-servers", "../")
    yield _server_file(wishes), about + fill("server.yaml", {**values, "modeline": modeline})


def _server_file(wishes: Wishes) -> str:
    """Return the file of the first server, which no import writes, or that of the example."""
    return "servers/{}-{}.yaml".format(*wishes.server) if wishes.server else EXAMPLE


def _modeline(wishes: Wishes, schema: str, way: str = "") -> str:
    """Return the line that tells an editor the schema; a relative path works offline."""
    if not wishes.editor:
        return ""
    return f"# yaml-language-server: $schema={way}schemas/{schema}.schema.json\n"


def _readme(layout: Layout, forge: str) -> str:
    """Return a page for colleagues who edit in the browser."""
    home = web_address(remote_of(layout.folder, os.environ))
    inside = f"{layout.inside}servers"
    link = {
        "github": (f"{home}/tree/HEAD/{inside}", f"{home}/actions"),
        "gitlab": (f"{home}/-/tree/HEAD/{inside}", f"{home}/-/pipelines"),
    }.get(forge)
    files, runs = link if home and link else ("servers/", "../../actions")
    values: dict[str, object] = {"files": files, "runs": runs, **_WORDS[forge]}
    steps = fill(f"{forge}/steps.md" if forge in FORGES else "steps.md", values).rstrip()
    return fill("README.md", {**values, "steps": steps})


def tell(layout: Layout, wishes: Wishes, results: Mapping[str, str]) -> Iterator[str]:
    """Yield what became of each file, which secrets are needed, and the next commands."""
    by_folder = groupby(results.items(), lambda item: (item[0].rpartition("/")[0], item[1]))
    width = max(map(len, results.values()), default=0)
    for (_, result), group in by_folder:
        first, *others = (name for name, _ in group)
        names = [first, *(name.rpartition("/")[2] for name in others)]
        yield f"{result:<{width}} {', '.join(names)}"
    yield from _further_lines(layout, wishes, results)
    if wishes.forge in FORGES:
        yield from ("", *_secrets_to_set(layout, wishes.forge))
    steps = tuple(_next_steps(layout, wishes))
    width = max((len(command) for command, _ in steps), default=0)
    begun = wishes.server and results.get(_server_file(wishes)) == "wrote"
    head = (
        f"Next, edit {_from_here(layout, _server_file(wishes))}, then run:"
        if begun
        else "Next, run:"
    )
    yield from ("", head) if steps else ()
    yield from (f"  {command:<{width}}   {meaning}".rstrip() for command, meaning in steps)


def _further_lines(layout: Layout, wishes: Wishes, results: Mapping[str, str]) -> Iterator[str]:
    """Yield what a person has to enter into files that are kept."""
    kept = {name.rpartition("../")[2] for name, result in results.items() if result == "kept"}
    if wishes.forge == "gitlab" and ".gitlab-ci.yml" in kept:
        text = workflow_files("gitlab", layout, None)[".gitlab-ci.yml"]
        yield from ("", ".gitlab-ci.yml is yours; add this to it:")
        yield from (f"  {line}" for line in text[text.index("include:") :].splitlines())
    if wishes.forge != "github":
        return
    wanted = (*layout.access, *layout.passwords)
    for path in sorted(kept & set(FORGES["github"])):
        text = read_named(layout.top / path).decode("utf-8", "replace")
        missing = [name for name in wanted if f"secrets.{name} " not in text]
        if missing and "plan.yml" not in path:
            yield from ("", f"{path} is yours; its steps that run icesync lack under `env:`")
            yield from map(str.rstrip, map(_env_line, missing))


def _from_here(layout: Layout, name: str) -> str:
    """Return the file *name* as a shell takes it in the working directory."""
    return shlex.quote(os.path.relpath(layout.folder / name))


def _secrets_to_set(layout: Layout, forge: str) -> Iterator[str]:
    """Yield each secret that the workflow needs, as the command that sets it."""
    key = _from_here(layout, KEY_FILE)
    names = (*layout.access, *layout.passwords)
    listed = layout.access if len(layout.passwords) > _MANY else names
    install = None if installable(os.environ) else "git+https://HOST/OWNER/icesync@COMMIT"
    yield "Create these CI secrets:"
    if forge == "github":
        if install:
            yield f"  gh variable set ICESYNC_INSTALL --body {install}   # what is to be installed"
        yield f"  gh secret set {KEY_VARIABLE} < {key}"
        yield from (f"  gh secret set {name}" for name in listed)
        if listed != names:
            passwords = _from_here(layout, _PASSWORDS_FILE)
            yield f"  gh secret set --env-file {passwords}   # {_counted_names(layout)}"
        return
    if install:
        yield f"  glab variable set ICESYNC_INSTALL {install}   # what is to be installed"
    yield f"  glab variable set {KEY_VARIABLE} --masked --protected < {key}"
    yield from (f"  glab variable set {name} '…' --masked --protected" for name in listed)
    if listed != names:
        yield f"  and one for each of {_counted_names(layout)}"
    yield (
        "  glab variable set ICESYNC_PUSH_TOKEN '…' --masked --protected"
        "   # commits the state: a project access token, scope write_repository"
    )
    yield (
        "  glab variable set ICESYNC_GITLAB_TOKEN '…' --masked"
        "   # writes comments: a project access token, role Reporter, scope api"
    )


def _counted_names(layout: Layout) -> str:
    first, last = layout.passwords[0], layout.passwords[-1]
    return f"{counted(len(layout.passwords), 'password')}, {first} to {last}"


def _next_steps(layout: Layout, wishes: Wishes) -> Iterator[tuple[str, str]]:
    """
    Yield commands to type, in order, and what each is for; those of icesync find *layout*.

    The console adds where the configuration is.
    """
    if wishes.anew and wishes.server is None:
        servers, example = _from_here(layout, "servers"), _from_here(layout, EXAMPLE)
        yield "icesync import FILE", "servers that exist already, from a spreadsheet or requests"
        yield f"mkdir -p {servers} && cp {example} {servers}/first.yaml", "or a first one by hand"
    if wishes.anew:
        yield "icesync plan", "preview (needs no passwords)"
        names = (*(() if wishes.emulated else layout.access), *layout.passwords)
        given = " ".join(f"{name}='…'" for name in names)
        if given:
            yield f"export {given}", "set the secrets"
        yield "icesync apply", f"send it to {'the emulator' if wishes.emulated else 'ICE'}"
        yield merge_config(layout.inside.rstrip("/")), "let git merge the state, in each clone"
    if wishes.pre_commit:
        yield "pre-commit install", "format and validate before each commit"


def go_live(common: Common, session: Session, access: Access | None) -> Iterator[str]:
    """
    Let the configuration call ICE instead of the emulator; yield what was done and comes next.

    Raises:
        ConfigInvalid: only a person can change the file.
        StateLocked: an apply is going on.

    """
    project = session.project
    path = common.locate()
    before = read_named(path)
    after = rewrite(path.name, before, access)
    moved = set_state_aside(session)
    if after != before:
        replace_text(path, before, after)
        by = f", {access.line}" if access else ""
        yield f"{os.path.relpath(path)}: base_url: {VENDOR_BASE_URL}{by}"
    for name, target in moved:
        yield f"{name} described the emulator: moved to {target}"
    if project.state.backend is not Backend.LOCAL and after != before:
        yield "the state of the emulator stays where it is: name another one under `state:`"
    if not moved and after == before:
        yield f"{os.path.relpath(path)} calls {project.api.base_url} already; nothing was changed"
        return
    live, _ = variables_of_files(common.open())
    given = " ".join(f"{name}='…'" for name in live)
    steps = [(f"export {given}", "the access to ICE")] if live else []
    steps.append(("icesync plan", "every server is sent for the first time"))
    if (Layout(path.parent).top / ".github/workflows/icesync-apply.yml").exists():
        steps += [(f"gh secret set {name}", "the same for the workflow") for name in live]
        steps.append(("icesync init --ci github", "brings its variables up to date"))
    width = max(len(command) for command, _ in steps)
    yield from (
        "",
        "Next, run:",
        *(f"  {command:<{width}}   {meaning}" for command, meaning in steps),
    )
