"""Plays GitHub's workflows and the composite action; see :mod:`localrunner`."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from localrunner import GIT, INSTALLS, ROOT, Job, Origin, Step, files_in, read_yaml, run_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["GitHubRunner"]


class GitHubRunner:
    """
    Plays workflows and composite actions.

    *environ* is what the runner sets beside the usual variables: the address of
    the API, for one. *pause* is called before each step, for what happens meanwhile.
    """

    def __init__(self, origin: Origin, environ: Mapping[str, str], token: str) -> None:
        self.origin = origin
        self.environ = dict(environ)
        self.token = token
        self.secrets: dict[str, str] = {}
        self.pause: Callable[[str], None] = lambda _: None
        self._runs = 0

    def play(
        self, workflow: Mapping[str, Any], event: str, payload: Mapping[str, Any], commit: str
    ) -> dict[str, Job]:
        """Return the jobs of *workflow* for one event; those that were left out are missing."""
        ref = "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main"
        self._runs += 1
        jobs: dict[str, Job] = {}
        for name, job in workflow["jobs"].items():
            folder = self.origin.root / f"run-{self._runs}-{name}"
            context = self._context(event, payload, commit, ref, folder)
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            if any(other not in jobs or jobs[other].failed for other in needed):
                continue
            context["needs"] = {other: {"outputs": jobs[other].outputs} for other in needed}
            if "if" in job and not _Expression(job["if"], context, Job()).value():
                continue
            jobs[name] = self._job(job, {**workflow.get("env", {}), **job.get("env", {})}, context)
        return jobs

    def _context(
        self, event: str, payload: Mapping[str, Any], commit: str, ref: str, folder: Path
    ) -> dict[str, Any]:
        (folder / "temp").mkdir(parents=True)
        (folder / "work").mkdir()
        github = {
            "event_name": event, "event": payload, "sha": commit, "ref": ref, "token": self.token,
        }  # fmt: skip
        return {
            "github": github, "secrets": self.secrets, "folder": folder, "steps": {},
            "runner": {"temp": str(folder / "temp")},
        }  # fmt: skip

    def _job(
        self, job: Mapping[str, Any], environ: Mapping[str, str], context: dict[str, Any]
    ) -> Job:
        done = Job()
        self._steps(job["steps"], environ, context, done)
        done.outputs = _fill(job.get("outputs", {}), context, done)
        return done

    def _steps(
        self,
        steps: Iterable[Mapping[str, Any]],
        environ: Mapping[str, str],
        context: dict[str, Any],
        job: Job,
    ) -> None:
        for step in steps:
            name = step.get("name") or step.get("uses", "")
            condition = str(step.get("if", "success()")).removeprefix("${{").removesuffix("}}")
            if not re.search(r"\b(always|failure|cancelled|success)\(", condition):
                condition = f"success() && ({condition})"
            if not _Expression(condition, context, job).value():
                job.steps.append(Step(name, None))
                continue
            self.pause(name)
            given = {**environ, **_fill(step.get("env", {}), context, job)}
            done = (
                self._uses(step, name, context, job)
                if "uses" in step
                else self._run(step["run"], name, given, context, job)
            )
            done.forgiven = bool(step.get("continue-on-error", False))
            job.steps.append(done)
            if "id" in step:
                context["steps"][step["id"]] = {"outputs": done.outputs}

    def _run(
        self,
        script: str,
        name: str,
        environ: Mapping[str, str],
        context: Mapping[str, Any],
        job: Job,
    ) -> Step:
        if "${{" in script:
            raise AssertionError(f"step {name!r} lets texts into a shell: {script}")
        if INSTALLS.search(script):
            return Step(name, 0, "icesync is installed already\n")
        temp = Path(context["runner"]["temp"])
        files = {
            key: temp / key.lower()
            for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")
        }
        for path in files.values():
            path.write_text("")
        event = temp / "event.json"
        event.write_text(json.dumps(context["github"]["event"]))
        given = {
            **GIT, **environ, **self.environ, **{key: str(path) for key, path in files.items()},
            "GITHUB_ACTIONS": "true", "CI": "true", "RUNNER_TEMP": str(temp),
            "GITHUB_WORKSPACE": str(context["folder"] / "work"),
            "GITHUB_EVENT_NAME": context["github"]["event_name"], "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": context["github"]["sha"], "GITHUB_REF": context["github"]["ref"],
            "GITHUB_REF_NAME": context["github"]["ref"].removeprefix("refs/heads/"),
        }  # fmt: skip
        code, log = run_shell(script, context["folder"] / "work", given)
        job.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        return Step(name, code, log, _outputs(files["GITHUB_OUTPUT"].read_text()))

    def _uses(self, step: Mapping[str, Any], name: str, context: dict[str, Any], job: Job) -> Step:
        action = step["uses"].partition("@")[0]
        given = _fill(step.get("with", {}), context, job)
        work = context["folder"] / "work"
        if action == "actions/checkout":
            source = str(self.origin.bare)
            self.origin.git("clone", "--quiet", source, str(work), cwd=self.origin.root)
            wanted = given.get("ref", context["github"]["sha"]).removeprefix("refs/heads/")
            self.origin.git("checkout", "--quiet", wanted, cwd=work)
            return Step(name, 0)
        if action == "actions/setup-python":
            return Step(name, 0)
        if action == "actions/upload-artifact":
            job.artifacts.update(files_in(given["path"].split(), work))
            return Step(name, 0)
        if action == "./":
            return self._composite(given, name, context, job)
        raise AssertionError(f"{action} is not known here")

    def _composite(
        self, given: Mapping[str, str], name: str, context: dict[str, Any], job: Job
    ) -> Step:
        [action] = read_yaml((ROOT / "action.yml").read_text())
        unknown = given.keys() - action["inputs"].keys()
        if unknown:
            raise AssertionError(f"the action has no inputs {unknown}")
        inside = Job()
        context = {**context, "steps": {}, "inputs": {}}
        context["github"] = {**context["github"], "action_path": str(ROOT)}
        usual = {key: spec.get("default", "") for key, spec in action["inputs"].items()}
        context["inputs"] = {**_fill(usual, context, inside), **given}
        self._steps(action["runs"]["steps"], {}, context, inside)
        values = {key: spec["value"] for key, spec in action["outputs"].items()}
        job.summary += inside.summary
        failed = [step.code for step in inside.steps if step.failed]
        return Step(name, (failed or [0])[0], inside.log, _fill(values, context, inside))


def _outputs(text: str) -> dict[str, str]:
    """Return what ``GITHUB_OUTPUT`` says: ``name=value``, or lines up to a word of its own."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, value = re.split("(=|<<)", line, maxsplit=1)
        found[name] = value if sign == "=" else "\n".join(takewhile(value.__ne__, lines))
    return found


