"""The shape of what is said to ICE and heard from it; shared by the client and the emulator."""

from __future__ import annotations
