"""
What GitLab shows of a run: folded sections, the Code Quality report, the Terraform widget.

Sections: https://docs.gitlab.com/ci/jobs/job_logs/. In the widget a resend counts as an
update, a server that is forgotten as a deletion. Without a plan its report lacks its
keys, and the widget says that it failed: three zeros would read as "no changes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.codec import one_line, pretty
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.model.plan import Action
from icesync.render.findings import blocking, identities
from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.model.report import CommandResult
    from icesync.render import RenderContext


def open_section(name: str, title: str, moment: int, *, collapsed: bool = False) -> str:
    """Return what opens the section *name* (letters and ``_``) at *moment*, Unix seconds."""
    options = "[collapsed=true]" if collapsed else ""
    return f"\x1b[0Ksection_start:{moment}:{name}{options}\r\x1b[0K{safe(title)}\n"


def close_section(name: str, moment: int) -> str:
    """Return what closes the section *name*."""
    return f"\x1b[0Ksection_end:{moment}:{name}\r\x1b[0K\n"


_WEIGHTS: Final = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def render_codequality(review: CommandResult, view: RenderContext) -> str:
    """
    Return the findings of *review*; files are relative to the repository.

    A run that was stopped by something else stands there as a finding in the
    configuration: an empty list would read as "all is well".
    """
    found = (*review.findings, *blocking(review))
    if review.failure is not None and not any(one.severity is Severity.ERROR for one in found):
        place = SourcePosition("icesync.yaml")
        found = (*found, Diagnostic("icesync", review.failure.message, place))
    rows = [
        _row(one, known, view) for one, known in zip(found, identities(found, view.ci), strict=True)
    ]
    return pretty(rows)


def _row(one: Diagnostic, fingerprint: str, view: RenderContext) -> dict[str, Any]:
    # The page shows the description only, so the rule stands in it too.
    return {
        "description": f"{one.rule}: {safe(one.message)}",
        "check_name": one.rule,
        "fingerprint": fingerprint,
        "severity": _WEIGHTS[one.severity],
        "location": {
            "path": view.ci.path(one.position.file),
            "lines": {"begin": one.position.line},
        },
    }


_COUNTED: Final = {
    "create": (Action.ADD,),
    "update": (Action.UPDATE, Action.MOVE, Action.RESEND),
    "delete": (Action.DISABLE, Action.FORGET),
}

_MAX_NUMBER: Final = 999_999
"""GitLab refuses numbers of more than six digits."""


def render_terraform(review: CommandResult, view: RenderContext) -> str:  # noqa: ARG001 - the same for all pipelines
    """Return the counts of *review*'s plan as JSON."""
    if review.plan is None:
        return "{}\n"
    counts = {
        name: min(sum(review.plan.count(action) for action in actions), _MAX_NUMBER)
        for name, actions in _COUNTED.items()
    }
    return one_line(counts)
