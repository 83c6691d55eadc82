//! What a login showed of the server: remembered, or held against it.

use super::Ctx;
use super::trust::alarms::What;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ServerChangeKind, State};
use crate::pin::{Evidence, Pin, Word};
use crate::wire::PLAIN;

/// The wire has something to say of the server.
pub(crate) fn heard(ctx: &mut Ctx, word: Word) -> Result<()> {
    match word {
        Word::Venture(key) => ctx.tx.set_venture(key, ctx.now.wall),
        Word::Answered => ctx.tx.drop_venture(),
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
    if pin.mechanism != PLAIN {
        // It can do better: the leave ends, whatever it offers later.
        ctx.tx.set_plain_login(false, ctx.now.wall)?;
    }
    ctx.tx.drop_venture()?;
    ctx.tx.set_pin(pin, ctx.now.wall)
}

fn doubted(ctx: &mut Ctx, evidence: &Evidence) -> Result<()> {
    let (before, shown) = (&evidence.remembered, &evidence.shown);
    let because = Some(evidence.because.code());
    if evidence.because == ErrorKind::LoginCut {
        // A renewed key and a bad line look the same: it is there to be read, and no alarm. Each further try says it again.
        return match ctx.tx.newest_doubt()? {
            Some((key, kind)) if key == shown.key && Some(kind.as_str()) == because => Ok(()),
            _ => {
                let change = ServerChangeKind::Contradiction;
                ctx.tx.add_server_change(change, Some(before), Some(shown), because, ctx.now.wall)
            }
        };
    }
    let key: String = shown.key.iter().map(|byte| format!("{byte:02x}")).collect();
    ctx.tx.raise_alarm(What::ServerContradicts.code(), &ctx.bare(), (None, None), &key, ctx.now.wall)?;
    ctx.tx.add_server_change(ServerChangeKind::Contradiction, Some(before), Some(shown), because, ctx.now.wall)?;
    // From here on, whatever becomes of this process.
    ctx.tx.set_contradiction(ctx.now.wall)?;
    ctx.tx.set_connection(&ctx.tx.connection()?)
}

/// A person allows that the password itself goes to the server, or not any more.
pub(crate) fn allow_plain(ctx: &mut Ctx, allowed: bool) -> Result<()> {
    if allowed && ctx.tx.pin()?.is_some_and(|pin| pin.did_better_than_plain()) {
        return Err(Error::about(ErrorKind::PlainLoginNeedless, ctx.bare()));
    }
    ctx.tx.set_plain_login(allowed, ctx.now.wall)?;
    super::stream::forgive(ctx)
}

/// A person wants a password that was refused shown once more, to whoever refused it.
pub(crate) fn pardon(ctx: &mut Ctx) -> Result<()> {
    ctx.tx.pardon_secret()?;
    if ctx.tx.venture()?.is_some_and(|venture| venture.ended == Some(ErrorKind::WrongPassword)) {
        ctx.tx.drop_venture()?;
    }
    super::stream::forgive(ctx)
}

/// Whether something speaks against the server, so that nothing goes on.
pub(crate) fn contradicts(ctx: &Ctx) -> Result<bool> {
    Ok(ctx.tx.standing()? == Some(ErrorKind::Contradiction))
}

/// A person has read what speaks against the server and takes it as it is: it is met anew.
pub(crate) fn accept(ctx: &mut Ctx) -> Result<()> {
    let ventured = ctx.tx.venture()?.is_some();
    ctx.tx.drop_venture()?;
    if !contradicts(ctx)? {
        // One more try, with all that is remembered.
        return if ventured { pardon(ctx) } else { Err(Error::about(ErrorKind::NothingToAccept, ctx.bare())) };
    }
    let before = ctx.tx.pin()?.map(|pin| pin.shown);
    ctx.tx.add_server_change(ServerChangeKind::Accepted, before.as_ref(), None, None, ctx.now.wall)?;
    ctx.tx.drop_pin()?;
    // Met anew by all that a login can prove, not by what was left of the last one.
    ctx.tx.drop_token()?;
    ctx.tx.drop_contradiction()?;
    ctx.tx.settle_alarms(&ctx.bare(), None, "accepted")?;
    let mut row = ctx.tx.connection()?;
    (row.state, row.error) = (State::Offline, None);
    ctx.tx.set_connection(&row)
}

#[cfg(test)]
mod tests {
    use super::super::commands::carry_out;
    use super::super::roster::tests::juliet;
    use super::super::{Input, stream};
    use super::*;
    use crate::command::{AccountUpdate, Command};
    use crate::pin::{Binding, Shown, Venture};
    use crate::wire::Token;

    fn pin(key: u8, bound: Option<Binding>) -> Pin {
        let shown = Shown { key: [key; 32], issuer: "CN=Authority".into(), tls: "0304".into() };
        Pin { shown, bound, confirmed: false, mechanism: "SCRAM-SHA-256".into() }
    }

    #[test]
    fn what_a_login_ventured_stays_until_it_is_answered_or_a_person_says_so() {
        juliet(|ctx| {
            let venture = |ctx: &Ctx| ctx.tx.venture().unwrap();
            let fails = |ctx: &mut Ctx, kind: ErrorKind| {
                heard(ctx, Word::Venture([2; 32])).unwrap();
                assert_eq!(venture(ctx), Some(Venture { key: [2; 32], ended: None }));
                stream::changed(ctx, Input::Offline { error: Some(kind.into()), refused: true }).unwrap();
                assert_eq!(venture(ctx), Some(Venture { key: [2; 32], ended: Some(kind) }));
            };
            fails(ctx, ErrorKind::WrongPassword);
            // Connecting again is no answer, a password is.
            stream::set_wanted(ctx, true).unwrap();
            assert!(venture(ctx).is_some());
            let update = AccountUpdate { password: Some("the right one".into()), ..AccountUpdate::default() };
            carry_out(ctx, Command::Update(update)).unwrap();
            assert_eq!(venture(ctx), None);
            fails(ctx, ErrorKind::LoginCut);
            accept(ctx).unwrap();
            assert_eq!((venture(ctx), ctx.tx.connection().unwrap().state), (None, State::Offline));
            for answer in [Word::Answered, Word::Met(pin(3, None))] {
                fails(ctx, ErrorKind::LoginCut);
                heard(ctx, answer).unwrap();
                assert_eq!(venture(ctx), None);
            }
        });
    }

    #[test]
    fn the_leave_for_a_password_in_clear_ends_with_the_first_login_that_needs_none() {
        juliet(|ctx| {
            let allow = |ctx: &mut Ctx, allowed| carry_out(ctx, Command::AllowPlainLogin(allowed)).map(drop);
            assert!(!ctx.tx.plain_login().unwrap());
            allow(ctx, true).unwrap();
            heard(ctx, Word::Met(Pin { mechanism: PLAIN.into(), ..pin(1, None) })).unwrap();
            assert!(ctx.tx.plain_login().unwrap());
            heard(ctx, Word::Met(pin(2, None))).unwrap();
            assert!(!ctx.tx.plain_login().unwrap());
            let again = allow(ctx, true).map_err(|error| error.kind);
            assert_eq!(again, Err(ErrorKind::PlainLoginNeedless));
            allow(ctx, false).unwrap();
        });
    }

    #[test]
    fn a_contradiction_stops_the_account_until_a_person_accepts_it() {
        juliet(|ctx| {
            assert!(accept(ctx).is_err(), "there is nothing to accept");
            heard(ctx, Word::Met(pin(1, Some(Binding::Exporter)))).unwrap();
            let (remembered, shown) = (pin(1, None).shown, pin(2, None).shown);
            let because = ErrorKind::OfferAltered;
            heard(ctx, Word::Doubted(Evidence { remembered, shown, because })).unwrap();
            let error = Some(ErrorKind::Contradiction.into());
            stream::changed(ctx, Input::Offline { error, refused: true }).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Contradiction);
            assert_eq!(ctx.tx.alarms(), [("server_contradicts".to_owned(), None)]);
            stream::forgive(ctx).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Contradiction, "a new password is no answer to it");
            assert_eq!(ctx.tx.pin().unwrap().unwrap().shown.key, [1; 32]);
            let token = |ctx: &Ctx| ctx.tx.secret(0).unwrap().0.token.is_some();
            let mut secret = ctx.tx.secret(0).unwrap().0;
            let (mechanism, text) = ("HT-SHA-256-EXPR".to_owned(), "t".to_owned().into());
            secret.token = Some(Token { mechanism, text, expires: i64::MAX }.into());
            ctx.tx.set_secret(&secret).unwrap();
            assert!(token(ctx));
            accept(ctx).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Offline);
            assert_eq!((ctx.tx.pin().unwrap(), token(ctx)), (None, false), "not even a token speaks for it");
        });
    }

    #[test]
    fn a_login_that_was_cut_at_a_new_key_is_there_to_be_read_once_and_is_no_alarm() {
        juliet(|ctx| {
            heard(ctx, Word::Met(pin(1, Some(Binding::Exporter)))).unwrap();
            let cut = |ctx: &mut Ctx, key: u8| {
                let (remembered, shown) = (pin(1, None).shown, pin(key, None).shown);
                heard(ctx, Word::Doubted(Evidence { remembered, shown, because: ErrorKind::LoginCut })).unwrap();
                let error = Some(ErrorKind::LoginCut.into());
                stream::changed(ctx, Input::Offline { error, refused: true }).unwrap();
                ctx.tx.server_changes()
            };
            assert_eq!([cut(ctx, 2), cut(ctx, 2), cut(ctx, 3)], [1, 1, 2]);
            assert!(ctx.tx.alarms().is_empty() && !contradicts(ctx).unwrap());
            assert_eq!(ctx.tx.connection().unwrap().state, State::Refused);
        });
    }

    #[test]
    fn who_answers_the_alarm_about_their_server_with_accepted_takes_it_as_it_is() {
        juliet(|ctx| {
            let contradicts = |ctx: &mut Ctx| {
                heard(ctx, Word::Met(pin(1, Some(Binding::Exporter)))).unwrap();
                let (remembered, shown) = (pin(1, None).shown, pin(2, None).shown);
                heard(ctx, Word::Doubted(Evidence { remembered, shown, because: ErrorKind::BindingRefused })).unwrap();
                let error = Some(ErrorKind::Contradiction.into());
                stream::changed(ctx, Input::Offline { error, refused: true }).unwrap();
            };
            let answer = |ctx: &mut Ctx, alarm: &str, answer: &str| {
                let (alarm, answer) = (alarm.to_owned(), answer.to_owned());
                carry_out(ctx, Command::AlarmAnswer { alarm, answer }).unwrap();
            };
            contradicts(ctx);
            answer(ctx, "1", "rejected");
            stream::set_wanted(ctx, false).unwrap();
            assert_eq!(ctx.tx.connection().unwrap().state, State::Contradiction);
            contradicts(ctx);
            answer(ctx, "2", "accepted");
            assert_eq!((ctx.tx.connection().unwrap().state, ctx.tx.pin().unwrap()), (State::Offline, None));
        });
    }
}
