from __future__ import annotations

import json
from typing import Any

import pytest

from icesync.sheet.source import read_source

BODY = {"OrgId": 59, "SkillId": 663, "SMTPPassword": 'it\'s "$x" \\ ü'}
URL = "https://ice.example/ICEAPI/api/EmailAdmin/UpdateEmailServer"
TEXT = json.dumps(BODY)
SHELL = "'" + TEXT.replace("'", "'\\''") + "'"
DOLLAR = "$'" + TEXT.replace("\\", "\\\\").replace("'", "\\'") + "'"


def har(url: str, text: str) -> str:
    """Return the export of a browser's network panel with one call."""
    call = {"request": {"method": "POST", "url": url, "postData": {"text": text}},
            "response": {"content": {"text": '{"SkillId": 1, "OrgId": 2}'}}}  # fmt: skip
    return json.dumps({"log": {"entries": [call]}})


def postman(text: str) -> str:
    """Return a collection with one call in a folder."""
    request = {"method": "POST", "url": {"raw": "{{base}}/api/EmailAdmin/UpdateEmailServer"},
               "body": {"mode": "raw", "raw": text}}  # fmt: skip
    return json.dumps({"info": {}, "item": [{"name": "f", "item": [{"request": request}]}]})


CALLS = {
    "one body": TEXT,
    "a list": json.dumps([BODY]),
    "one a line": TEXT + "\n",
    "under a name": json.dumps({"data": [BODY]}),
    "PowerShell's list": json.dumps({"value": [BODY], "Count": 1}),
    "listing of the emulator": json.dumps({"servers": [{"address": "a", "document": BODY}]}),
    "HAR": har(URL, TEXT),
    "Postman": postman(TEXT),
    "JSON with comments above": f"// exported\n/* today */\n{TEXT}",
    "curl": f"curl -X POST {URL} -H 'A: b' -d {SHELL}\n",
    "curl over lines": f"$ curl '{URL}' \\\n  --data-raw {SHELL} \\\n  --compressed; echo done\n",
    "curl of a browser": f"curl '{URL}' --data-raw {DOLLAR} --insecure",
    "curl with =": f"curl --json={SHELL} {URL}",
    ".http": f"@base = x\nPOST {URL} HTTP/1.1\nContent-Type: application/json\n\n{TEXT}\n\n###\n",
    "two requests": f'POST {URL}\n\n{TEXT}\n###\nPOST https://x/Login\n\n{{"SkillId": 1}}\n',
    "Markdown": f"# Call\n\n```json\n{TEXT}\n```\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", CALLS)
def test_body_is_found(kind: str) -> None:
    """Whatever it is wrapped in, it is the one that was sent, to the letter."""
    sheet = read_source(CALLS[kind].encode())

    assert sheet.slips == ()
    assert [{c.name: c.value for c in r.cells} for r in sheet.records] == [
        {"OrgId": "59", "SkillId": "663", "SMTPPassword": BODY["SMTPPassword"]}
    ]


def test_powershell_writes_utf_16() -> None:
    """What `>` writes there is JSON like any other."""
    assert len(read_source(json.dumps([BODY]).encode("utf-16")).records) == 1


def test_members_of_blocks_have_dotted_names() -> None:
    """JSON in the shape of the files."""
    sheet = read_source(b'{"OrgId": 1, "SkillId": 2, "smtp": {"host": "a"}}')

    assert sheet.records[0].cells[-1].name == "smtp.host"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"curl {URL} -d @body.json", "the body of the call is in the file body.json"),
        (f'curl "{URL}" ^\n -d ^"x^"', "the command line is for Windows (cmd)"),
        (f"curl {URL} -d 'x", "the command line of curl has a quote that is not closed"),
        ("curl https://ice.example/x", "the file contains no UpdateEmailServer call with a body"),
        (f"POST {URL}\n\nhello\n", "the body of the call is not JSON"),
        ('{"a": 1}', "no object in the JSON names a skill or an organization"),
        ('{"servers": [1]}', "`servers` must contain only objects"),
    ],
)
def test_what_is_no_call_is_told(text: str, told: str) -> None:
    """In a sentence that says what it is."""
    [slip] = read_source(text.encode()).slips

    assert slip.message == told


OTHERS: dict[str, tuple[bytes, str]] = {
    "empty": (b" \n", "the file is empty"),
    "PDF": (b"%PDF-1.7", "the file is a PDF"),
    "zip": (b"PK\x03\x04 word/document.xml", "the file is an archive, not a workbook"),
    "ods": (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            "the file is an OpenDocument spreadsheet"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is a workbook of an old Excel (.xls)"),
    "protected": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
                  "the workbook is protected by a password"),
    "gzip": (b"\x1f\x8b\x08", "the file is compressed"),
    "binary": (b"\x7fELF\0\x01\x02", "the file is not text"),
    "no encoding": (b"\x81\x8d\xff", "the file has an unknown encoding"),
    "HTML": (b"<!DOCTYPE html><table>", "the file is an HTML page"),
    "XML": (b'<?xml version="1.0"?><a/>', "the file is XML"),
    "YAML": (b"version: 1\nservers: []\n", "the file is YAML, as server files are"),
    "PowerShell": (b"Invoke-RestMethod -Uri x -Body '{}'", "the file is a PowerShell command"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_are_named(kind: str) -> None:
    """Each with the way to what can be imported."""
    data, told = OTHERS[kind]
    [slip] = read_source(data).slips

    assert slip.message == told
    assert slip.hint


def test_deep_wrapping_is_bounded() -> None:
    """A text of brackets ends nothing."""
    data: Any = read_source(b"[" * 100_000)

    assert data.slips
