"""What things are: frozen values without behaviour of their own, and the field table."""

from __future__ import annotations
