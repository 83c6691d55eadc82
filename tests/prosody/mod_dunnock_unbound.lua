-- A server that knows no channel binding, as many are. To leave out the -PLUS mechanisms is not enough for that: whoever
-- then says that it would have bound its login is refused, because somebody could have taken them off the list.

local sasl = require "util.sasl";

getmetatable(sasl.new("localhost", { plain = true })).__index.add_cb_handler = nil;
