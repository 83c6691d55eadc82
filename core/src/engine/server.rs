//! What a login showed of the server: remembered, or held against it.

use super::Ctx;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ServerChangeKind, State};
use crate::pin::{Evidence, Pin, Word};

/// The wire has something to say of the server.
pub(crate) fn heard(ctx: &mut Ctx, word: Word) -> Result<()> {
    match word {
        Word::Met(pin) => met(ctx, &pin),
        Word::Doubted(evidence) => doubted(ctx, &evidence),
    }
}

fn met(ctx: &mut Ctx, pin: &Pin) -> Result<()> {
    if let Some(before) = ctx.tx.pin()?.filter(|before| before.shown.key != pin.shown.key) {
        // Bound to the new key, the login itself speaks for it.
        let kind = if pin.bound.is_some() { ServerChangeKind::Renewed } else { ServerChangeKind::RenewedUnproved };
        ctx.tx.add_server_change(kind, Some(&before.shown), Some(&pin.shown), None, ctx.now.wall)?;
    }
    ctx.tx.set_pin(pin, ctx.now.wall)
}

fn doubted(ctx: &mut Ctx, evidence: &Evidence) -> Result<()> {
    let (before, shown) = (&evidence.remembered, &evidence.shown);
    let because = Some(evidence.because.code());
    ctx.tx.add_server_change(ServerChangeKind::Contradiction, Some(before), Some(shown), because, ctx.now.wall)
}

/// A person has read what speaks against the server and takes it as it is: it is met anew.
pub(crate) fn accept(ctx: &mut Ctx) -> Result<()> {
    let mut row = ctx.tx.connection()?;
    if row.state != State::Contradiction {
        return Err(Error::about(ErrorKind::NothingToAccept, ctx.bare()));
    }
    let before = ctx.tx.pin()?.map(|pin| pin.shown);
    ctx.tx.add_server_change(ServerChangeKind::Accepted, before.as_ref(), None, None, ctx.now.wall)?;
    ctx.tx.drop_pin()?;
    (row.state, row.error) = (State::Offline, None);
    ctx.tx.set_connection(&row)
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::juliet;
    use super::super::{Input, stream};
    use super::*;
    use crate::pin::{Binding, Shown};

    fn pin(key: u8, bound: Option<Binding>) -> Pin {
        let shown = Shown { key: [key; 32], issuer: "CN=Authority".into(), tls: "0304".into() };
        Pin { shown, bound, confirmed: false, mechanism: "SCRAM-SHA-256".into() }
    }

    #[test]
    fn a_contradiction_stops_the_account_until_a_person_accepts_it() {
        juliet(|ctx| {
            assert!(accept(ctx).is_err(), "there is nothing to accept");
            heard(ctx, Word::Met(pin(1, Some(Binding::Exporter)))).unwrap();
            let (remembered, shown) = (pin(1, None).shown, pin(2, None).shown);
            let because = ErrorKind::OfferAltered;
            heard(ctx, Word::Doubted(Evidence { remembered, shown, because })).unwrap();
            let error = Some(ErrorKind::Contradiction);
            stream::changed(ctx, Input::Offline { error, refused: true }).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Contradiction);
            stream::forgive(ctx).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Contradiction, "a new password is no answer to it");
            assert_eq!(ctx.tx.pin().unwrap().unwrap().shown.key, [1; 32]);
            accept(ctx).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Offline);
            assert_eq!(ctx.tx.pin().unwrap(), None);
        });
    }
}
