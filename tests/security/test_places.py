"""Files of a checkout that a job keeps its own credentials in are no mail passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.errors import SecretForbidden
from icesync.model.secret import parse_secret_ref
from icesync.secrets.file import CREDENTIAL_FILES, FileProvider

if TYPE_CHECKING:
    from pathlib import Path

    from rig import Repository


@pytest.mark.parametrize("variable", CREDENTIAL_FILES)
@pytest.mark.parametrize("spelling", ["keys/one", "other", "link"])
def test_files_that_the_job_names_are_closed(tmp_path: Path, variable: str, spelling: str) -> None:
    """Whatever the allow-list says, by their own name, in a folder that is named, or by a link."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "one").write_text("canary")
    (tmp_path / "link").symlink_to("keys/one")
    (tmp_path / "other").write_text("a mail password")
    environ = {variable: str(tmp_path / ("keys" if spelling == "link" else "keys/one"))}
    provider = FileProvider(tmp_path, ("**", "/**"), lambda _data, _name: {}, environ)
    reference = parse_secret_ref(f"ref+file://{spelling}")
    assert reference is not None

    if spelling == "other":
        assert provider.fetch(reference).reveal() == "a mail password"
    else:
        with pytest.raises(SecretForbidden, match=variable):
            provider.fetch(reference)


@pytest.mark.parametrize("name", [".icesync/token", ".icesync/fingerprint.key", "key"])
def test_files_of_icesync_itself_are_no_mail_passwords(repository: Repository, name: str) -> None:
    """Where `login` and `keygen` write, also if the configuration refers to something else."""
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", f"ref+file://{name}")
    result = repository.run("validate")

    assert result.code == 3
    assert "ICE411 59/663: `smtp.password` is the same as" in result.stdout + result.stderr


OUTPUTS = {
    "plan.json": ("plan", "-o", "plan.json"),
    "page.html": ("plan", "--report", "html=page.html"),
    "told.json": ("validate", "--report", "json=told.json"),
    "state.out": ("state", "pull", "-o", "state.out"),
    "a.key": ("keygen", "--out", "a.key"),
    ".icesync/emulator.sqlite": ("apply", "-y", "--resend", "all"),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("folder", [False, True])
def test_no_link_of_a_checkout_chooses_what_is_overwritten(
    repository: Repository, tmp_path: Path, name: str, folder: bool
) -> None:
    """Where a pull request put a link, nothing outside of the repository is written."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = repository.root / name
    victim = outside / place.name
    arguments = [word.replace(name, f"out/{name}") for word in OUTPUTS[name]]
    repository.apply()
    if not folder:
        arguments = [*OUTPUTS[name]]
        victim.write_bytes(b"")
        place.unlink(missing_ok=True)
        place.symlink_to(victim)
    elif name.startswith(".icesync"):
        place.parent.rename(tmp_path / "before")
        place.parent.symlink_to(outside)
    else:
        (repository.root / "out").symlink_to(outside)
    result = repository.run(*arguments)

    assert result.code in {3, 64}, result
    assert "symbolic link" in result.stderr
    assert victim.exists() is not folder
    assert folder or victim.read_bytes() == b""


def test_a_report_may_be_written_elsewhere_by_the_job(
    repository: Repository, tmp_path: Path
) -> None:
    """A path that the job names outside, and a link that leads to a file of the repository."""
    (repository.root / "link.json").symlink_to("plan.json")
    outside = repository.run("plan", "-o", str(tmp_path / "plan.json"))
    inside = repository.run("plan", "-o", "link.json")

    assert (outside.code, inside.code) == (0, 0)
    assert (tmp_path / "plan.json").read_bytes() == (repository.root / "plan.json").read_bytes()


@pytest.mark.parametrize("command", [("plan",), ("state", "list"), ("explain", "59/663")])
def test_loop_of_links_is_named(repository: Repository, command: tuple[str, ...]) -> None:
    """A state that is a link to itself leads nowhere, and is no bug."""
    (repository.root / "state.json").symlink_to("state.json")
    result = repository.run(*command)

    assert (result.code, "broken symbolic link" in result.stderr) == (8, True), result
