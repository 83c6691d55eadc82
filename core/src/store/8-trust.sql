-- Who may read along: first contact, quarantine, words on keys, alarms, and what others were told of our own list.

-- People whose devices were met. A device that appears from then on is not of the first contact.
CREATE TABLE acquaintance (
  jid TEXT PRIMARY KEY,
  since INTEGER NOT NULL                    -- when the first contact was complete
) STRICT;
INSERT INTO acquaintance (jid, since)
  SELECT l.jid, max(l.first) FROM device_list l
  WHERE l.jid IN (SELECT jid FROM account) OR EXISTS (SELECT 1 FROM device d WHERE d.jid = l.jid) GROUP BY l.jid;

ALTER TABLE device ADD COLUMN since INTEGER NOT NULL DEFAULT 0;   -- since when it is listed with the key it has
ALTER TABLE device ADD COLUMN due INTEGER NOT NULL DEFAULT 0;     -- 1: an alarm is due, unless a word on its key comes first
ALTER TABLE device ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;    -- when it went from the last list; 0: it is listed, or its sessions ended
CREATE INDEX device_due ON device (jid) WHERE due = 1;
CREATE INDEX device_gone ON device (gone) WHERE gone != 0;

-- What was said of keys, by a person here or by devices that count: it outlives the device, and may come before it.
CREATE TABLE word (
  jid TEXT NOT NULL,                        -- the key's owner
  key BLOB NOT NULL,                        -- as it was said: Ed25519 or Montgomery form, 32 bytes
  other BLOB,                               -- the Montgomery form, if the other one can be meant
  trust INTEGER NOT NULL,                   -- model::Trust: vouched, verified, distrusted
  said INTEGER NOT NULL,                    -- when, by the speaker's clock
  PRIMARY KEY (jid, key)
) STRICT;

-- Words of devices that do not count yet (XEP-0450): kept until they do.
CREATE TABLE hearsay (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sender TEXT NOT NULL,
  identity BLOB NOT NULL,                   -- Montgomery form of the speaking device's key
  jid TEXT NOT NULL,                        -- the owner of the key spoken of
  key BLOB NOT NULL,
  trusts INTEGER NOT NULL,                  -- 1: to be trusted, 0: to be distrusted
  said INTEGER NOT NULL,
  UNIQUE (sender, identity, jid, key)
) STRICT;

-- What a person has to know of, and what they said to it.
CREATE TABLE alarm (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  what TEXT NOT NULL,                       -- engine::trust::alarms::What
  jid TEXT NOT NULL,                        -- whose devices it is about
  device INTEGER,                           -- which one, if it is one
  fingerprint TEXT NOT NULL,                -- its key, where known
  raised INTEGER NOT NULL,
  answer TEXT                               -- accepted, rejected, dismissed, settled; null while open
) STRICT;
CREATE INDEX alarm_open ON alarm (jid) WHERE answer IS NULL;

-- What happened to the list of our own devices. Rows are added and never changed.
CREATE TABLE own_device_event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  change TEXT NOT NULL,                     -- engine::trust::own_devices
  version INTEGER,                          -- of which list; null: of none alone
  device INTEGER,                           -- whose id; null: the list as a whole
  fingerprint TEXT NOT NULL                 -- its key, where known
) STRICT;
CREATE TRIGGER own_device_event_stays BEFORE UPDATE ON own_device_event BEGIN
  SELECT raise(ABORT, 'own_device_event is append-only');
END;
CREATE TRIGGER own_device_event_is_kept BEFORE DELETE ON own_device_event BEGIN
  SELECT raise(ABORT, 'own_device_event is append-only');
END;

-- What chats were last told of our own list (urn:dunnock:device-list:0).
CREATE TABLE told_list (
  chat TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  told INTEGER NOT NULL
) STRICT;

-- Devices whose own view of their owner's list is another than ours.
CREATE TABLE other_view (
  jid TEXT NOT NULL,
  device INTEGER NOT NULL,
  hash BLOB NOT NULL,                       -- as it said
  ours BLOB NOT NULL,                       -- as we had it
  archived INTEGER NOT NULL,                -- 1: out of the archive
  since INTEGER NOT NULL,
  PRIMARY KEY (jid, device)
) STRICT;

ALTER TABLE account ADD COLUMN trust_days INTEGER NOT NULL DEFAULT 0; -- a device in quarantine ages in after so many days; 0: never
