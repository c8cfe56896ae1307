"""
Which setting a column, or a member of a request, means: the one table of their names.

Names are compared without case, accents and punctuation, in English, German and French.
A name may carry its protocol (``SMTP host``, ``Posteingangsserver``); one that carries
none, such as ``Password``, is for sending and for the protocol that collects.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from icesync.model.fields import FIELDS, FIELDS_BY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COLLECTING: Final = "incoming"
"""The block of a name such as *incoming server*: whichever protocol the server collects by."""

ENCRYPTION: Final = "encryption"
"""A column that says ``ssl`` and ``tls`` in one word."""

_TOP: Final = {
    "organization": "organization, organisation, org, org id, organization id, organisation id, "
    "organisationsnummer, organisations, organisations id, id organisation, orgid, tenant, "
    "tenant id, mandant, mandanten, mandant id, mandanten id",
    "skill": "skill, skill id, skillid, queue, queue id, warteschlange, warteschlangen, "
    "warteschlangen id, file attente, file d attente, competence, id skill, id competence",
    "name": "name, skill name, queue name, department, dept, team, label, title, abteilung, "
    "bezeichnung, beschreibung, description, display name, anzeigename, service, departement, "
    "libelle, nom, nom service, desk, team name, department name",
    "email_server_id": "email server id, server id, mail server id, emailserverid",
    "status": "status, state, server status, statut, etat, zustand, enabled, aktiviert",
    "active": "active, is active, aktiv, actif, isactive",
    "incoming": "incoming, incoming protocol, protocol, protokoll, protocole, incoming type, "
    "account type, mailbox type, type, typ, kontotyp, type compte, abrufprotokoll, is imap, "
    "isimap, use imap, collect by, imap or pop3",
    "ssl": "ssl, is ssl, use ssl, isssl, ssl enabled",
    "tls": "tls, is tls, use tls, istls, starttls, tls enabled, use starttls",
    ENCRYPTION: "encryption, security, ssl tls, tls ssl, verschlusselung, verschluesselung, "
    "sicherheit, chiffrement, securite, connection security, encryption type",
    "spoofing.enabled": "spoofing, email spoofing, is email spoofing, spoofing enabled, "
    "isemailspoofing, spoof",
    "spoofing.address": "spoof email, spoofing address, spoofemail, spoof address",
    "smtp.host": "postausgang",
    "incoming.host": "posteingang",
    "preset": "preset, provider, mail provider, email provider, anbieter, mailanbieter, hoster, "
    "fournisseur, hosting, service provider",
    "": "note, notes, comment, comments, remark, remarks, notiz, notizen, bemerkung, bemerkungen, "
    "kommentar, remarque, remarques, commentaire, token, row, no, nr, num, lfd nr",
}
_LEAVES: Final = {
    "host": "host, server, server address, server name, hostname, host name, mailserver, "
    "mail server, mail host, serveraddress, adresse serveur, serveur, serveur mail, hote, "
    "serveradresse, servername, mail server address, email server, address server, nom hote",
    "port": "port, server port, portnummer, serverport",
    "username": "user, username, user name, login, login name, account, account name, user id, "
    "userid, benutzer, benutzername, anmeldename, konto, kontoname, utilisateur, nom utilisateur, "
    "identifiant, compte, login user, nutzername",
    "password": "password, pass, passwd, pwd, pw, passwort, kennwort, mot passe, mdp, "
    "app password, login password, secret, app passwort",
    "preset": "preset, provider, mail provider, anbieter, hoster, fournisseur",
    "mailbox": "mailbox, email, e mail, mail, email address, e mail address, mail address, "
    "emailaddress, address, mailbox address, postfach, adresse, emailadresse, e mail adresse, "
    "mailadresse, adresse e mail, adresse mail, adresse email, courriel, adresse courriel, boite, "
    "boite mail, boite lettres",
    "poll_rate": "poll rate, pollrate, polling, polling rate, poll interval, polling interval, "
    "interval, intervall, abrufintervall, abfrageintervall, intervalle, frequence, poll",
}
_BLOCKS: Final = {
    "smtp": "smtp, outgoing, outbound, sending, send, out, ausgang, ausgehend, ausgehender, "
    "postausgang, versand, senden, raus, sortant, envoi",
    "pop3": "pop3, pop",
    "imap": "imap, imap4",
    COLLECTING: "incoming, inbound, receiving, receive, in, eingang, eingehend, eingehender, "
    "posteingang, abruf, empfang, empfangen, rein, entrant, reception",
}
_FILLER_TEXT: Final = (
    "the of for de du des la le les l d der die das fur min minutes minuten sec "
    "number nummer nr no num numero"
)
_FILLERS: Final = frozenset(_FILLER_TEXT.split())
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPOUND: Final = re.compile(
    r"(smtp|imap|pop3|pop(?=server|port|user|host|pass)|(?:post)?ausgangs|(?:post)?eingangs)(.+)"
)
_PREFIXES: Final = {"postausgangs": "ausgang", "ausgangs": "ausgang", "posteingangs": "eingang",
                    "eingangs": "eingang"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """
    What a name stands for.

    *keys* are settings; ``incoming.host`` is that of the protocol that collects. Nothing
    is left of a column that is known and not wanted. *exact*: it is a name of requests,
    under which a password is never a reference. *flag*: it asks whether it is IMAP.
    *bare*: it names no protocol.
    """

    keys: tuple[str, ...]
    exact: bool = False
    flag: bool = False
    bare: bool = False


def fold(name: str) -> str:
    """Return *name* in lower case, without accents and punctuation, its words apart."""
    spread = _CAMEL.sub(" ", unicodedata.normalize("NFKD", name))
    plain = "".join(c for c in spread if not unicodedata.combining(c)).casefold()
    words = re.findall(r"[^\W_]+", plain)
    return " ".join(word for word in words if word not in _FILLERS or len(words) == 1)


def _phrases(table: Mapping[str, str]) -> dict[str, str]:
    return {fold(phrase): key for key, text in table.items() for phrase in text.split(", ")}


_BY_PHRASE: Final = _phrases(_TOP)
_BY_LEAF: Final = _phrases(_LEAVES)
_BY_WORD: Final = _phrases(_BLOCKS)
_KEYS: Final = {
    **{row.key: Column((row.key,)) for row in FIELDS},
    **{f"{COLLECTING}.{row.leaf}": Column((f"{COLLECTING}.{row.leaf}",))
       for row in FIELDS if row.block == "imap" and row.leaf != "preset"},
}  # fmt: skip
_WIRE: Final = {
    name.lower(): Column((row.key,), exact=True, flag=row.key == "incoming")
    for row in FIELDS
    for name in row.wire
}


@cache
def find_column(name: str) -> Column | None:
    """Return what the column or member *name* stands for, or None."""
    bare = name.strip().lower()
    known = _WIRE.get(bare) or _KEYS.get(bare)
    if known is not None:
        return known
    phrase = fold(name)
    if phrase in _BY_PHRASE:
        key = _BY_PHRASE[phrase]
        return Column((key,) if key else (), flag="imap" in phrase and "pop" not in phrase)
    blocks, rest = _part(phrase)
    leaf = _BY_LEAF.get(" ".join(rest))
    if leaf is None:
        return None
    keys = [f"{block}.{leaf}" for block in blocks or ("smtp", COLLECTING)]
    known_keys = tuple(key for key in keys if key in _KEYS)
    return Column(known_keys, bare=not blocks) if known_keys else None


def find_key(text: str) -> str | None:
    """Return the dotted key that *text* spells, or None; ``incoming.host`` is one."""
    key = text.strip().lower()
    return key if key in _KEYS else None


def is_secret(key: str) -> bool:
    """Return whether *key* is that of a password."""
    return key.rpartition(".")[2] == "password"


def row_of(key: str) -> str:
    """Return the key in the field table that *key* is read by."""
    return key if key in FIELDS_BY_KEY else f"imap.{key.rpartition('.')[2]}"


def near_name(name: str, others: Iterable[str] = ()) -> str:
    """Return the known name that is next to the unknown *name*, or an empty text."""
    spelled = {key.lower(): key for key in (*FIELDS_BY_KEY, *(n for r in FIELDS for n in r.wire))}
    exact = difflib.get_close_matches(name.strip().lower(), spelled, n=1, cutoff=0.75)
    if exact:
        return spelled[exact[0]]
    phrases = {**_BY_PHRASE, **_BY_LEAF}
    known = [*others, *(p for p, key in phrases.items() if key and len(p) > 3)]
    blocks, rest = _part(fold(name))
    near = difflib.get_close_matches(" ".join(rest), known, n=1, cutoff=0.8)
    if near:
        return " ".join((*(b for b in blocks if b != COLLECTING), near[0]))
    leaves = {_BY_LEAF[word] for word in rest if word in _BY_LEAF}
    return ".".join((*blocks[:1], *leaves)) if len(leaves) == 1 else ""


def _part(phrase: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the protocols that the words of *phrase* name, and its other words."""
    blocks: list[str] = []
    rest: list[str] = []
    for word in phrase.split():
        compound = _COMPOUND.fullmatch(word)
        head = compound[1] if compound else word
        block = _BY_WORD.get(_PREFIXES.get(head, head))
        if block is not None:
            blocks.append(block)
        if compound:
            rest.append(compound[2])
        elif block is None:
            rest.append(word)
    return tuple(dict.fromkeys(blocks)), rest
