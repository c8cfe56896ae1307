"""Value in, text out: nothing here reads a terminal, a clock or a file."""

from __future__ import annotations
