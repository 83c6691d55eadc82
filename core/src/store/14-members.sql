-- Who of a room's members may read along: those of the first contact, those whom a person here asked in or admitted, and
-- those whom somebody spoke for whose key counts.

ALTER TABLE room ADD COLUMN met INTEGER NOT NULL DEFAULT 0;          -- 1: its first lists of members came; who is on one later is new
UPDATE room SET met = 1 WHERE EXISTS (SELECT 1 FROM member m WHERE m.room = room.jid);
ALTER TABLE room ADD COLUMN resumed INTEGER NOT NULL DEFAULT 0;      -- when it was private again after a halt; 0: it never halted

ALTER TABLE member ADD COLUMN admission INTEGER NOT NULL DEFAULT 1;  -- model::Admission
ALTER TABLE member ADD COLUMN since INTEGER NOT NULL DEFAULT 0;      -- since when they are admitted
ALTER TABLE member ADD COLUMN due INTEGER NOT NULL DEFAULT 0;        -- when an alarm is due; 1: as soon as it can be raised; 0: none is
ALTER TABLE member ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;    -- 1: on no list that came so far, others are still to come

-- What devices said, sealed, of whom they asked into a room: kept until the room says so too, or until the device counts.
CREATE TABLE member_word (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  room TEXT NOT NULL,
  jid TEXT NOT NULL,                        -- of whom
  speaker TEXT NOT NULL,                    -- bare JID
  identity BLOB NOT NULL,                   -- Montgomery form of the speaking device's key
  UNIQUE (room, jid, speaker, identity)
) STRICT;

-- About which room's member an alarm is; null: about none.
ALTER TABLE alarm ADD COLUMN room TEXT;
