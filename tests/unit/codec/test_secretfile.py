from __future__ import annotations

import subprocess

import pytest
from builders import SALES, SUPPORT
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.secretfile import env_lines, fits_env, fits_yaml, merge, yaml_lines
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.secret import SecretValue

AWKWARD = ("plain", "it's", '"', "$HOME `id` \\", "a\nb", "# x", " ", "ü\u200b", "!", "*?")


def test_shell_reads_the_variables_back() -> None:
    """Whatever a password holds, a shell gives it to a program as it is."""
    lines = env_lines((f"ICE_{n}", SecretValue(text)) for n, text in enumerate(AWKWARD))
    script = b"set -eu\n" + lines + b"printf '%s\\0' " + b" ".join(
        b'"$ICE_%d"' % n for n in range(len(AWKWARD))
    )  # fmt: skip
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)

    assert done.stdout.decode().split("\0")[:-1] == list(AWKWARD)


@given(st.lists(st.text(min_size=1).filter(str.isprintable), min_size=1, max_size=4))
def test_strict_reader_reads_the_yaml_back(texts: list[str]) -> None:
    """The file that a reference leads to gives each password as it was."""
    secrets = [(SUPPORT, f"block{n}", SecretValue(text)) for n, text in enumerate(texts)]
    data = yaml_lines([*secrets, (SALES, "smtp", SecretValue("x"))])
    document = parse_document(SourceFile("secrets.yaml", data))

    assert document.problems == ()
    assert document.data == {
        "59-663": {f"block{n}": text for n, text in enumerate(texts)},
        "59-664": {"smtp": "x"},
    }


@pytest.mark.parametrize(
    ("text", "env", "yaml"), [("a b", True, True), ("a\nb", True, False), ("a\0b", False, False)]
)
def test_what_a_file_can_hold(text: str, *, env: bool, yaml: bool) -> None:
    """A variable ends at NUL; the strict reader takes one printable line."""
    secret = SecretValue(text)

    assert (fits_env(secret), fits_yaml(secret)) == (env, yaml)


@pytest.mark.parametrize("as_yaml", [False, True])
def test_second_import_merges(as_yaml: bool) -> None:
    """What is there stays, what differs is replaced, and equal passwords change nothing."""
    texts = [text for text in AWKWARD if text.isprintable()]
    first = {(SUPPORT, "smtp"): SecretValue(texts[1]), (SALES, "imap"): SecretValue(texts[3])}
    once = merge(b"", first, as_yaml=as_yaml)
    assert once is not None
    again = merge(once.data, first, as_yaml=as_yaml)
    later = {(SUPPORT, "smtp"): SecretValue("new"), (SUPPORT, "pop3"): SecretValue("more")}
    third = merge(once.data, later, as_yaml=as_yaml)

    assert (once.added, once.changed) == (first.keys(), frozenset())
    assert again is not None
    assert (again.data, again.added, again.changed) == (once.data, frozenset(), frozenset())
    assert third is not None
    assert (third.added, third.changed) == ({(SUPPORT, "pop3")}, {(SUPPORT, "smtp")})
    whole = merge(b"", first | later, as_yaml=as_yaml)
    assert whole is not None
    assert sorted(third.data.splitlines()) == sorted(whole.data.splitlines())


@pytest.mark.parametrize(
    ("data", "as_yaml"),
    [(b"export A=b\n", False), (b"# mine\nA=b\n", False), (b"A='b\n", False), (b"\xff", False),
     (b"sops: x\n", True), (b"59-1:\n  smtp: plain\n", True)],
)  # fmt: skip
def test_file_of_somebody_else(data: bytes, as_yaml: bool) -> None:
    """It is left alone."""
    assert merge(data, {(SUPPORT, "smtp"): SecretValue("x")}, as_yaml=as_yaml) is None
