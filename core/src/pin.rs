//! Self-healing pins: what is remembered of an account's server, and when a login contradicts it.
//!
//! A changed key is taken silently if the very login that showed it was bound to it, or if the account never had anything
//! better than a certificate. Where logins were bound before, one that is bound less is followed only as far as the server
//! itself confirms inside of the exchange that it offers no more (XEP-0474); else nothing made from the password is said.

use crate::error::{Error, ErrorKind};
use crate::model::Proof;
use crate::wire::PLAIN;

/// The ways of binding a login to its TLS channel that we speak, the weaker one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Binding {
    /// RFC 5929 §4.
    EndPoint,
    /// RFC 9266 §2.
    Exporter,
}

impl Binding {
    /// Its name in the IANA registry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Binding::Exporter => "tls-exporter",
            Binding::EndPoint => "tls-server-end-point",
        }
    }

    /// The binding of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Binding::Exporter, Binding::EndPoint].into_iter().find(|binding| binding.name() == name)
    }
}

/// Whose certificate a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// SHA-256 of its public key (SubjectPublicKeyInfo).
    pub key: [u8; 32],
    /// Who signed it, as its certificate says.
    pub issuer: String,
    /// The version of TLS, as XEP-0515 writes it.
    pub tls: String,
}

/// What is remembered of an account's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    pub shown: Shown,
    /// How the best login so far was bound, unless the server has confirmed since that it offers no more.
    pub bound: Option<Binding>,
    /// The server once confirmed its offer (XEP-0474): it has to do so again.
    pub confirmed: bool,
    /// The mechanism of the last login.
    pub mechanism: String,
}

impl Pin {
    /// It once made a login that did not show it the password.
    pub(crate) fn did_better_than_plain(&self) -> bool {
        self.mechanism != PLAIN || self.bound.is_some() || self.confirmed
    }
}

/// A login that contradicts what is remembered: both sides, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub remembered: Shown,
    pub shown: Shown,
    /// What was missing or wrong: the kind of the failure.
    pub because: ErrorKind,
}

/// A proof of the password that was shown to a key that nothing spoke for, and that was not answered by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Venture {
    pub key: [u8; 32],
    /// How that login ended, if it did before its process.
    pub ended: Option<ErrorKind>,
}

/// What a login came to.
pub(crate) struct Login<'a> {
    pub shown: Shown,
    pub bound: Option<Binding>,
    pub confirmed: bool,
    pub mechanism: &'a str,
}

/// What the wire has to say of the server, before it says that it is online or not.
pub(crate) enum Word {
    /// A proof of the password is about to be shown to this key; the wire waits until that is written down.
    Venture([u8; 32]),
    /// It was answered by one: whoever that is knows the password's keys.
    Answered,
    /// A login went through.
    Met(Pin),
    /// A login was given up, because it contradicted what is remembered or (`LoginCut`) may have been cut by somebody in
    /// between.
    Doubted(Evidence),
}

/// Whether a login bound like this may go on only if the server confirms its offer.
pub(crate) fn must_confirm(pin: Option<&Pin>, bound: Option<Binding>) -> bool {
    pin.is_some_and(|pin| pin.confirmed || bound < pin.bound)
}

/// What is remembered after a login, and what it proved.
pub(crate) fn after(pin: Option<&Pin>, login: Login) -> (Pin, Proof) {
    let before = pin.and_then(|pin| pin.bound);
    let proof = match (login.bound, pin) {
        (Some(_), _) => Proof::Proved,
        // The server itself says that it binds no more; its key is the one that it proved with.
        (None, Some(pin)) if before.is_some() && pin.shown.key == login.shown.key => Proof::Pinned,
        (None, _) => Proof::FirstUse,
    };
    let confirmed = login.confirmed || pin.is_some_and(|pin| pin.confirmed);
    let bound = if login.confirmed { login.bound } else { login.bound.max(before) };
    (Pin { shown: login.shown, bound, confirmed, mechanism: login.mechanism.to_owned() }, proof)
}

/// What a failure means at the server that is remembered. One that did better than PLAIN offers what is less as somebody
/// does who wants the password: nobody is told how to let it go then. An empty offer is such a one too; where there is none
/// at all (not `offers`), or what is offered is refused, the server has trouble.
pub(crate) fn at_known(pin: Option<&Pin>, error: Error, offers: bool) -> Error {
    if error.kind != ErrorKind::NoMechanism || !pin.is_some_and(Pin::did_better_than_plain) {
        return error;
    }
    let kind = if offers { ErrorKind::LoginDowngraded } else { ErrorKind::LoginRefused };
    Error { kind, ..error }
}

