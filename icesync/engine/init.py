"""Set up a repository: the files that it lacks, and what to do with them; and go live."""

from __future__ import annotations

import json
import os
import re
import shlex
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from icesync import __version__
from icesync.engine.access import make_key, variables_of_files
from icesync.engine.ci_secrets import (
    CiSecrets,
    assigned_in,
    commands,
    environments,
    key_variable,
    notes,
)
from icesync.engine.explain import file_schemas, print_file_schema
from icesync.engine.go_live import Access, rewrite, set_state_aside
from icesync.engine.session import Session, demand_private
from icesync.engine.state_merge import merge_attribute, merge_config
from icesync.frozen import frozen
from icesync.model.project import EMULATOR, ORGANIZATION_MARK, VENDOR_BASE_URL, Backend
from icesync.model.secret import ask_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
_PASSWORD_FILES: Final = (".icesync/*.env", "*.env")
"""Where an import put passwords."""

ADDITIONS: Final = (
    "nothing was written; choose what to add:",
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
        "kept": ": a secret of both environments,\n*{}* and *{}* (*Settings*, *Environments*)",
        "rerun": "run *icesync apply* (*Actions*, *Run workflow*)",
    },
    "gitlab": {
        "review": "merge request",
        "kept": ": a protected CI/CD variable\nof the project (*Settings*, *CI/CD*, *Variables*)",
        "rerun": "run the newest pipeline of the default branch again",
    },
    "none": {
        "review": "change",
        "kept": ", outside of\nthis repository",
        "rerun": "let the pipeline run `icesync apply`",
    },
}


