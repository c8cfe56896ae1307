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
        what="A file that a pattern under `files:` matches does not exist any more, may not be "
        "read, is a folder, or is a link that leads nowhere; or the patterns match no file at all.",
        why="A desired state with a part missing would read as: these servers left the files.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE002",
        "a file is not UTF-8",
        what="The bytes of a file are not UTF-8.",
        why="Guessing an encoding would send another name or user name than the one in the file.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE003",
        "a control, bidi or invisible character",
        what="A file holds a character that is not seen, or one that changes the order in which "
        "the others are seen. Comments count too.",
        why="A reviewer would read something else than what is sent.",
        before='name: "Support\\u202eUE"\n',
        after="name: Support EU\n",
        source="Unicode Technical Report 36",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE004",
        "a file is too large, too deep or expands too far",
        what="A file passes a limit: 2 MiB, 32 levels, 100,000 values, or aliases that expand to "
        "many more values than are written.",
        why="A small file could fill the memory of the pipeline that reads it.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE005",
        "merge-conflict markers",
        what="A line starts with the markers that git leaves at a conflict.",
        why="Both sides of the conflict stand in the file; only one of them is meant.",
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
        what="The YAML parser refuses the file: a quote or a bracket that is left open, a tab, an "
        "indentation that does not fit.",
        why="Nothing of the file can be trusted, so nothing of it is used.",
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
        why="It may be the rest of an edit that went wrong; its servers would be in no file.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE008",
        "a file outside of the configuration's folder",
        what="A pattern or a symbolic link leads out of the folder of icesync.yaml.",
        why="What is sent must be what was reviewed, and a review sees the repository only.",
        before='files: ["../elsewhere/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE009",
        "a YAML feature that configuration must not use",
        what="A file uses a tag, a merge key `<<`, a second document, or a key that is not a word.",
        why="These build objects, or mean one thing to one parser and another to the next. "
        "`defaults:` and `_defaults.yaml` do what merge keys are used for.",
        before="spoofing: {<<: {enabled: true}, address: desk@example.org}\n",
        after="spoofing: {enabled: true, address: desk@example.org}\n",
        source="yaml.org/spec/1.2.2",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE010",
        "a mapping, a list or a single value where another is expected",
        what="A key holds another shape than it can hold.",
        why="There is no way to tell what was meant.",
        before="smtp: smtp.example.org\n",
        after="smtp: {host: smtp.example.org}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE011",
        "an unsupported format version",
        what="`version:` names a format that this icesync does not know.",
        why="A newer format may mean something else by the same words.",
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
        why="A renamed folder takes every server in it out of all files.",
        before='files: ["servers/**/*.yaml", "server/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
    )
)
declare(
    Rule(
        "ICE013",
        "a value that does not fit its type",
        what="A number is quoted, a flag is no true or false, a text is empty.",
        why="The service binds values by rules of its own; what it would make of this one is "
        "not what the file says.",
        before='smtp: {port: "587"}\n',
        after="smtp: {port: 587}\n",
        source="observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE014",
        "a comment to icesync that cannot be read",
        Severity.WARNING,
        what="A comment `# icesync: ...` names no rule, an unknown rule, a rule that cannot be "
        "suppressed, or no reason.",
        why="It suppresses nothing, though its author thinks so; and whoever reads it in a year "
        "wants to know why.",
        before="name: Desk  # icesync: allow ICE309\n",
        after="name: Desk\n",
    )
)
declare(
    Rule(
        "ICE015",
        "a suppression that is not used",
        Severity.WARNING,
        what="A comment `# icesync: allow RULE reason` stands where the rule does not fire.",
        why="What it suppressed is gone, or it is at the wrong place; left there, it would "
        "hide the next mistake.",
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
        why="Half of an import would look like a whole one.",
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
        why="What somebody reviewed is never overwritten by what was exported some time ago.",
        suppressible=False,
        offline=False,
    )
)
