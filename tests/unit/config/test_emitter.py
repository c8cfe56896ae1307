from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import SETTINGS, SUPPORT, position
from hypothesis import given
from hypothesis import strategies as st

from icesync.config.emitter import write_server_file
from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.desired import Address
from icesync.model.fields import FIELDS, Kind, Role
from icesync.model.imported import ImportedServer
from icesync.model.secret import parse_secret_ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.fields import Field, Setting
    from icesync.model.secret import SecretRef


def reference(text: str) -> SecretRef:
    """Return the reference that *text* spells."""
    found = parse_secret_ref(text)
    assert found is not None
    return found


def imported(address: Address = SUPPORT, name: str = "", **changed: Setting) -> ImportedServer:
    """Return a whole server."""
    more = {key.replace("__", "."): value for key, value in changed.items()}
    pop3 = {k.replace("smtp", "pop3"): v for k, v in SETTINGS.items() if k.startswith("smtp")}
    secrets = {f"{b}.password": reference(f"ref+env://ICE_{b.upper()}") for b in ("smtp", "pop3")}
    given = {**SETTINGS, **pop3, **more}
    return ImportedServer(address, given, given, secrets, {}, position(), name)


def test_file_has_its_golden_text(golden: Callable[[str, str], None]) -> None:
    """Keys in the order of the table, what all servers agree about once, quotes where needed."""
    servers = [
        imported(name="Support EU", email_server_id=17, smtp__username="0012"),
        imported(Address(59, 664), name="it's: #1", tls=False),
    ]

    golden("render/written.yaml", write_server_file(59, servers))


def test_one_server_has_no_defaults() -> None:
    """There is nothing that could be shared."""
    assert "defaults" not in write_server_file(59, [imported()])


def values(field: Field) -> st.SearchStrategy[Setting]:
    """Return values that a file may hold for *field*."""
    if field.kind is Kind.FLAG:
        return st.booleans()
    if field.kind is Kind.INCOMING:
        return st.sampled_from(["pop3", "imap"])
    if field.kind is Kind.STATUS:
        return st.sampled_from(["Enabled", "Disabled"])
    if field.kind is Kind.TEXT:
        odd = st.sampled_from(
            ["on", "null", "~", "0x1F", "22:30", "- a", "a: b", "a #b", "'", "y", " a "]
        )
        return odd | st.text(min_size=1, max_size=12).filter(str.isprintable)
    return st.integers(1, 65535)


VALUES = [f for f in FIELDS if f.role in {Role.SENT, Role.LABEL} and not f.secret]
REQUIRED = {"status", "active", "incoming", "ssl", "tls"}


@st.composite
def servers(draw: st.DrawFn) -> list[ImportedServer]:
    """Draw a few servers of one organization."""
    rows = {f.key: values(f) for f in VALUES}
    whole = st.fixed_dictionaries(
        {key: value for key, value in rows.items() if key in REQUIRED},
        optional={key: value for key, value in rows.items() if key not in REQUIRED},
    )
    found = []
    for skill in sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=4))):
        settings = draw(whole)
        name = str(settings.pop("name", ""))
        text = draw(
            st.sampled_from(["ref+env://ICE_A", "ref+file://a.yaml#/59-1/smtp", "ref+a://b:"])
        )
        secrets = {"smtp.password": reference(text)}
        address = Address(59, skill)
        found.append(ImportedServer(address, settings, settings, secrets, {}, position(), name))
    return found


@given(servers())
def test_what_is_written_is_read_back(given_: list[ImportedServer]) -> None:
    """The strict reader takes every text, and finds exactly what was imported."""
    text = write_server_file(59, given_)
    state, found = resolve([parse_document(SourceFile("servers/59.yaml", text.encode()))])

    assert {d.rule for d in found} <= {"ICE107", "ICE201", "ICE202", "ICE203"}
    for server in given_:
        read = state.servers[server.address]
        assert (read.settings, read.secrets, read.name) == (
            server.settings, server.secrets, server.name,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("a b/c.d@e+f-g", "a b/c.d@e+f-g"),
        ("on", "'on'"),
        ("0012", "'0012'"),
        ("null", "'null'"),
        ("it's", "'it''s'"),
        ("a: b", "'a: b'"),
        ("ends ", "'ends '"),
    ],
)
def test_quotes_stand_where_yaml_needs_them(text: str, written: str) -> None:
    """And nowhere else."""
    assert f"      username: {written}\n" in write_server_file(59, [imported(smtp__username=text)])
