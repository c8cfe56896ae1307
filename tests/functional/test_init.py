"""``icesync init``: what it writes is right at once, and what it says is true."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from rig import run_in_terminal, run_program
from starter import program_folder

from icesync.config.schema import SCHEMAS
from icesync.engine.init import FORGES, Layout, variables_of, workflow_files

if TYPE_CHECKING:
    import subprocess as processes
    from typing import IO

BIN: Final = Path(sys.executable).parent

SERVER: Final = ["--organization=59", "--skill=663"]
NEW: Final = ["init", "--emulator", *SERVER]

ALL: Final = {
    "icesync.yaml",
    "servers/59-663.yaml",
    "README.md",
    ".gitignore",
    ".gitattributes",
    ".prettierignore",
    ".vscode/settings.json",
    ".vscode/extensions.json",
    *(f"schemas/{name}.schema.json" for name in SCHEMAS),
    ".pre-commit-config.yaml",
    ".icesync/fingerprint.key",
    ".icesync/.gitignore",
}


def _files(root: Path) -> set[str]:
    paths = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {path for path in paths if not path.startswith(".git/")}


def _read(text: str) -> Any:
    """Return YAML as strings: in a workflow, `on` is a word."""
    return yaml.load(text, yaml.BaseLoader)  # noqa: S506 - strings only


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder that git knows nothing of."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        ([], set()),
        (["--ci", "github"], set(FORGES["github"])),
        (["--ci", "gitlab"], set(FORGES["gitlab"])),
        (["--no-pre-commit"], {".pre-commit-config.yaml"}),
        (["--no-readme"], {"README.md"}),
    ],
    ids=["usual", "github", "gitlab", "no hooks", "no page"],
)
def test_files(root: Path, flags: list[str], more: set[str]) -> None:
    """Everything is written that the flags ask for, and nothing else."""
    run_program([*NEW, *flags], root)

    assert _files(root) == ALL ^ more


def test_without_editor(root: Path) -> None:
    """Who wants nothing for an editor gets no schemas, and no line that names one."""
    run_program([*NEW, "--no-editor"], root)

    assert _files(root) == {f for f in ALL if not f.startswith((".vscode", "schemas"))}
    assert "$schema" not in (root / "servers/59-663.yaml").read_text()
    assert run_program(["validate"], root).code == 0


@pytest.mark.parametrize("flags", [["--emulator"], ["--ci", "github"], ["--no-editor"]], ids=str)
def test_what_it_writes_is_right_at_once(root: Path, flags: list[str]) -> None:
    """The new repository validates, is in shape and can be planned."""
    run_program(["init", *SERVER, *flags], root)

    codes = [
        run_program(words, root).code for words in (["validate"], ["fmt", "--check"], ["plan"])
    ]

    assert codes == [0, 0, 0]


def test_schema_lines_lead_to_the_schemas(root: Path) -> None:
    """The first line of each file names a file that is there, so an editor works offline."""
    run_program(NEW, root)

    for name in ("icesync.yaml", "servers/59-663.yaml"):
        first, _, _ = (root / name).read_text().partition("\n")
        target = first.partition("$schema=")[2]

        assert json.loads(((root / name).parent / target).read_text())["title"]


def test_key_is_private(root: Path) -> None:
    """The fingerprint key is its owner's, and git sees nothing of its folder."""
    (root / ".gitignore").write_text("*.pyc\n")
    run_program(["init"], root)

    assert stat.S_IMODE((root / ".icesync/fingerprint.key").stat().st_mode) == 0o600
    assert (root / ".icesync/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("target", ["../README.md", "../nowhere"])
@pytest.mark.parametrize("words", [["init"], ["keygen", "--out", ".icesync/fingerprint.key"]])
def test_key_is_not_written_through_a_link(root: Path, words: list[str], target: str) -> None:
    """A link at the key's place is refused before anything is written."""
    (root / "README.md").write_text("x")
    (root / ".icesync").mkdir()
    (root / ".icesync/fingerprint.key").symlink_to(target)
    before = _files(root)

    result = run_program(words, root)

    assert result.code == 64
    assert "fingerprint.key is a symbolic link" in result.stderr
    assert _files(root) == before
    assert (root / "README.md").read_text() == "x"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
@pytest.mark.parametrize("words", [["init"], ["keygen", "--out", ".icesync/fingerprint.key"]])
def test_key_that_git_tracks_is_refused(tmp_path: Path, words: list[str]) -> None:
    """A key in git is no key: who makes one there is told how to take it out."""
    (tmp_path / ".icesync").mkdir()
    (tmp_path / ".icesync/fingerprint.key").write_text("x")
    for line in ("git init -q", "git add -f .icesync/fingerprint.key"):
        subprocess.run(line.split(), cwd=tmp_path, check=True)

    result = run_program(words, tmp_path)

    assert result.code == 64
    assert "git rm --cached " in result.stderr


def test_next_steps_are_true(root: Path) -> None:
    """Whoever types what is printed, as it is printed, ends with an applied server."""
    told = run_program([*NEW, "--no-pre-commit"], root).stderr
    steps = [line.strip().split("   ")[0] for line in told.splitlines() if re.match(r"  \S", line)]
    script = "\n".join(steps).replace("icesync apply", "icesync apply --auto-approve")

    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=root, env={"PATH": f"{BIN}:/usr/bin:/bin"}, input="a 'b\\\n c\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert len(steps) == 3
    assert steps[-1].startswith("for n in ICE_59_663_SMTP ICE_59_663_IMAP; do ")
    assert "…" not in told
    assert done.returncode == 0, done.stderr
    assert "1 applied" in done.stdout


def test_next_steps_from_elsewhere(root: Path) -> None:
    """With another folder, each step works from where one is."""
    told = run_program(["-C", "mail server", "init", "--emulator"], root).stderr
    steps = [line.strip().split("   ")[0] for line in told.splitlines() if re.match(r"  \S", line)]
    others = ("icesync -C 'mail server' import", "pre-commit", "git config")
    script = "\n".join(step for step in steps if not step.startswith(others))
    script = script.replace(" apply", " apply --auto-approve")
    path = f"{program_folder()}:/usr/bin:/bin"
    environ = {"PATH": path, "ICE_59_663_SMTP": "x", "ICE_59_663_IMAP": "y"}

    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=root, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "icesync -C 'mail server' plan" in script
    assert done.returncode == 0, done.stderr
    assert "1 applied" in done.stdout


def test_nothing_is_overwritten(root: Path) -> None:
    """What is there is kept, byte by byte, and named; what is not is written."""
    for name in ALL - {"icesync.yaml", ".gitignore", ".gitattributes"}:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"mine: {name}")
    (root / ".gitignore").write_text("*.pyc\n.icesync/")
    (root / ".gitattributes").write_text("icesync.state.json merge=icesync\n")

    told = run_program(NEW, root).stderr

    assert "wrote    icesync.yaml\n" in told
    assert "added to .gitignore\n" in told
    assert told.count("kept     ") >= 5
    assert {n for n in ALL - {".gitattributes"} if (root / n).read_text() != f"mine: {n}"} == {
        "icesync.yaml",
        ".gitignore",
    }
    lines = (root / ".gitignore").read_text().splitlines()
    assert lines[:3] == ["*.pyc", ".icesync/", "*.state.json.lock"]


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        ([], set()),
        (["--editor"], {f for f in ALL if f.startswith((".vscode", "schemas"))}),
        (["--pre-commit"], {".pre-commit-config.yaml"}),
        (["--readme"], {"README.md"}),
        (["--ci=github"], set(FORGES["github"])),
    ],
    ids=["nothing", "editor", "hooks", "page", "github"],
)
@pytest.mark.parametrize("where", [".", "servers"])
def test_configured_repository_gets_what_is_asked_for(
    root: Path, flags: list[str], more: set[str], where: str
) -> None:
    """Beside a configuration, or below it, only what a flag names is written: never a server."""
    before = {"icesync.yaml": "version: 1\n", "servers/a.yaml": "version: 1\norganization: 7\n"}
    for name, text in before.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "servers/a.yaml").write_text(
        "version: 1\norganization: 7\ndefaults: {incoming: imap}\nservers: []\n"
    )

    result = run_program(["init", *flags], root / where)

    assert result.code == 0, result.stderr
    assert f"the configuration is {'' if where == '.' else '../'}icesync.yaml\n" in result.stderr
    assert _files(root) == before.keys() | more
    assert ("nothing was written" in result.stderr) is not more or flags != []


