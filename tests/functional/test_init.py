"""``icesync init``: what it writes is right at once, and what it says is true."""

from __future__ import annotations

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

from icesync.cli import templates
from icesync.cli.main import COMMANDS
from icesync.config.schema import SCHEMAS

if TYPE_CHECKING:
    import subprocess as processes
    from typing import IO

BIN: Final = Path(sys.executable).parent

ALL: Final = {
    "icesync.yaml",
    "servers/59.yaml",
    ".gitignore",
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
        (["--ci", "github"], {".github/workflows/icesync.yml"}),
        (["--ci", "gitlab"], {".gitlab-ci.yml"}),
        (["--no-pre-commit"], {".pre-commit-config.yaml"}),
    ],
    ids=str,
)
def test_files(root: Path, flags: list[str], more: set[str]) -> None:
    """Everything is written that the flags ask for, and nothing else."""
    run_program(["init", "--emulator", *flags], root)

    assert _files(root) == ALL ^ more


def test_without_editor(root: Path) -> None:
    """Who wants nothing for an editor gets no schemas, and no line that names one."""
    run_program(["init", "--no-editor", "--emulator"], root)

    assert _files(root) == {f for f in ALL if not f.startswith((".vscode", "schemas"))}
    assert "$schema" not in (root / "servers/59.yaml").read_text()
    assert run_program(["validate"], root).code == 0


@pytest.mark.parametrize("flags", [["--emulator"], ["--ci", "github"], ["--no-editor"]], ids=str)
def test_what_it_writes_is_right_at_once(root: Path, flags: list[str]) -> None:
    """The new repository validates, is in shape and can be planned."""
    run_program(["init", *flags], root)

    codes = [
        run_program(words, root).code for words in (["validate"], ["fmt", "--check"], ["plan"])
    ]

    assert codes == [0, 0, 0]


def test_schema_lines_lead_to_the_schemas(root: Path) -> None:
    """The first line of each file names a file that is there, so an editor works offline."""
    run_program(["init"], root)

    for name in ("icesync.yaml", "servers/59.yaml"):
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


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_workflow_takes_the_safeguards_of_the_base_branch(forge: str) -> None:
    """The plan of a pull request has the base branch there, and its guards and limits."""
    text = {"github": templates.GITHUB, "gitlab": templates.GITLAB}[forge]
    before, trusted, after = text.partition("ICESYNC_TRUSTED_CONFIG")
    plan = after.partition("icesync plan")[0]

    assert trusted
    assert ("fetch-depth: 2" if forge == "github" else "git fetch --quiet --depth 1") in before
    assert plan.startswith(": HEAD^1" if forge == "github" else "=FETCH_HEAD")
    assert "apply" not in plan


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_workflow_writes_no_key(forge: str) -> None:
    """Keys come as variables: no line of a workflow writes one into the checkout."""
    text = {"github": templates.GITHUB, "gitlab": templates.GITLAB}[forge]

    assert ".icesync" not in text
    assert "fingerprint.key" not in text
    assert re.findall(r"(?:echo|printf|tee|keygen|>>?\s*\S+\.(?:key|yaml|json))", text) == []


