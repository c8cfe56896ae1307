"""Sections that GitLab's job log can fold (https://docs.gitlab.com/ci/jobs/job_logs/)."""

from __future__ import annotations

from icesync.render.style import safe

__all__ = ["close_section", "open_section"]


def open_section(name: str, title: str, moment: int, *, collapsed: bool = False) -> str:
    """Return what opens the section *name* (letters and ``_``) at *moment*, Unix seconds."""
    options = "[collapsed=true]" if collapsed else ""
    return f"\x1b[0Ksection_start:{moment}:{name}{options}\r\x1b[0K{safe(title)}\n"


def close_section(name: str, moment: int) -> str:
    """Return what closes the section *name*."""
    return f"\x1b[0Ksection_end:{moment}:{name}\r\x1b[0K\n"