@pytest.mark.parametrize("flags", [SERVER, ["--emulator"], ["--skill=5"]], ids=str)
def test_configured_repository_gets_no_server(root: Path, flags: list[str]) -> None:
    """A server that is named where a configuration is there already is refused."""
    (root / "icesync.yaml").write_text("version: 1\n")

    result = run_program(["init", *flags], root)

    assert result.code == 64
    assert "icesync.yaml is there already" in result.stderr
    assert _files(root) == {"icesync.yaml"}


def test_without_a_server_an_example_is_written(root: Path) -> None:
    """No organization is anybody's default: no command reads the example until it is copied."""
    told = run_program(["init"], root).stderr
    codes = [run_program(["validate"], root).code]
    for line in re.findall("^  (mkdir .*)$", told, re.MULTILINE):
        subprocess.run(["bash", "-euc", line], cwd=root, check=True)
    codes += [run_program(words, root).code for words in (["validate"], ["fmt", "--check"])]

    assert "examples/server.yaml" in _files(root)
    assert codes == [3, 0, 0]


@pytest.mark.parametrize("flag", SERVER)
def test_half_a_server_is_refused(root: Path, flag: str) -> None:
    """An organization without a skill is no server, nor is a skill without one."""
    result = run_program(["init", flag], root)

    assert result.code == 64
    assert _files(root) == set()


