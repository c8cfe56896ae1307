"""Bytes and values: the snapshot, the saved plan, fingerprints. Pure; "now" is a parameter."""

from __future__ import annotations
