from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.report import OutcomeKind
from icesync.wire.reply import REPLY_RULES, Reply, read_message, read_object, read_reply

APPLIED = OutcomeKind.APPLIED
REJECTED = OutcomeKind.REJECTED
MISCONFIGURED = OutcomeKind.MISCONFIGURED
AUTH = OutcomeKind.AUTH
THROTTLED = OutcomeKind.THROTTLED
TRANSIENT = OutcomeKind.TRANSIENT
UNCERTAIN = OutcomeKind.UNCERTAIN

DOCUMENTED = {"Message": "The request is invalid."}


def kind(status: int, body: object = b"", **headers: str) -> OutcomeKind:
    """Return what a reply means; *body* is JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(Reply(status, named, data)).kind


def says(message: str, status: int = 200) -> OutcomeKind:
    """Return what a reply with *message* means."""
    return kind(status, {"Message": message})


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    """A redirect is a wrong address: the body holds passwords, and is sent nowhere else."""
    assert kind(status, {"Message": "Success"}, location="https://x.test") is MISCONFIGURED


@pytest.mark.parametrize(
    "message",
    [" Success", "Success\r\n", "success", "SUCCESS.", " Successful", "Successful.",
     "Contact has been added successfully.", "Contact has been updated successfully.",
     "Email server has been saved successfully", "Email server updated successfully",
     "has been updated successfully", "Saved successfully."],
)  # fmt: skip
def test_explicit_success_is_applied(message: str) -> None:
    """The success texts that the vendor's pages print, and their like."""
    assert says(message) is APPLIED


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_success_counts_with_any_2xx(status: int) -> None:
    """No page names a status, so all that mean success do."""
    assert says(" Success", status) is APPLIED


@pytest.mark.parametrize(
    "body",
    [
        b'{"Message":" Success"}',
        b'{"message":"Success"}',
        b'{" Message ":"Success"}',
        b'[{"Message":"Success"}]',
        b'\xef\xbb\xbf{"Message":"Success"}',
        '{"Message":"Success"}'.encode("utf-16"),
        b'{"Message":"Success","Message":"success."}',
        b' \r\n{"Message":"Success","Id":1}\r\n',
    ],
    ids=["as printed", "lower case", "stray blanks", "list", "BOM", "UTF-16", "said twice",
         "blanks around"],
)  # fmt: skip
def test_success_is_read_in_all_its_spellings(body: bytes) -> None:
    """Case, blanks, a list around it and the encodings that the service may choose."""
    assert kind(200, body) is APPLIED


@pytest.mark.parametrize(
    "message",
    ["Unsuccessful", "unsuccess", "success failed", "Success!", "No success", "successfully",
     "Success: false", "successful?", "Your update was not successful", "Success\nOr not",
     "The server was not updated successfully", "Nothing has been saved successfully",
     "No record has been updated successfully", "could not be saved successfully",
     "It failed to be updated successfully", "wasn't updated successfully",
     "never updated successfully", "will be updated successfully", "updated successfully, but",
     "an error, updated successfully", "", "."],
    ids=repr,
)  # fmt: skip
def test_text_that_only_looks_like_success_is_not_applied(message: str) -> None:
    """Texts are never searched for "success": they say it, whole, or they do not."""
    assert says(message) is UNCERTAIN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Success",
        b'"Success"',
        b"<html><title>Success</title>Success</html>",
        b'{"Result":"Success"}',
        b'{"Message":["Success"]}',
        b'{"Message":{"Text":"Success"}}',
        b'{"Message":true}',
        b'[{"Message":"Success"},{"Message":"Success"}]',
        b"[]",
        b"null",
        b'{"Message":"Success"',
        b'{"Message":"Success"}}',
        b"[" * 100_000,
    ],
    ids=["empty", "bare text", "JSON text", "HTML", "another key", "list of texts", "object",
         "true", "two objects", "empty list", "null", "cut off", "too much", "depth"],
)  # fmt: skip
def test_reply_without_a_readable_message_is_uncertain(body: bytes) -> None:
    """A 2xx that does not answer proves nothing, either way."""
    assert kind(200, body) is UNCERTAIN


