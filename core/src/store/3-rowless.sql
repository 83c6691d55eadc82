-- Migration 3: sealed payloads that left no message row (receipts, empty messages): a second copy, as out of the archive, is known.
CREATE TABLE rowless (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL,                     -- bare JID
  digest BLOB NOT NULL,                     -- SHA-256 of the payload, as in message
  UNIQUE (digest, sender)
) STRICT;