@frozen
class InitRequest:
    """
    What is asked for.

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


class Files(Protocol):
    """How files are read and written; each error of theirs names the file."""

    def read_named(self, path: Path) -> bytes:
        """Return the content of the file *path*."""
        ...

    def write_new(self, path: Path, data: bytes, mode: int = ...) -> bool:
        """Write *data* to *path* unless something is there; return whether it was written."""
        ...

    def write_open(self, path: Path, data: bytes) -> None:
        """Write *data* to *path*."""
        ...

    def replace_text(self, path: Path, before: bytes, after: bytes) -> None:
        """Put *after* in the place of *before*."""
        ...


@frozen
class Layout:
    """
    What the files say about a configuration in *folder*.

    *state* is the committed one, a pattern where there is one for each organization.
    *access* and *passwords* are the variables that it and the server files refer to.
    *home* is the web address of the repository, *install* what pip takes to get icesync;
    None where that is not known. *part* tells its pipeline from that of another configuration.
    """

    folder: Path
    config_file: str = "icesync.yaml"
    state: str = "icesync.state.json"
    patterns: tuple[str, ...] = ("servers/**/*.yaml",)
    access: tuple[str, ...] = ("ICE_TOKEN",)
    passwords: tuple[str, ...] = ()
    home: str | None = None
    install: str | None = None
    part: str = ""

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


def bare_layout(config: Path, request: InitRequest) -> Layout:
    """Return the layout of the configuration *config* where only its place counts."""
    passwords: tuple[str, ...] = variables_of(*request.server) if request.server else ()
    return Layout(_way_to(config.parent), config.name, passwords=passwords)


def layout_of(session: Session) -> Layout:
    """
    Return the layout of a configuration that is there.

    Raises:
        ConfigInvalid: what is there is wrong, so that no workflow can be made for it.

    """
    project = session.project
    access, passwords = variables_of_files(session)
    return Layout(
        _way_to(Path(project.root)),
        project.config_file,
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


def guess_forge(remote: str) -> str:
    """Return whose CI the repository that was cloned from *remote* has."""
    return next((forge for forge in FORGES if forge in remote), "none")


def fill(name: str, values: Mapping[str, object]) -> str:
    """Return the template *name* with *values* for its ``@{NAME}``; all other braces stay."""
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: str(values[match[1]]), text)


def workflow_files(forge: str, layout: Layout) -> dict[str, str]:
    """Return the text of each file of *forge* by its path in the repository."""
    values = _workflow_values(forge, layout)
    return {
        path.replace("/icesync", f"/icesync-{layout.part}" if layout.part else "/icesync"):
        fill(template, values)
        for path, template in FORGES.get(forge, {}).items()
    }  # fmt: skip


def part_of(layout: Layout, files: Files) -> str:
    """
    Return what tells the pipeline of *layout* from others; empty where it has the usual names.

    A repository may hold several configurations. The first one's files have the usual names.
    """
    folder = layout.inside.rstrip("/")
    for path in (".github/workflows/icesync-apply.yml", ".gitlab-ci.yml"):
        place = layout.top / path
        text = files.read_named(place).decode("utf-8", "replace") if place.is_file() else ""
        owners = folders_of_pipeline(text)
        if owners and owners[0] != folder:
            return re.sub(r"[^A-Za-z0-9]+", "-", folder) or "top"
    return ""


_FOLDER: Final = re.compile(r"^ +(?:working-directory|folder): \"(.*)\"$", re.MULTILINE)


def folders_of_pipeline(text: str) -> tuple[str, ...]:
    """Return which folders the pipeline *text* is for, empty for the top; none if not ours."""
    if "as `icesync init --ci github`" not in text and "- local: ci/icesync" not in text:
        return ()
    found = [str(json.loads(f'"{each}"')) for each in _FOLDER.findall(text)] or [""]
    return tuple("" if folder == "." else folder for folder in found)


def _workflow_values(forge: str, layout: Layout) -> dict[str, object]:
    inside, install = layout.inside, layout.install
    here = json.dumps(inside.rstrip("/"))
    if forge == "github":
        known = f"vars.ICESYNC_INSTALL || '{install}'" if install else "vars.ICESYNC_INSTALL"
        folders = dict.fromkeys(f"{_fixed_folder(p)}**" for p in layout.patterns)
        paths = ", ".join(json.dumps(inside + name) for name in (layout.config_file, *folders))
    else:
        known, paths = f'    ICESYNC_INSTALL: "{install}"\n' if install else "", ""
    return {
        "version": __version__,
        "part": f"{layout.part}-" if layout.part else "",
        "key": key_variable(layout.part),
        "rename": f'    - export {key_variable("")}="${key_variable(layout.part)}"\n'
        if layout.part
        else "",
        "file": f"icesync-{layout.part}" if layout.part else "icesync",
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


def write_files(layout: Layout, request: InitRequest, files: Files) -> Iterator[tuple[str, str]]:
    """
    Write the files that are not there yet; yield each path and what became of it.

    What git and a CI system look for at the top of the repository goes there, also
    when the configuration is further down. A workflow that differs only in its variables
    is brought up to date; lines that a .gitignore or .gitattributes lacks are added.

    Raises:
        UsageError: a file cannot be written, or the key's is a link or tracked by git.

    """
    folder = layout.folder
    if request.anew:
        demand_private(folder / KEY_FILE)
    for name, (text, mode) in _files(layout, request).items():
        path = folder / name
        if files.write_new(path, text.encode(), mode):
            yield name, "wrote"
        else:
            yield name, _bring_up_to_date(name, path, text, files)


def _bring_up_to_date(name: str, path: Path, text: str, files: Files) -> str:
    """Bring the file that is there to *text* as far as it is ours; return what became of it."""
    workflow = ".github/workflows/" in name
    if not (workflow or name in {".gitignore", ".gitattributes"}) or not path.is_file():
        return "kept"
    data = files.read_named(path)
    before = data.decode("utf-8", "replace")
    if workflow:
        if before == text or _ENV_LINE.sub("", before) != _ENV_LINE.sub("", text):
            return "kept"
        files.write_open(path, text.encode())
        return "updated"
    there = set(before.splitlines())
    missing = [line for line in text.splitlines(keepends=True) if line.rstrip() not in there]
    if not missing:
        return "kept"
    end = "\n" if before and not before.endswith("\n") else ""
    files.write_open(path, data + (end + "".join(missing)).encode())
    return "added to"


def _files(layout: Layout, request: InitRequest) -> Mapping[str, tuple[str, int]]:
    """Return text and permissions of each file by its path."""
    top = os.path.relpath(layout.top, layout.folder.resolve())
    prefix = "" if top == "." else f"{top}/"
    chdir = f" -C {shlex.quote(layout.inside.rstrip('/'))}" if layout.inside else ""
    values = {"inside": layout.inside, "chdir": chdir}
    texts = dict(_first_files(layout, request)) if request.anew else {}
    if request.anew:
        texts[".gitignore"] = fill("gitignore", {})
        texts[".gitattributes"] = f"{merge_attribute(layout.state)}\n"
        texts[f"{prefix}.prettierignore"] = fill("prettierignore", values)
    if request.editor:
        texts[".vscode/settings.json"] = fill("settings.json", {})
        texts[".vscode/extensions.json"] = fill("extensions.json", {})
        texts |= {f"schemas/{name}.schema.json": print_file_schema(name) for name in file_schemas()}
    if request.pre_commit:
        texts[f"{prefix}.pre-commit-config.yaml"] = fill("pre-commit.yaml", values)
    workflows = workflow_files(request.forge, layout)
    texts |= {prefix + path: text for path, text in workflows.items()}
    if request.readme:
        texts["README.md"] = _readme(layout, request.forge)
    files = {name: (text, 0o644) for name, text in texts.items()}
    if request.anew:
        files[KEY_FILE] = (make_key().decode(), 0o600)
        # Whatever another .gitignore says, the key stays out of git.
        files[".icesync/.gitignore"] = ("*\n", 0o644)
    return files


def _first_files(layout: Layout, request: InitRequest) -> Iterator[tuple[str, str]]:
    api = _EMULATED if request.emulated else _LIVE
    yield (
        layout.config_file,
        fill("icesync.yaml", {"modeline": _modeline(request, "icesync"), "api": api}),
    )
    organization, skill = request.server or (59, 663)  # doc:sample
    smtp, imap = variables_of(organization, skill)
    values = {"organization": organization, "skill": skill, "smtp": smtp, "imap": imap}
    about = "# icesync does not read examples/: copy this to servers/ and fill in your values.\n"
    about = "" if request.server else about
    modeline = _modeline(request, "email-servers", "../")
    yield _server_file(request), about + fill("server.yaml", {**values, "modeline": modeline})


def _server_file(request: InitRequest) -> str:
    """Return the file of the first server, which no import writes, or that of the example."""
    return "servers/{}-{}.yaml".format(*request.server) if request.server else EXAMPLE


def _modeline(request: InitRequest, schema: str, way: str = "") -> str:
    """Return the line that tells an editor the schema; a relative path works offline."""
    if not request.editor:
        return ""
    return f"# yaml-language-server: $schema={way}schemas/{schema}.schema.json\n"


def _readme(layout: Layout, forge: str) -> str:
    """Return a page for colleagues who edit in the browser."""
    home, inside = layout.home, f"{layout.inside}servers"
    link = {
        "github": (f"{home}/tree/HEAD/{inside}", f"{home}/actions"),
        "gitlab": (f"{home}/-/tree/HEAD/{inside}", f"{home}/-/pipelines"),
    }.get(forge)
    files, runs = link if home and link else ("servers/", "../../actions")
    values: dict[str, object] = {"files": files, "runs": runs, **_WORDS[forge]}
    values["kept"] = _WORDS[forge]["kept"].format(*environments(layout.part))
    steps = fill(f"{forge}/steps.md" if forge in FORGES else "steps.md", values).rstrip()
    return fill("README.md", {**values, "steps": steps})


def tell(
    layout: Layout, request: InitRequest, results: Mapping[str, str], files: Files
) -> Iterator[str]:
    """Yield what became of each file, which secrets are needed, and the next commands."""
    by_folder = groupby(results.items(), lambda item: (item[0].rpartition("/")[0], item[1]))
    width = max(map(len, results.values()), default=0)
    for (_, result), group in by_folder:
        first, *others = (name for name, _ in group)
        names = [first, *(name.rpartition("/")[2] for name in others)]
        yield f"{result:<{width}} {', '.join(names)}"
    yield from _further_lines(layout, request, results, files)
    if request.forge in FORGES:
        yield from ("", *_secrets_to_set(layout, request.forge, files))
    steps = tuple(_next_steps(layout, request))
    begun = request.server and results.get(_server_file(request)) == "wrote"
    head = (
        f"Next, edit {_from_here(layout, _server_file(request))}, then run:"
        if begun
        else "Next, run:"
    )
    yield from ("", head) if steps else ()
    yield from _lines_of(steps)


def _further_lines(
    layout: Layout, request: InitRequest, results: Mapping[str, str], files: Files
) -> Iterator[str]:
    """Yield what a person has to enter into files that are kept."""
    kept = {name.rpartition("../")[2] for name, result in results.items() if result == "kept"}
    if request.forge == "gitlab" and ".gitlab-ci.yml" in kept:
        text = workflow_files("gitlab", layout)[".gitlab-ci.yml"]
        there = files.read_named(layout.top / ".gitlab-ci.yml").decode("utf-8", "replace")
        entry = text[text.index("include:") :]
        if entry.partition("\n")[2] not in there:
            yield from ("", ".gitlab-ci.yml is there already; add this to it:")
            yield from (f"  {line}" for line in entry.splitlines())
    if request.forge != "github":
        return
    wanted = (*layout.access, *layout.passwords)
    for path in sorted(kept & workflow_files("github", layout).keys()):
        text = files.read_named(layout.top / path).decode("utf-8", "replace")
        missing = [name for name in wanted if f"secrets.{name} " not in text]
        if missing and "plan.yml" not in path:
            yield from ("", f"{path} is yours; its steps that run icesync lack under `env:`")
            yield from map(str.rstrip, map(_env_line, missing))


def _from_here(layout: Layout, name: str) -> str:
    """Return the file *name* as a shell takes it in the working directory."""
    return shlex.quote(os.path.relpath(layout.folder / name))


def _secrets_to_set(layout: Layout, forge: str, files: Files) -> Iterator[str]:
    """Yield each secret that the workflow needs, as the command that sets it."""
    held: dict[str, tuple[str, ...]] = {}
    for pattern in _PASSWORD_FILES:
        for path in sorted(layout.folder.glob(pattern)):
            text = files.read_named(path).decode("utf-8", "replace") if path.is_file() else ""
            if names := assigned_in(text, layout.passwords):
                way = os.path.relpath(path)
                held[shlex.quote(way if "/" in way else f"./{way}")] = names
    needed = CiSecrets(
        layout.access,
        layout.passwords,
        _from_here(layout, KEY_FILE),
        held,
        None if layout.install else "git+https://HOST/OWNER/icesync@COMMIT",
        layout.part,
    )
    yield from notes(forge, needed)
    yield from (f"  {command}" for command in commands(forge, needed))
    if forge == "github":
        apply = environments(layout.part)[1]
        yield f"Then set the required reviewers of {apply}: Settings, Environments."


_ALIGNED: Final = 34
"""What longer commands are for stands below them."""


def _lines_of(steps: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each command of *steps*, with what it is for beside it."""
    width = max((len(c) for c, _ in steps if len(c) <= _ALIGNED), default=0)
    for command, meaning in steps:
        if len(command) <= width:
            yield f"  {command:<{width}}   {meaning}"
        else:
            yield from (f"  {command}", f"  {'':<{width}}   {meaning}")