def test_no_content_is_uncertain() -> None:
    """A 204 says nothing about the record."""
    assert kind(204) is UNCERTAIN


@pytest.mark.parametrize(
    "message", ["The request is invalid.", " The request is invalid.", "Failed", " Failed",
                "Failure.", "ERROR"],
)  # fmt: skip
def test_documented_failure_in_a_2xx_is_rejected(message: str) -> None:
    """The failure texts of the vendor's pages, whatever the status."""
    assert says(message) is REJECTED


def test_model_state_in_a_2xx_is_rejected() -> None:
    """A list of wrong members is a refusal, under whichever message."""
    assert kind(200, {"Message": "Ouch", "ModelState": {"s.SMTPPort": ["An error"]}}) is REJECTED


@pytest.mark.parametrize(
    "body",
    [
        b'{"Message":"Success","message":"The request is invalid."}',
        b'{"Message":"The request is invalid.","Message":"Success"}',
        b'{"Message":"Success","ModelState":{"s.SMTPPort":["An error has occurred."]}}',
        b'{"Message":"Success","ModelState":{}}',
    ],
    ids=["success first", "failure first", "with fields", "with empty fields"],
)
def test_both_verdicts_at_once_are_uncertain(body: bytes) -> None:
    """Whoever says success and failure has said neither."""
    assert kind(200, body) is UNCERTAIN


@pytest.mark.parametrize("status", [200, 400, 403, 422])
@pytest.mark.parametrize(
    "message",
    ["Token has expired.", "Invalid signature", "Token must consist of 3 delimited by dot parts.",
     "Authorization has been denied for this request.", "Unauthorized", "Please log in",
     "Please login again", "Your session has ended"],
)  # fmt: skip
def test_text_about_the_token_is_a_matter_of_access(message: str, status: int) -> None:
    """The texts of the service's token library, however they are wrapped."""
    assert says(message, status) is AUTH


def test_address_that_is_quoted_is_no_text_about_the_token() -> None:
    """The service's 404 quotes the address that was called, and that may end in Login."""
    message = "No HTTP resource was found that matches the request URI 'https://x/Login'."

    assert says(message, 404) is MISCONFIGURED


def test_text_about_the_token_does_not_explain_a_server_error() -> None:
    """From 500 on the record may have been written before anything was said."""
    assert says("Token has expired.", 500) is UNCERTAIN


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (401, b"", AUTH),
        (401, b"<html>", AUTH),
        (403, {"Message": "Forbidden"}, AUTH),
        (403, b"<html>Forbidden</html>", MISCONFIGURED),
    ],
    ids=["401", "401 HTML", "403 JSON", "403 HTML"],
)
def test_denial_is_told_from_a_wall(status: int, body: object, found: OutcomeKind) -> None:
    """A 403 in JSON comes from the service, one in HTML from something before it."""
    assert kind(status, body) is found


@pytest.mark.parametrize(
    "body",
    [
        DOCUMENTED,
        {**DOCUMENTED, "ModelState": {"server.SMTPPort": ["An error has occurred."]}},
        {"Message": "SkillId does not exist"},
        b"<html>Bad Request</html>",
        b"",
    ],
    ids=["documented", "with fields", "own text", "HTML", "empty"],
)
def test_bad_request_is_rejected(body: object) -> None:
    """A 400 means the values, unless it speaks of the token."""
    assert kind(400, body) is REJECTED


@pytest.mark.parametrize("status", [404, 405, 406, 410, 411, 413, 414, 415, 431])
def test_reply_that_every_call_would_meet_is_the_setup_s(status: int) -> None:
    """A wrong address, verb or media type is no fault of the record."""
    assert kind(status, {"Message": "No."}) is MISCONFIGURED


