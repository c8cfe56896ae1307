"""Carriers of the snapshot's bytes: read, replace if unchanged, lock."""

from __future__ import annotations
