"""From files to the desired state: find, read strictly, check, resolve."""

from __future__ import annotations
