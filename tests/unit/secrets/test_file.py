from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from icesync.errors import SecretIsDocument, SecretMissing
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.secrets.file import MAX_FILE_BYTES, FileProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-8h2"


def _parse(data: bytes, name: str) -> object:
    """Read what these tests write as YAML; it is JSON with strings only."""
    if data == b"broken":
        raise ValueError(f"{Path(name).name}:3:7: invalid YAML")
    return json.loads(data)


def _reference(text: str) -> SecretRef:
    found = parse_secret_ref(text)
    assert found is not None
    return found


def _fetch(root: Path, path: str, allow: tuple[str, ...] = ("**",)) -> str:
    return FileProvider(root, allow, _parse, {}).fetch(_reference(f"ref+file://{path}")).reveal()


def _failure(root: Path, path: str, allow: tuple[str, ...] = ("**",)) -> SecretMissing:
    with pytest.raises(SecretMissing) as caught:
        _fetch(root, path, allow)
    _refuse_canary(caught.value)
    return caught.value


def _refuse_canary(error: BaseException | None) -> None:
    """Look through *error* and everything that led to it for a piece of a file."""
    while error is not None:
        assert CANARY not in repr((error.args, vars(error)))
        error = error.__cause__ or error.__context__


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with secrets of every make, beside a file that is none of its business."""
    (tmp_path / "outside").write_text(CANARY, encoding="utf-8")
    root = tmp_path / "repo"
    root.mkdir()
    tree = {
        "smtp": {"password": f"{CANARY}-smtp", "port": 587, "on": True, "none": None, "list": []},
        "a/b": {"~": f"{CANARY}-odd"},
        "empty": "",
    }
    (root / "eu.json").write_text(json.dumps(tree), encoding="utf-8")
    (root / "eu.yaml").write_text(json.dumps({"pop3": {"password": "p"}}), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"x\n\n", "x\n"),
        (b"x\r\n\r\n", "x\r\n"),
        (b" x \n", " x "),
        (b"x\r", "x\r"),
        (b"\nx", "\nx"),
    ],
)
def test_one_final_line_break_goes(root: Path, content: bytes, secret: str) -> None:
    """The text of a file is the secret, but for one final line break of either kind."""
    (root / "password").write_bytes(content)

    assert _fetch(root, "password") == secret


def test_line_break_alone_is_empty(root: Path) -> None:
    """A file with nothing but a line break holds no secret."""
    (root / "password").write_bytes(b"\n")

    assert _failure(root, "password").message == "`ref+file://password` is empty"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"smtp": "canary-8h2"}'),
        ("a.yaml", '{"smtp": "canary-8h2"}'),
        ("a.YML", '["canary-8h2"]'),
        (".env", "SMTP=canary-8h2"),
        ("mail.env", "# of mail\nexport SMTP = canary-8h2"),
        (".env.production", "SMTP='canary-8h2'"),
    ],
)
def test_a_file_of_keys_is_no_secret(root: Path, name: str, content: str) -> None:
    """Even where it holds one: whoever names no key would get all that is added later."""
    (root / name).write_text(content, encoding="utf-8")

    assert isinstance(_failure(root, name), SecretIsDocument)


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.env", "a"])
@pytest.mark.parametrize("secret", ["canary", "{x", "[abc]", "{", "==", "cGFzc3dvcmQ=", "a=="])
def test_any_text_may_be_in_a_file_of_any_name(root: Path, name: str, secret: str) -> None:
    """What has no keys is the secret."""
    (root / name).write_text(f"{secret}\n", encoding="utf-8")

    assert _fetch(root, name) == secret


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("eu.json#/smtp/password", f"{CANARY}-smtp"),
        ("eu.json#/a~1b/~0", f"{CANARY}-odd"),
        ("eu.yaml#/pop3/password", "p"),
    ],
)
def test_keys_lead_to_a_string(root: Path, path: str, secret: str) -> None:
    """Behind `#` stand the keys that lead to the secret in a JSON or YAML file."""
    assert _fetch(root, path) == secret


@pytest.mark.parametrize(
    ("path", "message", "hints"),
    [
        ("eu.json#/smtp", "is a map where a string is needed", ()),
        ("eu.json#/smtp/list", "is a list where a string is needed", ()),
        ("eu.json#/smtp/none", "is null where a string is needed", ()),
        ("eu.json#/smtp/port", "is a number where a string is needed", ("quote it",)),
        ("eu.json#/smtp/on", "is a boolean where a string is needed", ("quote it",)),
        ("eu.json#/empty", "is empty", ()),
        ("eu.json#/smtp/password/x", "a string has no key `x`", ()),
        ("eu.json#/smtp/list/9", "a list has no key `9`", ()),
        ("eu.json?v=2", "takes a path and a key only", ()),
        ("eu.txt#/x", "a key needs a file named .json, .yaml or .yml", ()),
        ("none.json", "file `", ()),
    ],
)
def test_reference_that_leads_to_no_secret(
    root: Path, path: str, message: str, hints: tuple[str, ...]
) -> None:
    """A reference that misses says how, and what to write where that is known."""
    (root / "eu.txt").write_text(CANARY, encoding="utf-8")

    failure = _failure(root, path)

    assert message in failure.message
    assert failure.hints == hints


def test_missing_key_names_its_neighbours(root: Path) -> None:
    """A key that is not there meets the names, never the values, of those that are."""
    failure = _failure(root, "eu.json#/smtp/pasword")

    assert failure.message == (
        "`ref+file://eu.json#/smtp/pasword`: no key `pasword`; available:"
        " `list`, `none`, `on`, `password`, `port`"
    )
    assert failure.hints == ("did you mean `password`?",)


def test_many_keys_are_counted(root: Path) -> None:
    """A message stays readable beside a file with hundreds of keys."""
    (root / "big.json").write_text(json.dumps({f"k{n:03}": CANARY for n in range(300)}))

    assert _failure(root, "big.json#/x").message.endswith("`k011` and 288 more")


def test_empty_map_has_no_neighbours(root: Path) -> None:
    """Beside a missing key of an empty map there is nothing to name."""
    (root / "void.json").write_text("{}", encoding="utf-8")

    assert _failure(root, "void.json#/x").message.endswith("available: nothing")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", f'{{"a": "{CANARY}",}}', "JSON: line 1, column"),
        ("a.json", f'{{"{CANARY[:3]}": 1, "a": 2, "a": 3}}', "key `a` is given twice"),
        ("a.json", "[" * 100_000, "not valid JSON: it is too deep"),
        ("a.yml", "broken", "a.yml:3:7: invalid YAML"),
    ],
)
def test_malformed_file_is_placed_and_not_quoted(
    root: Path, name: str, content: str, message: str
) -> None:
    """A file that cannot be parsed says where; neither message nor cause quotes it."""
    (root / name).write_text(content, encoding="utf-8")

    assert message in _failure(root, f"{name}#/x").message


@pytest.mark.parametrize("path", ["bytes", "bytes.json#/x"])
def test_bytes_that_are_not_utf8(root: Path, path: str) -> None:
    """A file must be UTF-8; the error that finds it otherwise is not kept, for it holds it."""
    (root / path.partition("#")[0]).write_bytes(b"\xff" + CANARY.encode())

    assert "not UTF-8" in _failure(root, path).message


def test_half_a_pair_in_json(root: Path) -> None:
    r"""A lone surrogate, `\ud800`, is valid JSON and no text that could be sent."""
    (root / "a.json").write_text(rf'{{"x": "{CANARY}\ud800"}}', encoding="utf-8")

    assert "not UTF-8" in _failure(root, "a.json#/x").message


@pytest.mark.parametrize("path", ["link", "folder/outside", "/etc/hostname"])
def test_nothing_leads_outside(root: Path, tmp_path: Path, path: str) -> None:
    """Neither links, nor a linked folder, nor an absolute path leave the root."""
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "folder").symlink_to(tmp_path)

    assert "is not allowed: files must match **" in _failure(root, path).message


def test_refusal_says_where_a_link_leads(root: Path, tmp_path: Path) -> None:
    """A refused link names the file behind it, which is what a glob would have to match."""
    (root / "link").symlink_to(tmp_path / "outside")

    assert f"a link to `{tmp_path}/outside`" in _failure(root, "link").message


def test_link_inside_of_the_root_is_followed(root: Path) -> None:
    """A link may be used where the file behind it may."""
    (root / "link.json").symlink_to("eu.json")

    assert _fetch(root, "link.json#/smtp/password") == f"{CANARY}-smtp"


def test_allowed_folder_outside_of_the_root(root: Path, tmp_path: Path) -> None:
    """An absolute glob opens a folder outside, such as the mounts of a container."""
    secret = _fetch(root, f"{tmp_path}/outside", (f"{tmp_path}/*",))

    assert secret == CANARY


def test_root_behind_a_link(root: Path, tmp_path: Path) -> None:
    """The root itself may be reached by a link."""
    (tmp_path / "alias").symlink_to(root)

    assert _fetch(tmp_path / "alias", "eu.yaml#/pop3/password") == "p"


def test_token_of_the_checkout_is_not_a_secret_to_send(root: Path) -> None:
    """`.git/config` may hold the pipeline's token and is never opened."""
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(CANARY, encoding="utf-8")

    assert "`.git` contains credentials of the job" in _failure(root, ".git/config").message


