"""Talking to ICE: one call at a time, its reply read, errors translated."""

from __future__ import annotations
