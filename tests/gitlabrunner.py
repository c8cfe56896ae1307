"""Plays the jobs of a ``.gitlab-ci.yml`` and of what it includes; see :mod:`localrunner`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from localrunner import GIT, INSTALLS, ROOT, Job, Origin, Step, files_in, read_yaml, run_shell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GitLabRunner"]


class GitLabRunner:
    """Plays the jobs of a ``.gitlab-ci.yml`` and what it includes, as *environ* has them."""

    def __init__(self, origin: Origin, environ: Mapping[str, str]) -> None:
        self.origin = origin
        self.environ = dict(environ)
        self.secrets: dict[str, str] = {}
        self.pause: Callable[[str], None] = lambda _: None
        self._runs = 0

    def jobs(self) -> dict[str, Any]:
        """Return the jobs as the example has them, inputs filled in and bases merged."""
        folder = ROOT / "examples" / "ci" / "gitlab"
        [main] = read_yaml((folder / ".gitlab-ci.yml").read_text())
        jobs: dict[str, Any] = {}
        for include in main["include"]:
            head, _, body = (folder / Path(include["local"]).name).read_text().partition("\n---\n")
            specified = read_yaml(head)[0]["spec"]["inputs"]
            given = {key: spec["default"] for key, spec in specified.items()} | include["inputs"]
            for key, value in given.items():
                body = body.replace(f"$[[ inputs.{key} ]]", value)
            jobs.update(read_yaml(body)[0])
        named = {name: job for name, job in jobs.items() if "extends" in job}
        merged = {name: _merge(jobs[job["extends"]], job) for name, job in named.items()}
        if not all(job["stage"] in main["stages"] for job in merged.values()):
            raise AssertionError("a job of no stage")
        return merged

    def play(self, commit: str, **environ: str) -> dict[str, Job]:
        """Return the jobs that the rules choose for a pipeline with these variables."""
        self._runs += 1
        given = {**self.environ, **self.secrets, "CI_COMMIT_SHA": commit, **environ}
        chosen = {
            name: job
            for name, job in self.jobs().items()
            if any(_rule(rule["if"], given) for rule in job["rules"])
        }
        return {name: self._job(name, job, given) for name, job in chosen.items()}

    def _job(self, name: str, job: Mapping[str, Any], environ: Mapping[str, str]) -> Job:
        folder = self.origin.root / f"pipeline-{self._runs}-{name}"
        source = str(self.origin.bare)
        self.origin.git("clone", "--quiet", source, str(folder), cwd=self.origin.root)
        self.origin.git("checkout", "--quiet", environ["CI_COMMIT_SHA"], cwd=folder)
        given = {
            **GIT, **job.get("variables", {}), **environ,
            "GITLAB_CI": "true", "CI": "true", "CI_PROJECT_DIR": str(folder),
        }  # fmt: skip
        self.pause(name)
        lines = [*job.get("before_script", []), *job["script"]]
        script = "\n".join(line for line in lines if not INSTALLS.search(line))
        done = Job([Step("script", *run_shell(script, folder, given))])
        if "after_script" in job:
            code, log = run_shell("\n".join(job["after_script"]), folder, given)
            done.steps.append(Step("after_script", code, log, forgiven=True))
        artifacts = job.get("artifacts", {})
        paths = [*artifacts.get("paths", []), *artifacts.get("reports", {}).values()]
        done.artifacts = files_in(paths, folder)
        return done


def _merge(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return *more* over *base*; mappings are merged, all else is replaced."""
    inner = {
        key: _merge(base[key], value)
        for key, value in more.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return {**base, **more, **inner}


def _rule(text: str, environ: Mapping[str, str]) -> bool:
    """Return whether a rule of the form ``$A == "b" && $C == $D`` holds."""
    sides = [part.split("==") for part in text.split("&&")]
    return all(_side(left, environ) == _side(right, environ) for left, right in sides)


def _side(text: str, environ: Mapping[str, str]) -> str | None:
    text = text.strip()
    return environ.get(text[1:]) if text.startswith("$") else text.strip('"')
