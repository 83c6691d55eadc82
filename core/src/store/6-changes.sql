-- What became of messages after they were said: corrected, taken back, reacted to, displayed (XEP-0308, 0424, 0444, 0333).

ALTER TABLE message ADD COLUMN edited INTEGER;                        -- when its text was last corrected
ALTER TABLE message ADD COLUMN edited_by INTEGER;                     -- the OMEMO device that did
ALTER TABLE message ADD COLUMN retracted INTEGER;                     -- when it was taken back; its text is gone
ALTER TABLE message ADD COLUMN stand_in INTEGER NOT NULL DEFAULT 0;   -- 1: only a correction of it came so far
ALTER TABLE message ADD COLUMN claimed INTEGER;                       -- when its sender says, where the servers' time disagrees
ALTER TABLE message ADD COLUMN markable INTEGER NOT NULL DEFAULT 0;   -- 1: its sender asks to be told once it is displayed
ALTER TABLE chat ADD COLUMN extras_allowed INTEGER NOT NULL DEFAULT 0;  -- a person allowed in clear here what 0.3 cannot seal
ALTER TABLE chat ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;        -- position of the newest message told as displayed
ALTER TABLE account ADD COLUMN markers INTEGER NOT NULL DEFAULT 1;    -- 1: others are told what was displayed

-- Texts that a message had before, and the ids under which its corrections came: somebody may name it by one of those.
CREATE TABLE revision (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  origin_id TEXT,                           -- the id of the correction that took this text's place
  body TEXT,                                -- the text before; null once the message was taken back
  made INTEGER NOT NULL                     -- when that correction was made
) STRICT;
CREATE INDEX revision_by_message ON revision (message);
CREATE INDEX revision_by_origin ON revision (origin_id) WHERE origin_id IS NOT NULL;

-- What each person thinks of a message now.
CREATE TABLE reaction (
  message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  sender TEXT NOT NULL,                     -- bare JID
  emojis TEXT NOT NULL,                     -- JSON list; empty: taken back
  made INTEGER NOT NULL,                    -- when: an older one that comes late changes nothing
  PRIMARY KEY (message, sender)
) STRICT;

-- Changes to messages that did not come yet; the oldest go first.
CREATE TABLE early (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat TEXT NOT NULL,
  target TEXT NOT NULL,                     -- the id that it names
  sender TEXT NOT NULL,                     -- bare JID
  emojis TEXT,                              -- JSON list of a reaction; null: the message is taken back
  sealed INTEGER NOT NULL,                  -- model::Sealing of the change
  made INTEGER NOT NULL
) STRICT;
CREATE INDEX early_by_target ON early (chat, target);