/// What a failed login says against the server that is remembered; nothing if it may be an honest failure.
pub(crate) fn contradiction(pin: Option<&Pin>, shown: Shown, because: ErrorKind) -> Option<Evidence> {
    let pin = pin?;
    let grave = matches!(
        because,
        ErrorKind::OfferAltered
            | ErrorKind::BindingRefused
            | ErrorKind::ServerProof
            | ErrorKind::LoginDowngraded
            | ErrorKind::Contradiction
    );
    // Some servers call a login bound to another channel a wrong password (so does ejabberd), and who sits in between may
    // say whatever makes a person type it again.
    let refusal = matches!(
        because,
        ErrorKind::WrongPassword
            | ErrorKind::PasswordNeeded
            | ErrorKind::Iterations
            | ErrorKind::LoginRefused
            | ErrorKind::OutOfTurn
    );
    // Whoever calls it a contradiction outright has heard what may not be said.
    let because = if because == ErrorKind::Contradiction { ErrorKind::OutOfTurn } else { because };
    let other = pin.bound.is_some() && pin.shown.key != shown.key;
    let remembered = pin.shown.clone();
    (grave || refusal && other).then_some(Evidence { remembered, shown, because })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(key: u8) -> Shown {
        Shown { key: [key; 32], issuer: "CN=Authority".into(), tls: "0304".into() }
    }

    fn login(key: u8, bound: Option<Binding>, confirmed: bool) -> Login<'static> {
        Login { shown: shown(key), bound, confirmed, mechanism: "SCRAM-SHA-256" }
    }

    const EXPORTER: Option<Binding> = Some(Binding::Exporter);
    const END_POINT: Option<Binding> = Some(Binding::EndPoint);

    /// The pin after these logins, each of which was let go on.
    fn pin(logins: &[(u8, Option<Binding>, bool)]) -> Option<Pin> {
        let mut pin = None;
        for (key, bound, confirmed) in logins {
            assert!(*confirmed || !must_confirm(pin.as_ref(), *bound));
            pin = Some(after(pin.as_ref(), login(*key, *bound, *confirmed)).0);
        }
        pin
    }

    #[test]
    fn a_new_key_is_taken_silently_from_a_login_that_was_bound_to_it() {
        let old = pin(&[(1, EXPORTER, false)]);
        assert!(!must_confirm(old.as_ref(), EXPORTER));
        let (new, proof) = after(old.as_ref(), login(2, EXPORTER, false));
        assert_eq!((new.shown.key, proof), ([2; 32], Proof::Proved));
    }

    #[test]
    fn an_account_once_bound_is_bound_less_only_if_the_server_confirms_it() {
        let old = pin(&[(1, EXPORTER, false)]);
        assert!(must_confirm(old.as_ref(), END_POINT) && must_confirm(old.as_ref(), None));
        let (new, proof) = after(old.as_ref(), login(2, END_POINT, true));
        assert_eq!((new.bound, proof), (END_POINT, Proof::Proved));
        let (new, proof) = after(old.as_ref(), login(1, None, true));
        assert_eq!((new.bound, proof), (None, Proof::Pinned));
        assert_eq!(after(old.as_ref(), login(2, None, true)).1, Proof::FirstUse);
    }

    #[test]
    fn a_server_that_once_confirmed_its_offer_has_to_do_so_again() {
        let old = pin(&[(1, None, true)]);
        assert!(must_confirm(old.as_ref(), None) && must_confirm(old.as_ref(), EXPORTER));
    }

    #[test]
    fn a_plain_server_may_renew_its_key_whenever_it_likes() {
        let mut known = None;
        for key in 0..200 {
            assert!(!must_confirm(known.as_ref(), None));
            let (new, proof) = after(known.as_ref(), login(key, None, false));
            assert_eq!(proof, Proof::FirstUse);
            known = Some(new);
        }
        assert!(!must_confirm(known.as_ref(), EXPORTER), "and may begin to bind");
    }

    #[test]
    fn only_what_an_interceptor_would_cause_speaks_against_a_server_that_is_known() {
        let (known, plain) = (pin(&[(1, EXPORTER, false)]), pin(&[(1, None, false)]));
        for kind in ErrorKind::ALL {
            let evidence = contradiction(known.as_ref(), shown(2), *kind);
            let grave = ["offer_altered", "binding_refused", "server_proof", "login_downgraded", "contradiction"]
                .contains(&kind.code());
            let refusal = ["wrong_password", "password_needed", "iterations", "login_refused", "out_of_turn"]
                .contains(&kind.code());
            assert_eq!(evidence.is_some(), grave || refusal, "{}", kind.code());
            assert_eq!(
                contradiction(known.as_ref(), shown(1), *kind).is_some(),
                grave,
                "{}: the key is known",
                kind.code()
            );
            assert_eq!(contradiction(plain.as_ref(), shown(2), *kind).is_some(), grave, "{}: never bound", kind.code());
            assert_eq!(contradiction(None, shown(2), *kind), None);
        }
    }

    #[test]
    fn less_than_was_proved_is_a_downgrade_and_never_a_reason_to_allow_plain() {
        let plain = Some(Pin { mechanism: PLAIN.into(), ..pin(&[(1, None, false)]).unwrap() });
        let said = |pin: Option<&Pin>, offers| at_known(pin, ErrorKind::NoMechanism.into(), offers).kind;
        for known in [pin(&[(1, EXPORTER, false)]), pin(&[(1, None, false)])] {
            assert_eq!(said(known.as_ref(), true), ErrorKind::LoginDowngraded);
            assert_eq!(said(known.as_ref(), false), ErrorKind::LoginRefused, "no offer is trouble");
        }
        for stranger in [plain, None] {
            assert_eq!(said(stranger.as_ref(), true), ErrorKind::NoMechanism);
        }
    }

    proptest! {
        /// A server that only ever renews keys, gains abilities, or confirms what it loses, never has to be accepted anew.
        #[test]
        fn honest_changes_raise_no_alarm(changes in proptest::collection::vec((any::<u8>(), 0..6u8), 1..60)) {
            let (mut bound, mut confirms) = (None, false);
            let mut known: Option<Pin> = None;
            for (key, change) in changes {
                match change {
                    0 => bound = EXPORTER,
                    1 if bound.is_none() => bound = END_POINT,
                    2 => confirms = true,
                    3 if confirms => bound = END_POINT,
                    4 if confirms => bound = None,
                    _ => {}
                }
                prop_assert!(confirms || !must_confirm(known.as_ref(), bound));
                known = Some(after(known.as_ref(), login(key, bound, confirms)).0);
            }
        }
    }
}
