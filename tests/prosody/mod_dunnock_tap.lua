-- Writes every stanza that a client sends, as it came off the wire, as one line of a file:
--   direction, tab, who sent it (or "-" before login), tab, the XML with its line ends written as entities
-- Option dunnock_tap_file names the file; dunnock_tap_out = true also records what is sent to clients.

local filters = require "util.filters";

local path = assert(module:get_option_string("dunnock_tap_file"), "dunnock_tap_file is not set");
local both = module:get_option_boolean("dunnock_tap_out", false);
local file = assert(io.open(path, "a"));

local escapes = { ["\n"] = "&#10;", ["\r"] = "&#13;", ["\t"] = "&#9;" };

local function record(direction, session, stanza)
	if not stanza or not stanza.attr then return end
	local ok, xml = pcall(tostring, stanza);
	if not ok then xml = "<unprintable/>"; end
	file:write(direction, "\t", session.full_jid or "-", "\t", (xml:gsub("[\n\r\t]", escapes)), "\n");
	-- One flush a stanza: what the server took is on record even when it is killed the moment after.
	file:flush();
end

filters.add_filter_hook(function (session)
	if session.type ~= "c2s" and session.type ~= "c2s_unauthed" then return end
	-- First in, last out: before any other module changes what was sent.
	filters.add_filter(session, "stanzas/in", function (stanza)
		record("in", session, stanza);
		return stanza;
	end, 1000);
	if both then
		filters.add_filter(session, "stanzas/out", function (stanza)
			record("out", session, stanza);
			return stanza;
		end, -1000);
	end
end);