def _next_steps(layout: Layout, request: InitRequest) -> Iterator[tuple[str, str]]:
    """
    Yield commands to type, in order, and what each is for; those of icesync find *layout*.

    The console adds where the configuration is.
    """
    if request.anew and request.server is None:
        servers, example = _from_here(layout, "servers"), _from_here(layout, EXAMPLE)
        yield "icesync import FILE", "servers that exist already, from a spreadsheet or requests"
        yield f"mkdir -p {servers} && cp {example} {servers}/first.yaml", "or a first one by hand"
    if request.anew:
        yield merge_config(layout.inside.rstrip("/")), "let git merge the state, in each clone"
    if request.pre_commit:
        yield "pre-commit install", "format and validate before each commit"
    if request.anew:
        yield "icesync plan", "preview (needs no passwords)"
        names = (*(() if request.emulated else layout.access), *layout.passwords)
        yield _ask_and_apply(names, "the emulator" if request.emulated else "ICE")


def _ask_and_apply(names: Sequence[str], where: str) -> tuple[str, str]:
    """Return the last command: one that is pasted behind a question would be its answer."""
    if not names:
        return "icesync apply", f"send it to {where}"
    return f"{ask_for(names)} && icesync apply", f"asks for the secrets, sends it to {where}"


def go_live(
    session: Session, access: Access | None, files: Files, reopen: Callable[[], Session]
) -> Iterator[str]:
    """
    Let the configuration call ICE instead of the emulator; yield what was done and comes next.

    *reopen* gives the session of the configuration as it is then.

    Raises:
        ConfigInvalid: only a person can change the file.
        StateLocked: an apply is going on.

    """
    project = session.project
    path, emulated = Path(project.root, project.config_file), project.api.emulated
    before = files.read_named(path)
    after = rewrite(path.name, before, access)
    moved = set_state_aside(session)
    if after != before:
        files.replace_text(path, before, after)
        address = f"base_url: {VENDOR_BASE_URL}" if emulated else ""
        lines = filter(None, (address, access.line if access else ""))
        yield f"{os.path.relpath(path)}: {', '.join(lines)}"
    for name, target in moved:
        yield f"{name} described the emulator: moved to {target}"
    if project.state.backend is not Backend.LOCAL and emulated:
        yield "the state of the emulator stays where it is: name another one under `state:`"
    if not moved and after == before:
        how = f"calls {project.api.base_url}" + (f", with {access.line}" if access else "")
        yield f"{os.path.relpath(path)} {how} already; nothing was changed"
        return
    live, _ = variables_of_files(reopen())
    steps = [
        (f"icesync init --ci {forge}", "updates the pipeline, prints its secrets")
        for forge in FORGES
        if (Layout(path.parent).top / list(FORGES[forge])[1]).exists()
    ]
    steps.append(
        ("icesync plan", "every server is sent for the first time" if moved else "preview")
    )
    steps.append(_ask_and_apply(live, "ICE"))
    yield from ("", "Next, run:", *_lines_of(steps))
