-- Migration 9: rooms (XEP-0045).

-- Rooms that we are in, were in, or were invited to.
CREATE TABLE room (
  jid TEXT PRIMARY KEY,
  nick TEXT NOT NULL,                       -- what we are called there, or try to be
  wanted INTEGER NOT NULL,                  -- 1: joined again on every stream
  state INTEGER NOT NULL,                   -- model::RoomState
  reason TEXT,                              -- kind of failure that it stands at
  stream INTEGER NOT NULL,                  -- stream on which we are inside; 0 not
  making INTEGER NOT NULL,                  -- 1: to be made by us; 2: made, its configuration is not settled; 0 no
  asked INTEGER NOT NULL,                   -- 1: a person asked to join; 0: a bookmark did, so that it must be private
  flaws TEXT NOT NULL,                      -- what its configuration lacks of a private room, words apart by spaces
  accepted TEXT NOT NULL,                   -- flaws with which a person agreed to go on
  archive INTEGER NOT NULL,                 -- 1: it keeps an archive (XEP-0313) with ids that can be relied on
  named INTEGER NOT NULL,                   -- 1: it gives its occupants ids that last (XEP-0421)
  since INTEGER NOT NULL,                   -- when we were made a member, as far as known; 0 unknown
  inviter TEXT,                             -- bare JID
  bookmarked INTEGER NOT NULL               -- 1: our bookmarks on the server have it
) STRICT;

-- Who is in a room, on the stream on which we are inside.
CREATE TABLE occupant (
  room TEXT NOT NULL,
  nick TEXT NOT NULL,
  jid TEXT,                                 -- bare JID as the room says
  resources TEXT NOT NULL,                  -- full JIDs as the room said last: another one may be a new device
  affiliation TEXT NOT NULL,
  PRIMARY KEY (room, nick)
) STRICT;

-- Who belongs to a room: owners, admins and members, in it or not.
CREATE TABLE member (
  room TEXT NOT NULL,
  jid TEXT NOT NULL,                        -- bare JID
  affiliation TEXT NOT NULL,                -- owner, admin, member
  occupant TEXT,                            -- what the room calls them for good (XEP-0421)
  keyless INTEGER NOT NULL,                 -- 1: told that there is no key of theirs to encrypt to
  PRIMARY KEY (room, jid)
) STRICT;
CREATE INDEX member_by_jid ON member (jid);

-- Sealed messages that a room has not sent back yet: they go again after its archive was read, if it does not have them.
CREATE TABLE unreflected (
  message INTEGER PRIMARY KEY,
  room TEXT NOT NULL,
  bytes BLOB NOT NULL,
  devices TEXT NOT NULL,                    -- as in outgoing
  joined INTEGER NOT NULL                   -- 1: handed over since we are inside; 0: before, so its fate is open
) STRICT;

-- A room's live messages wait for its own archive: their room; '' our own archive.
ALTER TABLE inbox ADD COLUMN room TEXT NOT NULL DEFAULT '';