def test_path_that_cannot_be_resolved(root: Path) -> None:
    """A loop of links is an answer and not a crash."""
    (root / "loop").symlink_to("loop")

    assert "`ref+file://loop`" in _failure(root, "loop").message


@pytest.mark.parametrize(
    "place",
    [
        ".netrc",
        ".ssh/id",
        ".AWS/credentials",
        ".docker/config.json",
        ".kube/config",
        "run/secrets/kubernetes.io/serviceaccount/token",
        "secrets/eks.amazonaws.com/token",
        "run/secrets/azure/tokens/azure-identity-token",
        ".config/gcloud/credentials.db",
    ],
)
@pytest.mark.parametrize("linked", [False, True])
def test_places_with_credentials_of_the_job_never_open(
    tmp_path: Path, place: str, linked: bool
) -> None:
    """Whatever the allow-list says, and by a link as well."""
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(CANARY, encoding="utf-8")
    if linked:
        (tmp_path / "harmless").symlink_to(file)

    failure = _failure(tmp_path, "harmless" if linked else place, ("**", "/**"))

    assert "is never read" in failure.message
    assert CANARY not in failure.message


@pytest.mark.parametrize("path", ["pipe", "folder", "socket"])
def test_only_regular_files_are_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A pipe is not waited for; folders and sockets are no secrets either."""
    monkeypatch.chdir(root)  # the name of a socket has room for little
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("socket")

    failure = _failure(root, path)

    assert f"`ref+file://{path}`" in failure.message


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ", "/sys/kernel/notes"])
def test_files_of_the_system_are_not_read(path: str) -> None:
    """Refused at once, even where a glob opens them."""
    failure = _failure(Path("/"), path, ("/**",))

    assert "is never read" in failure.message


def test_many_wild_folders_cost_nothing(root: Path) -> None:
    """A glob meets each folder of a path once, however many stars it has."""
    path = "/".join(["a"] * 60)

    assert "is not allowed" in _failure(root, path, ("**/" * 30 + "zzz",)).message


@pytest.mark.parametrize(("extra", "refused"), [(0, False), (1, True)])
def test_size_is_bounded(root: Path, extra: int, refused: bool) -> None:
    """A secret has at most 1 MiB."""
    (root / "big").write_bytes(b"x" * (MAX_FILE_BYTES + extra))

    if refused:
        assert "is larger than 1048576 bytes" in _failure(root, "big").message
    else:
        assert len(_fetch(root, "big")) == MAX_FILE_BYTES


def test_unreadable_file_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says against opening a file is passed on."""

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    assert _failure(root, "eu.json").message.endswith(": Permission denied")


