from __future__ import annotations

import pytest

from icesync.model.fields import FIELDS
from icesync.sheet.columns import find_column, near_name

BOTH = ("smtp", "incoming")
NAMES = {
    "organization": "Organisation, Org, ORG-ID, orgid, OrganizationId, Mandant",
    "skill": "Skill, Skill No., Queue Nr, skill_id, SkillId, Warteschlange, File d'attente",
    "name": "Department, Abteilung, Service, Name, Bezeichnung, Département",
    "status": "Status, STATUT, Zustand, Enabled",
    "active": "IsActive, aktiv, Actif",
    "incoming": "Protocol, Protokoll, IsImap, Account type, Type",
    "ssl": "SSL, IsSSL, use_ssl",
    "tls": "tls, STARTTLS",
    "encryption": "SSL/TLS, Verschlüsselung, Security, Chiffrement",
    "preset": "Provider, Anbieter, Fournisseur, preset",
    "spoofing.address": "Spoof address, SpoofEmail",
    "smtp.host": "smtp.host, SMTP Server Address, SMTPServerAddress, smtp_host, "
    "Postausgangsserver, Postausgang, Serveur SMTP, Outgoing server (SMTP), smtpserver",
    "smtp.port": "smtp port, SMTPPort, Postausgangsserver Port, Port raus",
    "smtp.poll_rate": "SMTPPollrate, smtp poll interval",
    "pop3.username": "POP3 user, Pop3Username, Pop3UserName, pop login",
    "imap.password": "IMAP-Kennwort, imap_password, ImapPassword, Mot de passe IMAP",
    "smtp.preset": "SMTP provider",
    "incoming.host": "Posteingang, Posteingangsserver, Incoming mail server, Serveur entrant, "
    "incoming.host",
}
BARE = {
    "host": "Host, Server, Hostname, Serveur",
    "port": "Port",
    "username": "User, Benutzername, Nom d'utilisateur, Login",
    "password": "Password, Kennwort, Passwort, Mot de passe, pwd, PW",
    "mailbox": "E-mail, Email, E-Mail-Adresse, Mailbox, Postfach, Courriel, Adresse e-mail",
    "poll_rate": "Poll rate (min), Abrufintervall",
}


@pytest.mark.parametrize("key", NAMES)
def test_names_of_a_setting(key: str) -> None:
    """Of requests, of files, and of people in three languages; case, accents and marks apart."""
    for name in NAMES[key].split(", "):
        for spelled in (name, name.upper() if "_" in name else name, f" {name} "):
            column = find_column(spelled)
            assert column is not None, spelled
            assert column.keys == (key,), spelled


@pytest.mark.parametrize("leaf", BARE)
def test_name_without_a_protocol_is_for_both(leaf: str) -> None:
    """For sending, and for whatever the server collects by."""
    for name in BARE[leaf].split(", "):
        column = find_column(name)
        assert column is not None, name
        assert (column.keys, column.bare) == (tuple(f"{b}.{leaf}" for b in BOTH), True), name


def test_every_name_of_every_field_is_known() -> None:
    """Those of requests and those of the files; a password of a request is never a reference."""
    for row in FIELDS:
        for name in (row.key, *row.wire):
            column = find_column(name.upper())
            assert column is not None
            wire = name.lower() in {spelled.lower() for spelled in row.wire}
            assert (column.keys, column.exact) == ((row.key,), wire)


@pytest.mark.parametrize("name", ["Notes", "Bemerkung", "Token", "Nr."])
def test_what_nobody_wants_is_known(name: str) -> None:
    """Such columns give nothing, and are no mistake."""
    column = find_column(name)

    assert column is not None
    assert column.keys == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [("SMTPPasword", "SMTPPassword"), ("Passwrd", "password"), ("Orgnization", "organization"),
     ("imap hst", "imap.host"), ("Phone", ""), ("Owner", "")],
)  # fmt: skip
def test_what_was_meant_by_an_unknown_name(name: str, near: str) -> None:
    """The nearest known one, if there is one."""
    assert find_column(name) is None
    assert near_name(name) == near