def test_workflow_follows_the_variables_of_the_files(root: Path) -> None:
    """A workflow as it was written gets the lines of new secrets; a changed one is kept."""
    run_program([*NEW, "--ci=github"], root)
    server = root / "servers/59-663.yaml"
    server.write_text(server.read_text().replace("ICE_59_663_SMTP", "ICE_OTHER"))
    apply, check = (root / f".github/workflows/icesync-{name}.yml" for name in ("apply", "check"))
    check.write_text(check.read_text().replace("17 5 * *", "18 5 * *"))

    told = run_program(["init", "--ci=github"], root).stderr

    assert "updated .github/workflows/icesync-apply.yml\n" in told
    assert "ICE_OTHER: ${{ secrets.ICE_OTHER }}" in apply.read_text()
    assert "ICE_59_663_SMTP" not in apply.read_text()
    assert "ICE_OTHER" not in check.read_text()
    assert "icesync-check.yml is yours" in told
    assert "          ICE_OTHER: ${{ secrets.ICE_OTHER }}\n" in told


def test_workflow_without_a_server_yet(root: Path) -> None:
    """A configuration without a server gets a workflow; one with wrong files is told, and none."""
    (root / "icesync.yaml").write_text("version: 1\n")
    empty = run_program(["init", "--ci=github"], root)
    before = _files(root)
    (root / "servers").mkdir()
    (root / "servers/a.yaml").write_text("servers: 5\n")
    wrong = run_program(["init", "--ci=gitlab"], root)

    assert (empty.code, wrong.code) == (0, 3)
    assert _files(root) == before | {"servers/a.yaml"}


def test_pipeline_of_ones_own_is_kept(root: Path) -> None:
    """Somebody's .gitlab-ci.yml stays, and the lines to add to it are printed."""
    (root / ".gitlab-ci.yml").write_text("mine\n")

    told = run_program([*NEW, "--ci=gitlab"], root).stderr

    assert (root / ".gitlab-ci.yml").read_text() == "mine\n"
    assert "  include:\n    - local: ci/icesync.yml\n" in told


