"""The tables of the archive, and the questions that it asks them."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADD_COLUMNS",
    "DROP_SERVER",
    "GET_ADDRESS",
    "GET_CALLS",
    "GET_SERVER",
    "GET_SERVERS",
    "PREPARE",
    "PUT_CALL",
    "PUT_KNOWN",
    "PUT_SERVER",
]

PREPARE: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS revoked (token TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS server (
  org INTEGER NOT NULL, skill INTEGER NOT NULL, document TEXT NOT NULL,
  revision INTEGER NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY (org, skill)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  status INTEGER NOT NULL, outcome TEXT NOT NULL, org INTEGER, skill INTEGER, request TEXT,
  errors TEXT NOT NULL, ignored TEXT NOT NULL, conflicts TEXT NOT NULL,
  digest TEXT, revision INTEGER
);
"""
ADD_COLUMNS: Final = {
    "ended_at": "ALTER TABLE call ADD COLUMN ended_at TEXT",
    "fault": "ALTER TABLE call ADD COLUMN fault TEXT",
    "overlaps": "ALTER TABLE call ADD COLUMN overlaps TEXT NOT NULL DEFAULT '[]'",
}
"""Columns that an archive of before does not have yet."""

PUT_SERVER: Final = """
INSERT INTO server (org, skill, document, revision, updated_at) VALUES (?, ?, ?, 1, ?)
ON CONFLICT (org, skill) DO UPDATE
SET document = excluded.document, revision = revision + 1, updated_at = excluded.updated_at
RETURNING revision
"""
PUT_KNOWN: Final = """
INSERT OR IGNORE INTO server (org, skill, document, revision, updated_at) VALUES (?, ?, ?, 0, ?)
"""
PUT_CALL: Final = """
INSERT INTO call (at, method, path, status, outcome, org, skill, request, errors, ignored,
  conflicts, ended_at, fault, overlaps, digest, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
GET_SERVERS: Final = """
SELECT org, skill, document, revision, updated_at FROM server
WHERE (org, skill) > (?, ?) ORDER BY org, skill LIMIT ?
"""
GET_SERVER: Final = """
SELECT org, skill, document, revision, updated_at FROM server WHERE org = ? AND skill = ?
"""
GET_ADDRESS: Final = """
SELECT org, skill FROM server WHERE json_extract(document, ?) = ? ORDER BY org, skill LIMIT 1
"""
DROP_SERVER: Final = "DELETE FROM server WHERE org = ? AND skill = ?"
GET_CALLS: Final = """
SELECT at, method, path, status, outcome, org, skill, request, errors, ignored, conflicts,
  ended_at, fault, overlaps, digest, revision, id FROM call WHERE id < ? ORDER BY id DESC LIMIT ?
"""
