//! No freed block of the heap still holds a secret. Copies on the stack are not claimed.
#![allow(unsafe_code, reason = "an allocator that looks into what is freed cannot be written without")]
#![allow(clippy::unwrap_used)]

mod device;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

use device::BOTH;
use dunnock_omemo::{Bundle, Identity, Incoming, Session, generate_pre_keys, payload, sign_pre_key};

/// At most so many secrets, so that remembering one allocates nothing.
const MOST: usize = 64;

thread_local! {
    static SECRETS: RefCell<([[u8; 16]; MOST], usize)> = const { RefCell::new(([[0; 16]; MOST], 0)) };
    static LEAKS: Cell<usize> = const { Cell::new(0) };
}

struct Looking;

// SAFETY: everything is passed on to the system's allocator; a block is only read, and only before it is freed.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator. Zeroed, so that all of it may be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is live, of this layout, and was initialised when it was made.
        look(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

fn look(freed: &[u8]) {
    let leaks = SECRETS.try_with(|secrets| {
        let Ok(secrets) = secrets.try_borrow() else { return 0 };
        secrets.0[..secrets.1].iter().filter(|secret| freed.windows(16).any(|window| window == *secret)).count()
    });
    let _ = LEAKS.try_with(|all| all.set(all.get() + leaks.unwrap_or(0)));
}

/// Looks out for a secret from now on, by the first half of its bytes.
fn remember(secret: &[u8]) {
    SECRETS.with_borrow_mut(|(all, count)| {
        all[*count].copy_from_slice(&secret[..16]);
        *count += 1;
    });
}

fn leaks() -> usize {
    LEAKS.get()
}

#[test]
fn freed_blocks_hold_no_secret() {
    // The hook works: an ordinary vector with a secret in it is noticed.
    remember(b"a canary of ours");
    drop(b"this holds a canary of ours in full".to_vec());
    assert_eq!(leaks(), 1, "the control is seen");

    let mut random = rand::rng();
    for version in BOTH {
        let (juliet, romeo) = (Identity::generate(&mut random), Identity::generate(&mut random));
        remember(juliet.seed());
        let signed = sign_pre_key(version, &romeo, 1, &mut random);
        remember(&signed.to_bytes()[5..]);
        let pre_keys = generate_pre_keys(&mut random, 1, 2);
        for pair in &pre_keys {
            remember(&pair.to_bytes()[5..]);
        }
        let bundle = Bundle::new(&romeo, &signed, &pre_keys);
        let (sealed, key_material) = payload::encrypt(version, b"a canary inside a payload", &mut random);
        remember(&key_material);
        remember(b"a canary inside ");

        let begun = Session::initiate(version, &juliet, &bundle, &mut random).unwrap();
        let (hello, change) = begun.encrypt(&key_material, &mut random).unwrap();
        remember_session(&change.session);
        let (_, change) = change.session.encrypt(&key_material, &mut random).unwrap();
        let (late, change) = change.session.encrypt(&key_material, &mut random).unwrap();
        remember_session(&change.session);
        let juliet_session = Session::from_bytes(&change.session.to_bytes()).unwrap();

        let hello = Incoming::parse(version, true, &hello.data).unwrap();
        let late = Incoming::parse(version, true, &late.data).unwrap();
        let id = hello.key_exchange().unwrap().pre_key_id;
        let pre_key = pre_keys.iter().find(|pair| pair.id() == id);
        let (decrypted, change) = Session::accept(&romeo, Some(&signed), pre_key, &hello).unwrap();
        remember_session(&change.session);
        let iv = sealed.iv.map(Vec::from).unwrap_or_default();
        drop(payload::decrypt(version, &decrypted.key_material, &iv, sealed.data.as_ref().unwrap()).unwrap());
        let (_, change) = change.session.decrypt(&late, None).unwrap();
        remember(change.new_skipped[0].message_key());
        remember_session(&change.session);
        let (answer, change) = change.session.encrypt(&key_material, &mut random).unwrap();
        remember_session(&change.session);
        let answer = Incoming::parse(version, false, &answer.data).unwrap();
        let (decrypted, change) = juliet_session.decrypt(&answer, None).unwrap();
        remember_session(&change.session);
        // In boxes, so that what the values held themselves is freed as well.
        drop(Box::new((decrypted, change)));
        drop(Box::new((juliet, romeo, signed, pre_keys)));
        drop(Box::new((begun, juliet_session, key_material)));
    }
    assert!(SECRETS.with_borrow(|secrets| secrets.1) > 30);
    assert_eq!(leaks(), 1, "only the control");
}

/// The root key, and the last 32 secret bytes of the state's fixed part: a chain key or ratchet secret.
fn remember_session(session: &Session) {
    let bytes = session.to_bytes();
    let identities = if session.version() == dunnock_omemo::Version::V2 { 128 } else { 64 };
    let root = 3 + identities + 8 + 32;
    remember(&bytes[root..]);
    let first_secret = root + 32 + 32 + 4;
    remember(&bytes[first_secret..]);
}
