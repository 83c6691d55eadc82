//! What a person, a disk or a server can get wrong: one clear line, nothing half done, and the next good start finds all.

mod lacks;
mod logins;
mod stores;
