-- The store of one account: one SQLCipher file. All times are milliseconds since 1970-01-01 UTC.
-- This file is migration 1; later ones are files of their own, listed in open.rs, never edited.

-- The account itself: exactly one row.
CREATE TABLE account (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  jid TEXT NOT NULL,                        -- bare JID
  password TEXT NOT NULL,                   -- as typed or generated; sealed by the file's encryption
  host TEXT,                                -- given by a person instead of DNS
  port INTEGER,                             -- likewise
  tls TEXT NOT NULL,                        -- auto, direct, starttls
  ca TEXT,                                  -- PEM of the only authorities to trust
  user_agent TEXT NOT NULL,                 -- stable random UUID of this installation (XEP-0388)
  wanted INTEGER NOT NULL,                  -- 1: a person wants it online
  device INTEGER NOT NULL,                  -- our OMEMO device id
  identity BLOB NOT NULL,                   -- Ed25519 seed of our identity key
  created INTEGER NOT NULL,                 -- when it was added here
  published INTEGER NOT NULL,               -- 1 once our OMEMO lists and bundles were first on the server
  pre_keys INTEGER NOT NULL,                -- one-time pre-keys made so far: the last id given out, never given again
  stream INTEGER NOT NULL,                  -- counts streams; a resumed one keeps its number
  unclean INTEGER NOT NULL                  -- 1 while a brain runs; found 1 at start, the last end was a crash
) STRICT;

-- How the connection stands, so that every process and screen can read it: exactly one row.
CREATE TABLE connection (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  state INTEGER NOT NULL,                   -- model::State
  proof TEXT,                               -- proved, pinned, first_use
  archive INTEGER,                          -- 1 if the server archives, null while unknown
  resumable INTEGER,                        -- 1 if the stream can be resumed
  error TEXT,                               -- kind of the last failure
  caught_up INTEGER NOT NULL,               -- 1 once the archive was read to its end on this stream
  caught INTEGER NOT NULL,                  -- archived messages handled in this catch-up
  full_jid TEXT,                            -- what the server bound
  sid INTEGER NOT NULL DEFAULT 0            -- 1: the server vouches for stanza ids (XEP-0359)
) STRICT;

-- Archives that we read (XEP-0313): our own; later one a room.
CREATE TABLE archive (
  jid TEXT PRIMARY KEY,                     -- whose archive
  cursor TEXT,                              -- newest archive id handled; null: nothing yet
  newest INTEGER NOT NULL,                  -- time of that message; where to go on if the cursor was purged
  complete INTEGER NOT NULL                 -- the stream on which it was read to its end; negative: on which it did not answer; 0 never
) STRICT;

-- People (RFC 6121 roster, and strangers who asked).
CREATE TABLE contact (
  jid TEXT PRIMARY KEY,
  name TEXT,                                -- given by a person, kept only here
  subscription TEXT NOT NULL,               -- none, to, from, both
  asked INTEGER NOT NULL,                   -- our request is pending
  requests INTEGER NOT NULL,                -- their request is pending
  rostered INTEGER NOT NULL,                -- in the server's roster
  blocked INTEGER NOT NULL                  -- XEP-0191
) STRICT;

-- Resources online, of the current stream only.
CREATE TABLE presence (
  jid TEXT PRIMARY KEY,                     -- full JID
  bare TEXT NOT NULL,
  stream INTEGER NOT NULL
) STRICT;

CREATE TABLE chat (
  jid TEXT PRIMARY KEY,                     -- the other side's bare JID
  unread INTEGER NOT NULL,
  last INTEGER NOT NULL,                    -- position of the newest row, orders the chat list
  plain_allowed INTEGER NOT NULL,           -- a person allowed plain text here
  sealed INTEGER NOT NULL                   -- highest model::Sealing seen in this chat
) STRICT;
CREATE INDEX chat_by_last ON chat (last);

CREATE TABLE message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- the local id
  chat TEXT NOT NULL,
  position INTEGER NOT NULL,                -- order within the store: archive order, else arrival
  own INTEGER NOT NULL,                     -- 1: ours, from whichever own device
  sender TEXT NOT NULL,                     -- bare JID
  origin_id TEXT,                           -- XEP-0359, or the stanza's id
  stanza_id TEXT,                           -- our archive's id
  body TEXT,                                -- null if unreadable
  sealed INTEGER NOT NULL,                  -- model::Sealing
  device INTEGER,                           -- OMEMO device that wrote it
  identity BLOB,                            -- its identity key (Montgomery form) then
  trust INTEGER,                            -- model::Trust in it then
  sent INTEGER NOT NULL,                    -- when the sender says, or the archive
  arrived INTEGER NOT NULL,                 -- when we handled it
  state INTEGER,                            -- model::Delivery, if written on this device
  reached INTEGER,                          -- devices it was encrypted to
  known INTEGER,                            -- devices known then
  error TEXT,                               -- kind of failure, or why it waits
  reason TEXT,                              -- why it cannot be read
  digest BLOB NOT NULL,                     -- SHA-256 of the payload: the same id with another payload is another message
  reply_to INTEGER,                         -- the message that it answers
  waiting INTEGER NOT NULL                  -- 1 while the pump has still to encrypt it
) STRICT;
CREATE INDEX message_by_chat ON message (chat, position);
CREATE INDEX message_by_origin ON message (origin_id, sender) WHERE origin_id IS NOT NULL;
CREATE INDEX message_by_stanza ON message (stanza_id) WHERE stanza_id IS NOT NULL;
CREATE INDEX message_by_digest ON message (digest);
CREATE INDEX message_waiting ON message (position) WHERE waiting = 1;

