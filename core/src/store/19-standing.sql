-- What stands until a person has said something: until then nothing is connected.

-- The account's server contradicts what it proved before: at most one row.
CREATE TABLE contradiction (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  since INTEGER NOT NULL                    -- when a login was given up for it
) STRICT;
INSERT INTO contradiction (only, since)
  SELECT 1, coalesce((SELECT max(at) FROM server_change WHERE kind = 2), 0) FROM connection WHERE state = 4;

-- 1: the server refused what is here; nobody shows it again before a person gives another or asks for it.
ALTER TABLE credential ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
UPDATE credential SET refused = 1 WHERE EXISTS (SELECT 1 FROM connection WHERE state = 3 AND error = 'wrong_password');

-- What the error of the connection is about, beyond its kind; null nothing.
ALTER TABLE connection ADD COLUMN about TEXT;