@pytest.mark.parametrize(
    ("forge", "commands"),
    [
        ("github", ["gh secret set ICESYNC_FINGERPRINT_KEY --env $e < .icesync/fingerprint.key",
                    "gh secret set ICE_TOKEN --env icesync-apply",
                    "for n in ICE_59_663_SMTP ICE_59_663_IMAP; do"]),
        ("gitlab", ["glab variable set ICESYNC_FINGERPRINT_KEY --protected --masked --raw < .icesy",
                    "for n in ICE_TOKEN ICESYNC_PUSH_TOKEN; do",
                    "for n in ICE_59_663_SMTP ICE_59_663_IMAP; do"]),
    ],
)  # fmt: skip
def test_every_secret_is_listed(root: Path, forge: str, commands: list[str]) -> None:
    """What the workflow needs is printed as the commands that set it, the key from its file."""
    told = run_program([*NEW, "--ci", forge], root).stderr
    files = workflow_files(forge, Layout(root, passwords=variables_of(59, 663)))
    used = set(re.findall(r"secrets\.(\w+)", "".join(files.values())))

    assert [command for command in commands if command not in told] == []
    assert {name for name in used if name not in told} == set()


def test_file_of_passwords_is_named_only_if_it_is_there(root: Path) -> None:
    """The commands read the file that an import wrote, whatever its name, or ask."""
    run_program([*NEW, "--ci=github"], root)
    server = root / "servers/59-663.yaml"
    server.write_text(re.sub(r"(ref\+env://ICE_59_663_\w+)", r"\1_PASSWORD", server.read_text()))
    asked = run_program(["init", "--ci=github"], root).stderr
    (root / ".icesync/mail.env").write_text("ICE_59_663_SMTP_PASSWORD='x'\n")
    read = run_program(["init", "--ci=github"], root).stderr

    assert ".env" not in asked
    assert "for n in ICE_59_663_SMTP_PASSWORD ICE_59_663_IMAP_PASSWORD; do" in asked
    assert "(set -a; . .icesync/mail.env; " in read
    assert "for n in ICE_59_663_IMAP_PASSWORD; do" in read


