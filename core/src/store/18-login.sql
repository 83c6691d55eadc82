-- What an account logs in with beside its password: exactly one row. Made from the password, or given by the server.
CREATE TABLE credential (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  keep INTEGER NOT NULL,                    -- 1: account.password stays; 0: it is emptied by the first login
  version INTEGER NOT NULL,                 -- grows with each password that a person gives: what belongs to an older one counts no more
  mechanism TEXT,                           -- the SCRAM mechanism of the keys; null there are none
  salt BLOB,
  iterations INTEGER,
  client_key BLOB,                          -- RFC 5802 section 3
  server_key BLOB,
  token TEXT,                               -- of XEP-0484; null there is none
  token_mechanism TEXT,                     -- the only one that it is good for
  expires INTEGER,                          -- when the token ends
  uses INTEGER NOT NULL                     -- only grows: counts given out to say how often a token was used, in blocks
) STRICT;
-- A generated password of before (26 signs of an alphabet without 0, 1, l, o) is known to nobody else.
INSERT INTO credential (only, keep, version, uses)
  SELECT 1, count(*), 0, 0 FROM account WHERE length(password) = 26 AND password NOT GLOB '*[^2-9a-km-np-z]*';