@pytest.mark.parametrize("status", [408, 425])
def test_reply_that_was_not_processed_is_transient(status: int) -> None:
    """The service says itself that it did not look at the call."""
    assert kind(status) is TRANSIENT


def test_kernel_s_503_is_transient() -> None:
    """A stopped pool: the kernel answered, the application never saw the call."""
    assert kind(503, b"<html>", server="Microsoft-HTTPAPI/2.0") is TRANSIENT


def test_too_many_requests_is_throttled() -> None:
    """A 429 asks to slow down, with a time or without."""
    assert kind(429) is THROTTLED
    assert kind(429, retry_after="5") is THROTTLED


@pytest.mark.parametrize("server", ["Microsoft-HTTPAPI/2.0", "Microsoft-IIS/8.5"])
def test_unavailable_with_a_time_is_throttled(server: str) -> None:
    """A 503 that says when to come back asks to slow down."""
    assert kind(503, retry_after="5", server=server) is THROTTLED


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 529, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", {"Message": "An error has occurred."},
                                  {"Message": "Success"}], ids=ascii)  # fmt: skip
def test_server_error_is_uncertain(status: int, body: object) -> None:
    """An exception may follow the write of the record."""
    assert kind(status, body) is UNCERTAIN


@pytest.mark.parametrize("status", [100, 101, 402, 409, 418, 422, 451, 600, 999])
def test_any_other_status_is_uncertain(status: int) -> None:
    """Nothing is guessed."""
    assert kind(status, {"Message": "Success"}) is UNCERTAIN


def test_complained_fields_are_named_as_the_files_name_them() -> None:
    """ModelState names members of the request; the user knows dotted keys."""
    state = {
        "server.SMTPPort": ["x"],
        "server.smtpport": ["x"],
        "Pop3UserName": ["x"],
        "server.OrgId": ["x"],
        "server.Token": ["x"],
        "": ["x"],
    }

    outcome = read_reply(Reply(400, {}, json.dumps({**DOCUMENTED, "ModelState": state}).encode()))

    assert outcome.fields == ("smtp.port", "pop3.username", "organization")
    assert outcome.detail == (
        "ICE rejected the call: smtp.port, pop3.username, organization (HTTP 400)"
    )


@pytest.mark.parametrize("state", [None, [], "x", {}], ids=repr)
def test_odd_model_state_names_no_field(state: object) -> None:
    """A ModelState of another shape still refuses, and names nothing."""
    outcome = read_reply(Reply(200, {}, json.dumps({"ModelState": state}).encode()))

    assert (outcome.kind, outcome.fields) == (REJECTED, ())


def test_wait_of_the_reply_is_kept() -> None:
    """How long the service asks to wait goes with the outcome."""
    assert read_reply(Reply(429, {}, b"", 7.5)).retry_after_s == 7.5


