"""Declarative config sync for the email servers of the ICE contact-centre service."""

from __future__ import annotations

__version__ = "0.1.0"
