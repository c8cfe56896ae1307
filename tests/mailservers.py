"""
Real Dovecot and Postfix on loopback, in a folder of their own.

They need Debian's packages and root. Their logs are the witnesses: how many
logins were tried, and that no mail was ever handed over.

Dovecot makes an address that failed to log in wait for seconds, and takes a
client that comes from the server's own address for encrypted; so every test
comes from an address of its own (:meth:`MailServers.source`).
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trustme

USER: Final = "alex@example.test"
PASSWORD: Final = "Pa55word1@"
ROUND_USER: Final = "jürgen@example.test"
ROUND_PASSWORD: Final = 'pä ss"wö\\rd→'

_PATIENCE_S: Final = 20

_DOVECOT_23: Final = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_verbose = yes
auth_username_chars =
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
"""

_DOVECOT_24: Final = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = required
ssl_server_cert_file = {folder}/server.pem
ssl_server_key_file = {folder}/server.pem
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_verbose = yes
auth_username_chars =
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
first_valid_uid = 1
passdb passwd-file {{
  passwd_file_path = {folder}/users
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {folder}/mail/%{{user}}
  }}
}}
"""

_DOVECOT_LISTENERS: Final = """\
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service auth {{
  inet_listener auth {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
"""

_MAIN_CF: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
default_transport = error:tests never send
relay_transport = error:tests never send
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.pem
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_sender_login_maps = inline:{{ {{{user} = {user}}} }}
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_delay_reject = no
"""

_MASTER_CF: Final = """\
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
error unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

_QUEUES: Final = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace",
)  # fmt: skip

_PORTS: Final = ("imap", "imaps", "pop3", "pop3s", "auth", "submission", "smtps")


def missing() -> str:
    """Return why the servers cannot be run here, or nothing."""
    absent = [name for name in ("dovecot", "postfix") if _find(name) is None]
    if absent:
        packages = "dovecot-imapd dovecot-pop3d postfix"
        return f"{' and '.join(absent)} not installed (apt-get install {packages})"
    return "" if os.geteuid() == 0 else "Dovecot and Postfix are started as root only"


def _find(name: str) -> str | None:
    folders = ("/usr/sbin", "/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix")
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *folders)))


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with closing(socket.socket()) as wire:
        wire.bind(("127.0.0.1", 0))
        return int(wire.getsockname()[1])


class MailServers:
    """Both servers while the context is open; *more_users* have PASSWORD too; *ports* by name."""

    def __init__(
        self,
        certificate: trustme.LeafCert,
        more_users: Iterable[str] = (),
        mechanisms: str = "plain login cram-md5",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ice-mail-"))
        self.ports = {name: free_port() for name in _PORTS}
        self._addresses = itertools.count(2)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._write(certificate, more_users, mechanisms)

    def source(self) -> str:
        """Return an address of loopback that nobody came from before."""
        number = next(self._addresses)
        return f"127.0.{number // 250}.{number % 250 + 2}"

    @property
    def dovecot_log(self) -> str:
        """What Dovecot logged so far."""
        return (self.folder / "dovecot.log").read_text()

    @property
    def postfix_log(self) -> str:
        """What Postfix logged so far."""
        return (self.folder / "postfix.log").read_text()

    def logins(self, source: str) -> tuple[int, int]:
        """Return how many logins from *source* Dovecot's mailbox services took and refused."""
        lines = [line for line in self.dovecot_log.splitlines() if f"rip={source}," in line]
        good = sum("-login: Info: Login:" in line for line in lines)
        tries = [re.search(r"auth failed, (\d+) attempts?", line) for line in lines]
        return good, sum(int(match[1]) for match in tries if match)

    def refused_by_postfix(self, source: str) -> int:
        """Return how many logins from *source* Postfix refused."""
        told = rf"\[{re.escape(source)}\]: SASL \S+ authentication failed"
        return len(re.findall(told, self.postfix_log))

    @property
    def queued(self) -> list[Path]:
        """Every file that holds, or held, a message."""
        queues = ("incoming", "active", "deferred", "maildrop", "hold", "corrupt")
        mail = [path for name in queues for path in (self.folder / "queue" / name).rglob("*")]
        return [path for path in mail if path.is_file()]

    def deliver(self, user: str, count: int) -> None:
        """Put *count* unseen messages into the inbox of *user*."""
        inbox = self.folder / "mail" / user
        for name in ("new", "cur", "tmp"):
            (inbox / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (inbox / "new" / f"{number}.test").write_text("Subject: hello\n\nhello\n")
        for path in (inbox, *inbox.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")

    def unseen(self, user: str) -> int:
        """Return how many messages of *user* nobody has read, in the eyes of the server."""
        inbox = self.folder / "mail" / user
        kept = [*(inbox / "new").iterdir(), *(inbox / "cur").iterdir()]
        return sum("S" not in path.name.partition(":2,")[2] for path in kept)

    def __enter__(self) -> Self:
        dovecot, postfix = _find("dovecot"), _find("master")
        assert dovecot
        assert postfix
        self._start(dovecot, "-F", "-c", str(self.folder / "dovecot.conf"))
        self._start(postfix, "-c", str(self.folder / "etc"), "-s")
        for name in _PORTS:
            self._wait_for(self.ports[name])
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self._processes:
            # Not politely: Dovecot gives its services a second.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(_PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *command: str) -> None:
        log = (self.folder / "start.log").open("ab")
        with log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise AssertionError((self.folder / "start.log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def _write(
        self, certificate: trustme.LeafCert, more_users: Iterable[str], mechanisms: str
    ) -> None:
        folder = self.folder
        folder.chmod(0o755)
        for name in ("etc", "queue", "data", "mail", "run", "state"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        for name in _QUEUES:
            (folder / "queue" / name).mkdir()
            shutil.chown(folder / "queue" / name, "postfix")
        (folder / "queue" / "pid").mkdir()
        shutil.chown(folder / "mail", "nobody", "nogroup")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        known = {ROUND_USER: ROUND_PASSWORD, **dict.fromkeys((USER, *more_users), PASSWORD)}
        lines = [f"{user}:{{PLAIN}}{password}\n" for user, password in known.items()]
        (folder / "users").write_text("".join(lines))
        template = _DOVECOT_24 if _dovecot_version() >= (2, 4) else _DOVECOT_23
        values = {"folder": folder, "user": USER, "mechanisms": mechanisms, **self.ports}
        (folder / "dovecot.conf").write_text((template + _DOVECOT_LISTENERS).format(**values))
        (folder / "etc" / "main.cf").write_text(_MAIN_CF.format(**values))
        (folder / "etc" / "master.cf").write_text(_MASTER_CF.format(**values))
        # Postfix waits for two seconds until nobody writes to a file any more.
        os.utime(folder / "etc" / "main.cf", (0, 0))


def _dovecot_version() -> tuple[int, int]:
    told = subprocess.run([_find("dovecot") or "", "--version"], capture_output=True, check=True)
    major, minor = told.stdout.split(b".")[:2]
    return int(major), int(minor)
