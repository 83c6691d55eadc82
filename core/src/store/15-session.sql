-- The stream that may be resumed (XEP-0198), as far as its counting is on the disk: exactly one row.
CREATE TABLE resumption (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  id TEXT,                                  -- what the server calls the stream; null there is none
  jid TEXT,                                 -- full JID that it is bound to
  location TEXT,                            -- where the server would have it resumed, host and port
  heard INTEGER NOT NULL,                   -- its stanzas that are committed (mod 2^32)
  acked INTEGER NOT NULL,                   -- ours that it acknowledged (mod 2^32); the rows of outgoing come after them
  serial INTEGER NOT NULL                   -- only grows, with each change of this row: what the witness beside the file is compared with
) STRICT;
INSERT INTO resumption VALUES (1, NULL, NULL, NULL, 0, 0, 0);