def test_detail_never_quotes_the_reply() -> None:
    """A reply may echo the request, and that holds passwords."""
    outcome = read_reply(Reply(400, {}, b'{"Message":"bad password hunter2"}'))

    assert outcome.detail.startswith("ICE rejected the call: invalid value, invalid token")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(200), "the reply is not an answer of ICE: it is empty (HTTP 200)"),
        (
            Reply(200, {}, b" <html>"),
            "the reply is not an answer of ICE: an HTML page instead of JSON (HTTP 200)",
        ),
        (Reply(200, {}, b"Success"), "the reply is not an answer of ICE: not JSON (HTTP 200)"),
        (
            Reply(200, {}, b'{"Id":1}'),
            "the reply is not an answer of ICE: JSON without a message (HTTP 200)",
        ),
        (
            Reply(200, {}, b'{"Message":"hunter2"}'),
            (
                "the reply is not an answer of ICE: "
                "its message says neither success nor failure (HTTP 200)"
            ),
        ),
        (
            Reply(403, {}, b"<h2>hunter2</h2>"),
            (
                "this URL does not accept the call: "
                "a proxy in front of ICE blocks this machine (HTTP 403)"
            ),
        ),
        (
            Reply(415, {}, b'{"Message":"hunter2"}'),
            "this URL does not accept the call: the server there does not accept JSON (HTTP 415)",
        ),
    ],
    ids=["empty", "page", "text", "no message", "odd message", "firewall", "media type"],
)
def test_detail_tells_what_came(reply: Reply, told: str) -> None:
    """Who reads it at night sees where to look, and never the reply itself."""
    assert read_reply(reply).detail == told


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            "https://user:hunter2@Login.example:8443/hunter2?q=hunter2#x",
            ": it points to login.example (",
        ),
        ("//[fe80::1]/x", ": it points to fe80::1 ("),
        ("/ICEAPI/Login.aspx?hunter2", "passwords ("),
        ("https://hunter2\u202e.example/", "passwords ("),
        ("https://[hunter2", "passwords ("),
        ("", "passwords ("),
    ],
)
def test_redirect_tells_its_host_and_nothing_else(location: str, told: str) -> None:
    """Where a redirect leads says who stands in the way; its path may repeat anything."""
    detail = read_reply(Reply(307, {"location": location})).detail

    assert told in detail
    assert "hunter2" not in detail


def test_applied_needs_no_words() -> None:
    """Success is the one outcome without a detail."""
    assert read_reply(Reply(200, {}, b'{"Message":" Success"}')).detail == ""


def test_last_of_two_keys_wins() -> None:
    """As the service's own reader has it."""
    assert read_object(b'{"A":1,"a ":2}') == {"a": 2}


@pytest.mark.parametrize("message", [None, 5, ["Success"], {}], ids=repr)
def test_message_that_is_no_text_is_none(message: object) -> None:
    """Only a text is a message."""
    assert read_message({"message": message}) is None


def test_rules_have_names_of_their_own() -> None:
    """Each row can be spoken of."""
    assert len({rule.id for rule in REPLY_RULES}) == len(REPLY_RULES)


MESSAGES = st.sampled_from(
    ["Success", " Success", "Unsuccessful", "success failed", "The request is invalid.",
     "Token has expired.", "x has been updated successfully.", "not updated successfully", ""]
) | st.text(max_size=30)  # fmt: skip
KEYS = st.sampled_from(["Message", "message", " Message", "ModelState", "Token", "x"])
VALUES = MESSAGES | st.none() | st.integers() | st.floats() | st.lists(MESSAGES, max_size=2)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)
DOCUMENTS = OBJECTS | st.lists(OBJECTS, max_size=2) | VALUES
BODIES = st.binary(max_size=200) | st.builds(
    lambda document, encoding: json.dumps(document).encode(encoding),
    DOCUMENTS,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
EXPLICIT = re.compile(r"success(ful)?|[\w ]*(added|updated|saved) successfully")


@given(
    st.integers(0, 1000),
    st.dictionaries(
        st.sampled_from(["server", "retry-after", "content-type"]) | st.text(max_size=10),
        st.text(max_size=20),
        max_size=3,
    ),
    BODIES,
)
def test_any_reply_has_an_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    """Reading never raises, and applied is only what a 2xx says in explicit words."""
    outcome = read_reply(Reply(status, headers, body))

    if outcome.kind is APPLIED:
        document: Any = read_object(body)
        assert 200 <= status < 300
        assert EXPLICIT.fullmatch(document["message"].strip().casefold().rstrip("."))


@given(st.text(max_size=40), st.text(max_size=40))
def test_success_inside_of_a_text_is_not_applied(before: str, after: str) -> None:
    """Whatever stands around the word, it is not the word alone."""
    message = f"{before}success{after}"

    outcome = read_reply(Reply(200, {}, json.dumps({"Message": message}).encode()))

    if outcome.kind is APPLIED:
        assert message.strip().casefold().rstrip(".") in {"success", "successful"}