def test_each_file_is_read_once(root: Path) -> None:
    """One run sees one content of a file, however many references lead into it."""
    parsed: Iterator[object] = iter([{"a": "first", "b": "first"}])
    provider = FileProvider(root, ("**",), lambda _data, _name: next(parsed), {})
    provider.fetch(_reference("ref+file://eu.yaml#/a"))
    (root / "eu.yaml").unlink()

    assert provider.fetch(_reference("ref+file://eu.yaml#/b")).reveal() == "first"


def test_text_is_read_once(root: Path) -> None:
    """The same holds for a file that is a secret as a whole."""
    (root / "password").write_text("first", encoding="utf-8")
    provider = FileProvider(root, ("**",), _parse, {})
    provider.fetch(_reference("ref+file://password"))
    (root / "password").write_text("second", encoding="utf-8")

    assert provider.fetch(_reference("ref+file://password")).reveal() == "first"


def test_link_that_appears_after_the_check_is_not_followed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was allowed is what is opened: a file that turns into a link meanwhile is refused."""

    def allow_and_swap(real: Path, *_: object) -> bool:
        real.unlink()
        real.symlink_to(tmp_path / "outside")
        return True

    monkeypatch.setattr("icesync.secrets.file.is_allowed", allow_and_swap)

    assert "cannot be read" in _failure(root, "eu.json").message
