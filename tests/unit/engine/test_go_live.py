"""From the emulator to ICE: two lines change, and nothing else."""

from __future__ import annotations

import pytest

from icesync.engine.go_live import Access, rewrite
from icesync.errors import ConfigInvalid

URL = "https://www.enterice.com/ICEAPI"
TOKEN = Access("ref+env://ICE_TOKEN")
LOGIN = Access("ref+env://ICE_PASSWORD", 59, "a: b@example.com")
LOGIN_LINE = (
    'login: {organization: 59, username: "a: b@example.com", password: ref+env://ICE_PASSWORD}'
)


@pytest.mark.parametrize(
    ("before", "access", "after"),
    [
        (
            "version: 1\napi:\n  base_url: emulator  # mine\n  timeout_s: 5\n",
            TOKEN,
            (
                f"version: 1\napi:\n  base_url: {URL}  # mine\n  token: ref+env://ICE_TOKEN\n"
                "  timeout_s: 5\n"
            ),
        ),
        (
            "version: 1\napi:\n    timeout_s: 5\n    base_url: 'emulator'",
            LOGIN,
            f"version: 1\napi:\n    timeout_s: 5\n    base_url: {URL}\n    {LOGIN_LINE}\n",
        ),
        (
            'version: 1\napi: {base_url: "emulator", timeout_s: 5}\n',
            LOGIN,
            f"version: 1\napi: {{base_url: {URL}, {LOGIN_LINE}, timeout_s: 5}}\n",
        ),
        (
            "version: 1\napi: {\n  base_url: emulator,\n  timeout_s: 5}\n",
            TOKEN,
            (
                f"version: 1\napi: {{\n  base_url: {URL}, token: ref+env://ICE_TOKEN,\n"
                "  timeout_s: 5}\n"
            ),
        ),
        (
            "version: 1\napi:\n  base_url: emulator\n  token: ref+env://ICE_OWN\n",
            None,
            f"version: 1\napi:\n  base_url: {URL}\n  token: ref+env://ICE_OWN\n",
        ),
        ("version: 1\n", None, "version: 1\n"),
        (
            f"version: 1\napi: {{base_url: {URL}}}\n",
            TOKEN,
            f"version: 1\napi: {{base_url: {URL}, token: ref+env://ICE_TOKEN}}\n",
        ),
        (
            f"version: 1\napi:\n  base_url: {URL}\n  token: ref+vault://ice#/token  # mine\n",
            LOGIN,
            f"version: 1\napi:\n  base_url: {URL}\n  {LOGIN_LINE}  # mine\n",
        ),
        (
            f"version: 1\napi:\n  token: ref+env://A  # old\n  base_url: {URL}\n  {LOGIN_LINE}\n",
            TOKEN,
            f"version: 1\napi:\n  token: ref+env://ICE_TOKEN  # old\n  base_url: {URL}\n",
        ),
        (
            f"version: 1\napi: {{token: ref+env://A, base_url: {URL}, {LOGIN_LINE}}}\n",
            TOKEN,
            f"version: 1\napi: {{token: ref+env://ICE_TOKEN, base_url: {URL}, }}\n",
        ),
        (
            "version: 1\n# token: here\napi:\n  base_url: emulator\n  token: ref+env://ICE_OWN\n",
            LOGIN,
            f"version: 1\n# token: here\napi:\n  base_url: {URL}\n  {LOGIN_LINE}\n",
        ),
    ],
    ids=[
        "block",
        "block, last line",
        "flow",
        "flow on lines",
        "token is there",
        "none",
        "live",
        "live, other access",
        "live, both",
        "live, both in braces",
        "other access",
    ],
)
def test_rewrite(before: str, access: Access | None, after: str) -> None:
    """Address and access are written in the style of the file; comments and all else stay."""
    assert rewrite("icesync.yaml", before.encode(), access).decode() == after


@pytest.mark.parametrize(
    ("text", "access"),
    [
        ("version: 1\napi:\n  base_url: &x emulator\n", TOKEN),
        ("version: 1\napi:\n  base_url: emulator\n", Access("not a reference")),
        ("version: 1\n", TOKEN),
    ],
    ids=["an anchor", "no reference", "no api"],
)
def test_rewrite_refuses(text: str, access: Access) -> None:
    """What cannot be changed safely is left, and the lines to write are said."""
    with pytest.raises(ConfigInvalid) as caught:
        rewrite("icesync.yaml", text.encode(), access)

    assert f"base_url: {URL}" in caught.value.hints[0]
