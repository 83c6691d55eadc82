//! The route `tor` of a build without Tor: refused.

use super::Socket;
use crate::error::{Error, ErrorKind};
use crate::query::TorBoard;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Tor;

#[derive(Clone)]
pub(super) struct Token;

impl Token {
    pub(super) fn new() -> Token {
        Token
    }
}

impl Tor {
    pub(super) fn new(_: PathBuf, _: Arc<TorBoard>) -> Tor {
        Tor
    }

    pub(super) fn rest(&self, _: bool) {}

    pub(super) async fn dial(&self, _: &str, _: u16, _: &Token, _: Duration) -> Result<Socket, Error> {
        Err(ErrorKind::NoTor.into())
    }
}
