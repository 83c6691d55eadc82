-- Migration 2: the way by which the account reaches its server.
ALTER TABLE account ADD COLUMN route TEXT NOT NULL DEFAULT 'direct';  -- direct, tor, socks5://host:port; what is not understood is damage, never direct
