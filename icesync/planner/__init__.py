"""Deciding what should happen. Pure: no clock, no files, no network, no secret."""

from __future__ import annotations
