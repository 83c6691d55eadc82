-- Whose lists of devices cannot be had: that is not to have no device.
ALTER TABLE device_list ADD COLUMN refused INTEGER NOT NULL DEFAULT 0; -- 1: the last question was refused, or their server is away