-- Words of readable messages, for search. Content lives in `message`; new rows are added at the end of their transaction
-- (`Tx::index_words`, to be called before a body changes).
CREATE VIRTUAL TABLE words USING fts5 (body, content = 'message', content_rowid = 'id', tokenize = 'unicode61');
CREATE TRIGGER words_gone AFTER DELETE ON message WHEN old.body IS NOT NULL BEGIN
  INSERT INTO words (words, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER words_changed AFTER UPDATE OF body ON message BEGIN
  INSERT INTO words (words, rowid, body) SELECT 'delete', old.id, old.body WHERE old.body IS NOT NULL;
  INSERT INTO words (rowid, body) SELECT new.id, new.body WHERE new.body IS NOT NULL;
END;

-- Finished stanzas on their way to the server, in order. A row goes when the server acknowledged it.
CREATE TABLE outgoing (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- the token on the wire
  fate INTEGER NOT NULL,                    -- 0 dies with the stream, 1 goes again on a new one, 2 a message: only after catch-up
  message INTEGER,                          -- whose bytes these are
  stream INTEGER NOT NULL,                  -- the stream it was handed on; 0 not yet
  bytes BLOB NOT NULL,
  devices TEXT NOT NULL                     -- JSON [[jid, device], …] it was encrypted to
) STRICT;
CREATE INDEX outgoing_by_message ON outgoing (message) WHERE message IS NOT NULL;

-- What we want from others: asked for at `due`, asked again until answered. No request lives in memory.
CREATE TABLE want (
  kind TEXT NOT NULL,                       -- engine::want::Kind
  jid TEXT NOT NULL,                        -- whom it is about; '' the own account
  arg TEXT NOT NULL,                        -- device id, version, text; '' none
  target TEXT NOT NULL,                     -- the JID asked; '' our own server account
  due INTEGER NOT NULL,                     -- when to ask (again)
  tries INTEGER NOT NULL,
  iq TEXT,                                  -- id of the question under way
  stream INTEGER NOT NULL,                  -- stream it was asked on; 0 not asked
  PRIMARY KEY (kind, jid, arg)
) STRICT;
CREATE UNIQUE INDEX want_by_iq ON want (iq) WHERE iq IS NOT NULL;

-- Live messages that wait for the end of catch-up, and stanzas that could not be handled.
CREATE TABLE inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  raw TEXT NOT NULL,                        -- the stanza
  arrived INTEGER NOT NULL,
  poison INTEGER NOT NULL                   -- 1: it crashed us twice; tried again after an update
) STRICT;

-- After an unclean end: the stanza being handled. Met again, it is poison.
CREATE TABLE suspect (
  digest BLOB PRIMARY KEY,
  times INTEGER NOT NULL
) STRICT;

-- OMEMO devices, ours and theirs.
CREATE TABLE device (
  jid TEXT NOT NULL,
  device INTEGER NOT NULL,
  identity BLOB,                            -- Montgomery form of the identity key, 32 bytes; null until seen
  signing BLOB,                             -- Ed25519 form, where version 2 showed it
  trust INTEGER NOT NULL,                   -- model::Trust
  listed03 INTEGER NOT NULL,                -- 1: in the current list of version 0.3
  listed2 INTEGER NOT NULL,                 -- 1: in the current list of version 2
  ever2 INTEGER NOT NULL,                   -- 1: was once seen with version 2: never silently served 0.3
  heard INTEGER NOT NULL,                   -- when we last read something from it
  healed INTEGER NOT NULL,                  -- when its session was last rebuilt by us
  PRIMARY KEY (jid, device)
) STRICT;

-- Whether a device list was read, and on which stream it was confirmed.
CREATE TABLE device_list (
  jid TEXT NOT NULL,
  version INTEGER NOT NULL,                 -- 3: 0.3, 2: 2
  stream INTEGER NOT NULL,                  -- stream on which it was last confirmed
  first INTEGER NOT NULL,                   -- when it was first read complete; later devices are not `first_use` by that
  PRIMARY KEY (jid, version)
) STRICT;

-- Double ratchet sessions. The one used last is current; a few older ones stay to read late messages.
CREATE TABLE session (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  jid TEXT NOT NULL,
  device INTEGER NOT NULL,
  version INTEGER NOT NULL,
  used INTEGER NOT NULL,                    -- grows with each use
  state BLOB NOT NULL                       -- as the omemo crate wrote it
) STRICT;
CREATE INDEX session_by_device ON session (jid, device, version, used);

-- Message keys of skipped messages; the oldest go first.
CREATE TABLE skipped (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  ratchet_key BLOB NOT NULL,
  n INTEGER NOT NULL,
  message_key BLOB NOT NULL,
  UNIQUE (session, ratchet_key, n)
) STRICT;

-- Our one-time pre-keys.
CREATE TABLE pre_key (
  version INTEGER NOT NULL,
  id INTEGER NOT NULL,
  pair BLOB NOT NULL,
  used INTEGER NOT NULL,                    -- when it was used; 0 not; deleted once no catch-up runs
  PRIMARY KEY (version, id)
) STRICT;

-- Our signed pre-keys; the newest is published, older ones are honoured for a while.
CREATE TABLE signed_pre_key (
  version INTEGER NOT NULL,
  id INTEGER NOT NULL,
  pair BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (version, id)
) STRICT;

-- What happened, in the order of commits, for whoever listens; the oldest rows are trimmed.
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,                       -- connection, message, delivery, device, unreadable
  message INTEGER,                          -- the row it is about
  jid TEXT,
  device INTEGER,
  data TEXT NOT NULL                        -- JSON of the small rest
) STRICT;

-- Things dropped, by reason.
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT;
