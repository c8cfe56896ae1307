"""One command a module: parse, call one use case, render, return."""

from __future__ import annotations
