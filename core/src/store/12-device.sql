-- What we did about broken sessions is a table of its own.
ALTER TABLE device DROP COLUMN healed;