@pytest.mark.parametrize(
    ("remote", "link", "word"),
    [
        ("git@github.com:acme/mail.git", "https://github.com/acme/mail/tree/HEAD/servers", "pull"),
        ("https://u:secret@gitlab.example.org:8443/a/b/mail.git",
         "https://gitlab.example.org:8443/a/b/mail/-/tree/HEAD/servers", "merge"),
        ("/srv/git/mail.git", "servers/", "icesync plan"),
    ],
)  # fmt: skip
def test_page_for_colleagues(root: Path, remote: str, link: str, word: str) -> None:
    """The page has the address of this repository and the words of its CI system, and no secret."""
    for words in (["init", "--quiet"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    run_program(NEW, root)
    page = (root / "README.md").read_text()

    assert f"]({link})" in page
    assert word in page
    assert "secret@" not in page
    assert "@{" not in page
    assert len(page.splitlines()) <= 40


def test_link_is_not_followed(root: Path) -> None:
    """A link that leads nowhere is something that is there."""
    (root / "icesync.yaml").symlink_to(root / "elsewhere")

    told = run_program(["init"], root).stderr

    assert "the configuration is icesync.yaml\n" in told
    assert not (root / "elsewhere").exists()


@pytest.mark.parametrize(
    ("remote", "written"),
    [
        ("git@github.com:owner/mail.git", set(FORGES["github"])),
        ("https://gitlab.example.org/owner/mail.git", set(FORGES["gitlab"])),
        ("https://git.example.org/owner/mail.git", set()),
    ],
    ids=["github", "gitlab", "other"],
)
def test_forge_is_guessed(root: Path, remote: str, written: set[str]) -> None:
    """Without a flag, git's remote says whose workflow is written."""
    for words in (["init", "--quiet"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", "-C", str(root), *words], check=True)

    run_program(NEW, root)

    assert _files(root) - ALL == written


@pytest.mark.parametrize("forge", sorted(FORGES))
def test_second_configuration_has_a_pipeline_of_its_own(root: Path, forge: str) -> None:
    """Another folder gets files of its own; the first one's stay as they are."""
    first = run_program(["-C", "mail", *NEW, "--ci", forge], root)
    before = {path: (root / path).read_bytes() for path in FORGES[forge]}
    told = run_program(["-C", "a b/other", "init", "--emulator", "--ci", forge], root).stderr
    again = run_program(["-C", "a b/other", "init", "--ci", forge], root).stderr
    layout = Layout(root / "a b/other", part="a-b-other")
    more = workflow_files(forge, layout).keys() - before.keys()

    assert first.code == 0
    assert {path: (root / path).read_bytes() for path in before} == before
    assert len(more) == (3 if forge == "github" else 1)
    assert [path for path in more if "a b/other" not in (root / path).read_text()] == (
        [] if forge == "github" else ["ci/icesync-a-b-other.yml"]
    )
    assert "lack" not in told + again
    if forge == "github":
        assert "for e in icesync-a-b-other-plan icesync-a-b-other-apply; do gh secret" in told
    else:
        assert "glab variable set ICESYNC_FINGERPRINT_KEY_A_B_OTHER " in told
        assert "  - local: ci/icesync-a-b-other.yml\n" in told
        assert 'folder: "a b/other"' in told


def test_folder_below_the_top(root: Path) -> None:
    """What a forge and pre-commit look for stands at the top, and goes where the files are."""
    run_program(["-C", "mail", *NEW, "--ci", "github"], root)
    hooks = _read((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    workflow = _read((root / ".github/workflows/icesync-apply.yml").read_text())
    ignored = (root / ".prettierignore").read_text().splitlines()

    assert ignored[1:] == ["mail/icesync.yaml", "mail/servers/"]
    assert {hook["entry"] for hook in hooks} == {
        "icesync -C mail fmt",
        "icesync -C mail validate",
    }
    assert workflow["defaults"]["run"]["working-directory"] == "mail"
    assert workflow["on"]["push"]["paths"] == ["mail/icesync.yaml", "mail/servers/**"]
    assert [run_program(shlex.split(h["entry"])[1:], root).code for h in hooks] == [0, 0]


def _type(text: bytes) -> Any:
    def answer(_: processes.Popen[str], screen: IO[bytes]) -> None:
        screen.write(text)

    return answer


def test_questions(root: Path) -> None:
    """On a terminal four questions are asked, and their answers are followed."""
    result = run_in_terminal(
        ["init"], root, answer=_type(b"71\n9\nn\ngitlab\n"), question=b"Organization"
    )
    servers = (root / "servers/71-9.yaml").read_text()

    assert result.code == 0
    assert "ref+env://ICE_71_9_SMTP" in servers
    assert "enterice.com" in (root / "icesync.yaml").read_text()
    assert (root / ".gitlab-ci.yml").exists()


def test_usual_answers(root: Path) -> None:
    """The return key three times gives the usual repository over the emulator, with an example."""
    result = run_in_terminal(["init"], root, answer=_type(b"\n\n\n"), question=b"Organization")

    assert result.code == 0
    assert _files(root) == ALL ^ {"servers/59-663.yaml", "examples/server.yaml"}
    assert "base_url: emulator" in (root / "icesync.yaml").read_text()


@pytest.mark.parametrize(
    "flags",
    [["--no-input"], ["--organization=5", "--skill=6", "--no-emulator", "--ci=none"]],
    ids=["--no-input", "everything said"],
)
def test_no_questions(root: Path, flags: list[str]) -> None:
    """Nothing is asked when told so, or when nothing is left to ask."""
    result = run_in_terminal(["init", *flags], root)

    assert result.code == 0
    assert "?" not in result.stderr
    assert ": " not in result.stderr.partition("Next")[0]


def test_go_live(root: Path) -> None:
    """An emulator's configuration calls ICE from then on, its state is aside; again is the same."""
    run_program([*NEW, "--no-editor"], root)
    secrets = {"ICE_59_663_SMTP": "one", "ICE_59_663_IMAP": "two"}
    run_program(["apply", "--auto-approve"], root, secrets)
    told = run_program(["init", "--go-live"], root)
    again = run_program(["init", "--go-live", "--token"], root)
    text = (root / "icesync.yaml").read_text()
    planned = run_program(["plan"], root, secrets)

    assert (told.code, again.code) == (0, 0)
    assert "  read -rs ICE_TOKEN && export ICE_TOKEN && icesync apply" in told.stderr
    assert "icesync.state.json described the emulator: moved to " in told.stderr
    assert "nothing was changed" in again.stderr
    assert "base_url: https://www.enterice.com/ICEAPI\n  token: ref+env://ICE_TOKEN\n" in text
    assert "1 to add" in planned.stdout
    assert not (root / "icesync.state.json").exists()
    assert (root / ".icesync/emulator/icesync.state.json").exists()
    assert [line for line in text.splitlines() if "emulator" in line] == []


def test_go_live_asks(root: Path) -> None:
    """On a terminal it asks for a token or a login."""
    run_program(NEW, root)

    result = run_in_terminal(
        ["init", "--go-live"], root, answer=_type(b"login\n59\nadmin@example.com\n"),
        question=b"Access",
    )  # fmt: skip

    assert result.code == 0
    assert (
        "  login: {organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}"
        in (root / "icesync.yaml").read_text()
    )


@pytest.mark.parametrize("token", ["eyJabc.def.ghi", "MY_TOKEN", "$MY_TOKEN", "ref+env:MY_TOKEN"])
@pytest.mark.parametrize("live", [False, True], ids=["emulator", "live"])
def test_go_live_does_not_show_a_token(root: Path, token: str, live: bool) -> None:
    """A token in the place of its reference is refused and never shown."""
    url = "https://www.enterice.com/ICEAPI"
    api = f"{{base_url: {url}, token: ref+env://ICE_TOKEN}}" if live else "{base_url: emulator}"
    (root / "icesync.yaml").write_text(f"version: 1\napi: {api}\n")
    before = (root / "icesync.yaml").read_bytes()

    result = run_program(["init", "--go-live", "--token", token], root)

    assert result.code == 64
    assert result.stderr.startswith("error: `--token` takes a reference, not the token itself\n")
    assert token not in result.stderr.replace("ref+env://ICE_TOKEN", "")
    assert (root / "icesync.yaml").read_bytes() == before


def test_go_live_waits_for_no_apply(root: Path) -> None:
    """While an apply holds the lock, nothing is changed."""
    run_program(NEW, root)
    run_program(["apply", "-y"], root, {"ICE_59_663_SMTP": "one", "ICE_59_663_IMAP": "two"})
    before = (root / "icesync.yaml").read_bytes()

    with (root / "icesync.state.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run_program(["init", "--go-live"], root)

    assert result.code == 5
    assert (root / "icesync.yaml").read_bytes() == before


@pytest.mark.parametrize("option", ["--organization", "--skill"])
def test_number_that_no_record_has_is_refused(tmp_path: Path, option: str) -> None:
    """What `validate` would refuse is not written: an id ends at 2147483647."""
    result = run_program(["init", "--emulator", option, "99999999999"], tmp_path)

    assert result.code == 64
    assert list(tmp_path.iterdir()) == []


def test_answer_that_is_no_id(root: Path) -> None:
    """An answer that is no id is told in plain words, and asked for again."""
    result = run_in_terminal(["init"], root, answer=_type(b"59a\n\n\n\n"), question=b"Organization")

    assert result.code == 0
    assert "59a is not an organization id; type a number such as 59" in result.stderr
