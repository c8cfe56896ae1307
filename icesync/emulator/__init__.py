"""ICE on this machine: the documented calls, answered as the real service's framework would."""

from __future__ import annotations
