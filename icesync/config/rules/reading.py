"""
ICE001 to ICE017: files that cannot be read as they are meant, suppressions and imports.

Their checks are the reader itself: `config.yaml`, `config.discover`, `config.suppressions`
and the import refuse what breaks them by the ids below.
"""

from __future__ import annotations

from icesync.config.rules.base import declare
from icesync.diagnostics import Rule, Severity

declare(
    Rule(
        "ICE001",
        "a file cannot be read",
        what="A file that a pattern under `files:` matches no longer exists, is not "
        "readable, is a folder or a broken link; or the patterns match no file at "
        "all.",
        why="Without this file, its servers would look removed.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE002",
        "a file is not UTF-8",
        what="A file is not valid UTF-8.",
        why="If the encoding were guessed, wrong names and user names could be sent.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE003",
        "a control, bidi or invisible character",
        what="A file contains an invisible character, or one that changes the displayed "
        "order of others. Comments are checked, too.",
        why="A reviewer would see something other than what is sent.",
        before='name: "Support\\u202eUE"\n',
        after="name: Support EU\n",
        source="Unicode Technical Report 36",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE004",
        "a file is too large, too deeply nested or expands too far",
        what="A file exceeds a limit: 2 MiB, 32 levels, 100,000 values, or aliases that "
        "expand to too many values.",
        why="A small file could exhaust the memory of the pipeline.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE005",
        "merge-conflict markers",
        what="A line starts with git's conflict markers.",
        why="The file contains both sides of a merge conflict.",
        before="version: 1\norganization: 59\n<<<<<<< HEAD\nservers: []\n=======\n"
        "removed: []\n>>>>>>> branch\n",
        after="version: 1\norganization: 59\nservers: []\n",
        source="git",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE006",
        "not valid YAML",
        what="The YAML parser rejects the file: an unclosed quote or bracket, a tab, a "
        "wrong indentation.",
        why="No part of an invalid file is used.",
        before="name: [Support EU\n",
        after="name: Support EU\n",
        source="yaml.org/spec",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE007",
        "an empty file",
        what="A file that a pattern matches is empty, or holds only comments.",
        why="It may be the result of a failed edit; its servers would be in no file.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE008",
        "a file outside the configuration's folder",
        what="A pattern or a symbolic link points outside the folder of icesync.yaml.",
        why="Only what was reviewed may be sent, and a review covers only the repository.",
        before='files: ["../elsewhere/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE009",
        "a YAML feature that is not allowed",
        what="A file uses a tag, a merge key `<<`, a second document, or a key that is "
        "not plain text.",
        why="Parsers disagree about these features, or build objects from them. Use "
        "`defaults:` and `_defaults.yaml` instead of merge keys.",
        before="spoofing: {<<: {enabled: true}, address: desk@example.org}\n",
        after="spoofing: {enabled: true, address: desk@example.org}\n",
        source="yaml.org/spec/1.2.2",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE010",
        "a mapping, a list or a value of the wrong kind",
        what="A key has a mapping, a list or a single value where another kind is expected.",
        why="It is not clear what was intended.",
        before="smtp: smtp.example.org\n",
        after="smtp: {host: smtp.example.org}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE011",
        "an unsupported format version",
        what="`version:` names a format that this version of icesync does not support.",
        why="A newer format may use the same keys with another meaning.",
        before="version: 2\norganization: 59\n",
        after="version: 1\norganization: 59\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE012",
        "a pattern that matches no file",
        Severity.WARNING,
        what="A pattern under `files:` matches nothing.",
        why="If a folder was renamed, all its servers would look removed.",
        before='files: ["servers/**/*.yaml", "server/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
    )
)
declare(
    Rule(
        "ICE013",
        "a value of the wrong type",
        what="A number is quoted, a flag is not true or false, or a text is empty.",
        why="ICE converts values by its own rules; the result would not be what the file says.",
        before='smtp: {port: "587"}\n',
        after="smtp: {port: 587}\n",
        source="observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE014",
        "an invalid suppression",
        Severity.WARNING,
        what="A comment `# icesync: ...` has no rule, an unknown rule, a rule that cannot "
        "be suppressed, or no reason.",
        why="It suppresses nothing, although its author expects it to. The reason tells "
        "later readers why.",
        before="name: Desk  # icesync: allow ICE309\n",
        after="name: Desk\n",
    )
)
declare(
    Rule(
        "ICE015",
        "an unused suppression",
        Severity.WARNING,
        what="A comment `# icesync: allow RULE reason` is at a place where the rule is "
        "not reported.",
        why="The problem is fixed, or the comment is at the wrong place. It would hide a "
        "later mistake.",
        before="name: Desk  # icesync: allow ICE309 the provider has no other port\n",
        after="name: Desk\n",
    )
)
declare(
    Rule(
        "ICE016",
        "an import that cannot be read",
        what="A file given to `icesync import` is not a spreadsheet, CSV or JSON of email "
        "servers, or one of its rows or records cannot be read.",
        why="A partial import would look like a complete one.",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE017",
        "an import of something that exists already",
        what="An imported server was removed or moved away, is known to the state, or is in a "
        "file that cannot be changed in place.",
        why="An old export must not overwrite reviewed files.",
        suppressible=False,
        offline=False,
    )
)
