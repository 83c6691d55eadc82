-- Waking this device: the push that a person wants, and what is to be shown to them.

-- The app server that wakes this device (XEP-0357). At most one row, and only while a person wants it. What has to be taken
-- back from others is in `want`.
CREATE TABLE push (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  app_server TEXT NOT NULL,                 -- JID that takes registrations
  platform TEXT NOT NULL,                   -- command::Platform: fcm, apns
  token TEXT NOT NULL,                      -- what the platform calls this device by
  device TEXT NOT NULL,                     -- what this installation calls itself there
  jid TEXT,                                 -- where our server is to publish; null until the app server answered
  node TEXT,                                -- likewise
  secret TEXT,                              -- likewise: proves to the app server that a push is our server's
  stream INTEGER NOT NULL,                  -- stream on which our server last agreed; 0 not since the answer
  error TEXT                                -- kind of the last failure
) STRICT;

-- Incoming messages that nobody was told of yet: written with the message, deleted when it was shown or read.
CREATE TABLE notification (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- stable: who shows one twice replaces it
  message INTEGER NOT NULL UNIQUE
) STRICT;