def test_next_steps_are_true(root: Path) -> None:
    """Whoever types what is printed, as it is printed, ends with an applied server."""
    told = run_program(["init", "--emulator", "--no-pre-commit"], root).stderr
    steps = [line.strip().split("   ")[0] for line in told.splitlines() if line.startswith("  ")]
    script = "\n".join(steps).replace("icesync apply", "icesync apply --auto-approve")

    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=root, env={"PATH": f"{BIN}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert len(steps) == 3
    assert done.returncode == 0, done.stderr
    assert "1 applied" in done.stdout


def test_next_steps_from_elsewhere(root: Path) -> None:
    """With another folder, the first step is to go there."""
    told = run_program(["-C", "mail server", "init"], root).stderr

    assert "  cd 'mail server'\n" in told
    assert (root / "mail server/icesync.yaml").exists()


def test_nothing_is_overwritten(root: Path) -> None:
    """What is there is kept, byte by byte, and named; what is not is written."""
    run_program(["init", "--emulator"], root)
    for name in ALL:
        (root / name).write_text(f"mine: {name}")
    (root / ".gitignore").unlink()

    told = run_program(["init"], root).stderr

    assert "wrote .gitignore\n" in told
    assert told.count("kept ") >= 5
    assert "icesync apply" not in told
    assert {n for n in ALL if (root / n).read_text() != f"mine: {n}"} == {".gitignore"}


def test_link_is_not_followed(root: Path) -> None:
    """A link that leads nowhere is something that is there."""
    (root / "icesync.yaml").symlink_to(root / "elsewhere")

    told = run_program(["init"], root).stderr

    assert "kept  icesync.yaml" in told
    assert not (root / "elsewhere").exists()


@pytest.mark.parametrize(
    ("remote", "written"),
    [
        ("git@github.com:owner/mail.git", {".github/workflows/icesync.yml"}),
        ("https://gitlab.example.org/owner/mail.git", {".gitlab-ci.yml"}),
        ("https://git.example.org/owner/mail.git", set()),
    ],
)
def test_forge_is_guessed(root: Path, remote: str, written: set[str]) -> None:
    """Without a flag, git's remote says whose workflow is written."""
    (root / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {remote}\n')

    run_program(["init"], root)

    assert _files(root) - ALL == written


def test_folder_below_the_top(root: Path) -> None:
    """What a forge and pre-commit look for stands at the top, and goes where the files are."""
    run_program(["-C", "mail", "init", "--ci", "github", "--emulator"], root)
    hooks = _read((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    workflow = _read((root / ".github/workflows/icesync.yml").read_text())
    ignored = (root / ".prettierignore").read_text().splitlines()

    assert ignored[1:] == ["mail/icesync.yaml", "mail/servers/"]
    assert {hook["entry"] for hook in hooks} == {
        "icesync -C mail fmt",
        "icesync -C mail validate",
    }
    assert workflow["defaults"]["run"]["working-directory"] == "mail"
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
    servers = (root / "servers/71.yaml").read_text()

    assert result.code == 0
    assert "ref+env://ICE_71_9_SMTP" in servers
    assert "enterice.com" in (root / "icesync.yaml").read_text()
    assert (root / ".gitlab-ci.yml").exists()


def test_usual_answers(root: Path) -> None:
    """The return key four times gives the usual repository, over the emulator."""
    result = run_in_terminal(["init"], root, answer=_type(b"\n\n\n\n"), question=b"Organization")

    assert result.code == 0
    assert _files(root) == ALL
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
    assert ": " not in result.stderr.partition("put your own")[0]


WORKFLOWS: Final = {"github": templates.GITHUB, "gitlab": templates.GITLAB}


@pytest.mark.parametrize("forge", WORKFLOWS)
def test_workflow_is_yaml_with_jobs(root: Path, forge: str) -> None:
    """A workflow can be read, and nothing is left to fill in."""
    run_program(["init", "--ci", forge], root)
    [name] = _files(root) - ALL
    text = (root / name).read_text()
    workflow = _read(text)
    jobs = {name.removeprefix("icesync-") for name in workflow.get("jobs", workflow)}

    assert "@{" not in text
    assert {"plan", "apply"} <= jobs
    assert "ICE_59_663_SMTP" in text


@pytest.mark.parametrize("forge", WORKFLOWS)
def test_workflow_calls_what_exists(root: Path, forge: str) -> None:
    """Every command and flag of a workflow is one of this version."""
    lines = re.findall(r"icesync ((?:fmt|validate|plan|apply|check)\b[^#\n]*)", WORKFLOWS[forge])

    assert {line.split()[0] for line in lines} == {"fmt", "validate", "plan", "apply", "check"}
    for line in lines:
        name, *flags = line.split()
        told = run_program([name, "--help"], root).stdout

        assert name in COMMANDS
        assert [flag for flag in flags if flag not in told] == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
@pytest.mark.parametrize("forge", WORKFLOWS)
def test_workflow_runs(tmp_path: Path, forge: str) -> None:
    """The lines of a workflow, run one after the other, apply and push the snapshot."""
    origin, work = tmp_path / "origin.git", tmp_path / "work"
    environ = {
        "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": f"{BIN}:/usr/bin:/bin",
        "CI_COMMIT_BRANCH": "main", "CI_SERVER_HOST": "gitlab.example.org",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "ICE_59_663_SMTP": "one", "ICE_59_663_IMAP": "two", "REMOTE": str(origin),
    }  # fmt: skip

    def run(script: str, where: Path = work) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=where, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    run(f"git init -q --bare -b main {origin} && git clone -q {origin} {work}", tmp_path)
    run_program(["init", "--emulator", "--ci", forge], work)
    key = (work / ".icesync/fingerprint.key").read_text().strip()
    run("git config user.name x && git config user.email x@example.org && git checkout -q -b main")
    run("git add -A && git commit -qm first && git push -q -u origin main && rm -r .icesync")
    environ["ICESYNC_FINGERPRINT_KEY"] = key
    path = ".github/workflows/icesync.yml" if forge == "github" else ".gitlab-ci.yml"
    workflow = _read((work / path).read_text())
    for line in _lines(workflow):
        if not line.startswith(("python -I -m pip ", "export REMOTE")):
            run(line.replace("--push-option ci.skip", ""))

    run("git fetch -q && git show origin/main:icesync.state.json | grep -q 59/663")


def _lines(workflow: dict[str, Any]) -> list[str]:
    """Return the commands of a workflow's jobs in the order of their jobs."""
    if "jobs" in workflow:
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        texts = [step["run"] for step in steps if "run" in step]
        # The check belongs to a later run than the apply.
        return sorted(texts, key=lambda text: text.startswith("icesync check"))
    jobs = [job for name, job in workflow.items() if name.startswith("icesync-")]
    return [
        line for job in jobs for part in ("script", "after_script") for line in job.get(part, [])
    ]


@pytest.mark.parametrize("option", ["--organization", "--skill"])
def test_number_that_no_record_has_is_refused(tmp_path: Path, option: str) -> None:
    """What `validate` would refuse is not written: an id ends at 2147483647."""
    result = run_program(["init", "--emulator", option, "99999999999"], tmp_path)

    assert result.code == 64
    assert list(tmp_path.iterdir()) == []
