from __future__ import annotations

from pathlib import Path

import pytest

from icesync.secrets.file import is_allowed

ROOT = Path("/repo/a[b]*")


@pytest.mark.parametrize(
    ("path", "globs", "allowed"),
    [
        ("secrets/eu.json", ("**",), True),
        ("eu", ("**",), True),
        ("secrets/eu.json", ("secrets/*",), True),
        ("secrets/deep/eu.json", ("secrets/*",), False),
        ("secrets/deep/eu.json", ("secrets/**",), True),
        ("secrets/deep/eu.json", ("**/*.json",), True),
        ("eu.json", ("**/*.json",), True),
        ("eu.yaml", ("**/*.json",), False),
        ("EU.json", ("eu.json",), False),
        ("eu.json", (), False),
        ("/repo/axb/eu.json", ("**",), False),
        ("/run/secrets/x", ("**",), False),
        ("/run/secrets/x", ("**", "/run/secrets/**"), True),
        ("/run/secrets/k8s/..data/x", ("/run/secrets/**",), True),
        ("/run/secret", ("/run/secrets/**",), False),
        ("/run/secrets-of-others/x", ("/run/secrets/**",), False),
    ],
)
def test_glob(path: str, globs: tuple[str, ...], allowed: bool) -> None:
    """Relative globs count from the root, absolute ones from `/`; `*` stays in one folder."""
    assert is_allowed(ROOT / path, ROOT, globs) is allowed


@pytest.mark.parametrize("path", ["/proc/77/environ", "/repo/.git/config", "/repo/.GIT/config"])
def test_homes_of_the_jobs_credentials_stay_closed(path: str) -> None:
    """No glob opens `.git` or `/proc`: both hold the pipeline's own credentials."""
    assert not is_allowed(Path(path), Path("/"), ("**", "/**"))
