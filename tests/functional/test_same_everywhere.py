"""What must not make a difference makes none: the locale, a file's ending."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rig import Repository

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}


@pytest.mark.parametrize("locale", [ASCII, LATIN], ids=["ascii", "latin"])
def test_secret_is_its_bytes_in_every_locale(
    repository: Repository, locale: dict[str, str]
) -> None:
    """One that was sent under UTF-8 is the same one elsewhere."""
    repository.environ["ICE_SMTP"] = "pässwörd-ü 8261"
    repository.apply()
    result = repository.spawn("plan", "--detailed-exitcode", env=locale)

    assert result.code == 0, result


@pytest.mark.parametrize("ending", ["yml", "YAML", "Yaml"])
def test_file_with_another_ending_is_named(repository: Repository, ending: str) -> None:
    """A pattern does not match it; whoever renamed it learns so."""
    repository.apply()
    repository.write(f"servers/70.{ending}", repository.read("servers/59.yaml").replace("59", "70"))
    result = repository.run("validate")

    assert f"servers/70.{ending}" in result.stdout + result.stderr


@pytest.mark.parametrize(("folder", "file"), [(0o2775, 0o660), (0o775, 0o600), (0o755, 0o600)])
def test_shared_folder_serves_its_group(repository: Repository, folder: int, file: int) -> None:
    """Where new files belong to the group, its members can lock and save what another did."""
    repository.root.chmod(folder)
    repository.apply().apply("--resend", "all", "--settle", "0")

    for name in ("state.json", "state.json.lock", "state.json.backup"):
        assert stat.S_IMODE((repository.root / name).stat().st_mode) == file, name
