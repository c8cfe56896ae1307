"""A client of yaml-language-server, the program behind YAML in VS Code and other editors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["Editor", "find_server"]

_SETTINGS: Final = {
    "yaml": {"schemaStore": {"enable": False}, "completion": True, "hover": True, "validate": True}
}
"""What an editor answers when asked for its settings; without them a catalogue is fetched."""


def find_server() -> str | None:
    """
    Return the program that ``ICESYNC_TEST_YAML_LS`` names, or that of the path, if there is one.

    A pipeline that names one wants these tests to run: a wrong name is an error.
    """
    name = os.environ.get("ICESYNC_TEST_YAML_LS")
    found = shutil.which(name or "yaml-language-server")
    if name and found is None:
        raise FileNotFoundError(name)
    return found


class Editor:
    """One server process and the documents that are open in it."""

    def __init__(self, program: str, root: Path) -> None:
        self._process = subprocess.Popen(
            [program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
        )
        self._next = 0
        self._findings: dict[str, list[dict[str, Any]]] = {}
        self._uris: dict[Path, str] = {}
        self._ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": root.as_uri(),
                "capabilities": {
                    "workspace": {"configuration": True},
                    "textDocument": {
                        "completion": {"completionItem": {"snippetSupport": True}},
                        "hover": {"contentFormat": ["markdown"]},
                    },
                },
            },
        )
        self._tell("initialized", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path) -> list[dict[str, Any]]:
        """Open the file *path* and return what is underlined in it."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": path.read_text()}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while uri not in self._findings:
            self._handle(self._read())
        return self._findings[uri]

    def hover(self, path: Path, line: int, column: int) -> str:
        """Return the text that hovering shows; lines and columns count from 0."""
        answer = self._ask("textDocument/hover", _place(path, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def complete(self, path: Path, line: int, column: int) -> dict[str, dict[str, Any]]:
        """Return what is offered at a place, by its label."""
        answer = self._ask("textDocument/completion", _place(path, line, column))
        return {item["label"]: item for item in (answer or {}).get("items", [])}

    def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._next += 1
        number = self._next
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise AssertionError(message["error"])
                return message["result"]
            self._handle(message)

    def _tell(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _handle(self, message: dict[str, Any]) -> None:
        """Answer what the server asks, and keep what it reports."""
        if message.get("method") == "textDocument/publishDiagnostics":
            reported = message["params"]
            self._findings[reported["uri"]] = reported["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            items = message["params"]["items"]
            answer = [_SETTINGS.get(item.get("section", ""), {}) for item in items]
            self._send({"id": message["id"], "result": answer})
        elif "id" in message and "method" in message:
            self._send({"id": message["id"], "result": None})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        length = 0
        while (line := stream.readline().strip()) or not length:
            if not line:
                raise AssertionError("the language server ended")
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(stream.read(length))
        return message


def _place(path: Path, line: int, column: int) -> dict[str, Any]:
    return {
        "textDocument": {"uri": path.as_uri()},
        "position": {"line": line, "character": column},
    }
