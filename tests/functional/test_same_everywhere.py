"""What must not make a difference makes none: the locale, a file's ending."""

from __future__ import annotations

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
