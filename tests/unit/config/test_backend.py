"""What stands under ``state:`` must fit the backend that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.config.project import read_project
from icesync.diagnostics import Diagnostic
from icesync.errors import ConfigInvalid
from icesync.model.project import Backend, StateSettings

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, state: str) -> StateSettings:
    """Return what a configuration says about its snapshot."""
    (folder / "icesync.yaml").write_text(f"version: 1\nstate: {{{state}}}\n")
    environ = {"ICESYNC_ALLOW_HOST": "s.example.org x"}
    return read_project(folder / "icesync.yaml", environ).state


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("path: a.json", StateSettings(path="a.json")),
        (
            "backend: http, address: 'https://s.example.org/x', lock_method: PUT",
            StateSettings(Backend.HTTP, address="https://s.example.org/x", lock_method="PUT"),
        ),
        (
            "backend: http, preset: gitlab, name: mail.prod, project: '42'",
            StateSettings(Backend.HTTP, preset="gitlab", name="mail.prod", project="42"),
        ),
        (
            "backend: objectstore, url: 's3://bucket/mail.json'",
            StateSettings(Backend.OBJECTSTORE, url="s3://bucket/mail.json"),
        ),
    ],
)
def test_what_fits_is_read(tmp_path: Path, text: str, settings: StateSettings) -> None:
    """A file, an address in Terraform's protocol, GitLab's state, an object."""
    assert read(tmp_path, text) == settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("backend: lokal", "backend"),
        ("backend: objectstore", "`state.url` must name an object in a bucket"),
        ("backend: objectstore, url: 's3://bucket'", "must name an object in a bucket"),
        ("backend: objectstore, url: 's3://bucket/a/../x'", "must name an object in a bucket"),
        ("backend: objectstore, url: 's3://bucket/a//x'", "must name an object in a bucket"),
        ("backend: objectstore, url: 's3://bucket/%2e%2e/x'", "must name an object in a bucket"),
        ("backend: objectstore, url: 's3://u@bucket/x'", "must name an object in a bucket"),
        ("backend: objectstore, url: 'file:///x'", "`state.url` must name an object in a bucket"),
        ("backend: http", "`state.address` is required"),
        ("backend: http, address: 'ftp://x'", "`state.address` is not a valid URL"),
        ("backend: http, name: x, address: 'https://x'", "`state.name` needs a preset"),
        ("backend: http, preset: gitlab", "`state.name` must be a name"),
        ("backend: http, preset: gitlab, name: a/b", "`state.name` must be a name"),
        ("backend: http, preset: gitlab, name: ..", "`state.name` must be a name"),
        ("backend: http, preset: github, name: a", "preset"),
        ("backend: http, lock_method: GET, address: 'https://x'", "lock_method"),
        (
            "backend: http, preset: gitlab, name: a, address: 'https://x'",
            "`state.address` is already set by the preset",
        ),
        ("url: 's3://b/x'", "`state.url` cannot be used with the backend local"),
        (
            "backend: http, address: 'https://x', path: a",
            "`state.path` cannot be used with the backend http",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, told: str) -> None:
    """At its place, with what would fit."""
    with pytest.raises(ConfigInvalid) as caught:
        read(tmp_path, text)

    [finding] = [d for d in caught.value.diagnostics if isinstance(d, Diagnostic)]
    assert told in finding.message
    assert finding.position.line == 2
