"""Openers of secret references: one provider a scheme."""

from __future__ import annotations
