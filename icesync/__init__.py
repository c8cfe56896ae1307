"""
Declarative config sync for the email servers of the ICE contact-centre service.

The names below are the Python API; ``README.md`` beside this file tells how to use it.
Each is loaded when it is first used, so that ``import icesync`` costs nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

_HOMES = {
    "Address": "icesync.model.desired",
    "apply": "icesync.engine.apply",
    "ApplyRequest": "icesync.engine.apply",
    "Check": "icesync.engine.check",
    "check": "icesync.engine.check",
    "CheckRequest": "icesync.engine.check",
    "describe": "icesync.api",
    "IcesyncError": "icesync.errors",
    "MailProbe": "icesync.engine.plan",
    "MetadataProvider": "icesync.ports",
    "open_project": "icesync.api",
    "parse_scope": "icesync.engine.validate",
    "plan": "icesync.engine.plan",
    "Plan": "icesync.model.plan",
    "plan_digest": "icesync.engine.plan",
    "plan_document": "icesync.engine.plan",
    "Planning": "icesync.engine.plan",
    "PlanRequest": "icesync.engine.plan",
    "probe": "icesync.engine.probe_gate",
    "ProbeCommand": "icesync.engine.probe_gate",
    "read_saved": "icesync.engine.plan",
    "Report": "icesync.model.report",
    "save_plan": "icesync.engine.plan",
    "Scope": "icesync.engine.validate",
    "SecretMetadata": "icesync.model.secret",
    "SecretProvider": "icesync.ports",
    "SecretRef": "icesync.model.secret",
    "SecretsMode": "icesync.engine.secret_resolution",
    "SecretValue": "icesync.model.secret",
    "Selection": "icesync.model.plan",
    "Session": "icesync.engine.session",
    "Silent": "icesync.engine.session",
    "validate": "icesync.engine.validate",
    "Validation": "icesync.engine.validate",
    "View": "icesync.engine.session",
}
"""Where each name of the API lives; ``__init__.pyi`` says the same to type checkers."""

__all__ = sorted(_HOMES)  # noqa: PLE0605 - one table holds the names


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
