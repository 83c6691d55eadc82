-- When device lists changed: what an archived message says of one is compared with a list that stayed the same since.
ALTER TABLE device_list ADD COLUMN changed INTEGER NOT NULL DEFAULT 0; -- the stream on which it was last heard to change