def _fill(texts: Mapping[str, Any], context: Mapping[str, Any], job: Job) -> dict[str, str]:
    """Return *texts* with the values of the expressions in them."""
    return {
        key: re.sub(
            r"\$\{\{(.*?)\}\}",
            lambda match: _text(_Expression(match[1], context, job).value()),
            _text(text),
        )
        for key, text in texts.items()
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Expression:
    """The part of GitHub's expressions that the files use."""

    _WORDS: Final = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|\(|\)|[A-Za-z_][\w.-]*|\d+)")

    def __init__(self, text: Any, context: Mapping[str, Any], job: Job) -> None:
        text = _text(text).strip().removeprefix("${{").removesuffix("}}").strip()
        self._words = self._WORDS.findall(text)
        if "".join(self._words) != re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", text):
            raise AssertionError(f"an expression that is not known here: {text}")
        self._context = context
        self._job = job

    def value(self) -> Any:
        """Return what it comes to."""
        found = self._either()
        if self._words:
            raise AssertionError(f"more than an expression: {self._words}")
        return found

    def _next(self, *wanted: str) -> str | None:
        return self._words.pop(0) if self._words and self._words[0] in wanted else None

    def _either(self) -> Any:
        found = self._both()
        while self._next("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._compared()
        while self._next("&&"):
            other = self._compared()
            found = found and other
        return found

    def _compared(self) -> Any:
        found = self._one()
        sign = self._next("==", "!=")
        if sign is None:
            return found
        same = _text(found).lower() == _text(self._one()).lower()
        return same is (sign == "==")

    def _one(self) -> Any:
        if self._next("!"):
            return not self._one()
        if self._next("("):
            found = self._either()
            self._words.remove(")")
            return found
        word = self._words.pop(0)
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        if self._next("("):
            self._words.remove(")")
            failed = self._job.failed
            return {"always": True, "cancelled": False, "failure": failed, "success": not failed}[
                word
            ]
        found = self._context
        for part in word.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found
