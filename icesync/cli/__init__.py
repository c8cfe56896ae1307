"""Flags in, text and exit code out."""

from __future__ import annotations
