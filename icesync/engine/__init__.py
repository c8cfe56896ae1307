"""The use cases, each in the order of the world; adapters arrive as parameters."""

from __future__ import annotations
