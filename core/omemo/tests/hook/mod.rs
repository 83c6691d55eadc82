//! An allocator that looks into every block before it is freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// Places for secrets: a table of a fixed size, so that remembering one allocates nothing.
const PLACES: usize = 1 << 14;
/// So much of a secret is looked for, wherever it stands.
const PIECE: usize = 16;

/// Pieces of secrets by their first bytes; a place without one is all zero.
struct Secrets {
    places: [[u8; PIECE]; PLACES],
    count: usize,
}

impl Secrets {
    /// Where a piece stands, or where it would.
    fn place(&self, piece: &[u8]) -> usize {
        let start = u64::from_le_bytes(piece[..8].try_into().unwrap()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut place = start as usize >> 20 & (PLACES - 1);
        while self.places[place] != [0; PIECE] && self.places[place] != piece {
            place = (place + 1) & (PLACES - 1);
        }
        place
    }

    fn add(&mut self, piece: &[u8]) {
        let place = self.place(piece);
        self.count += usize::from(self.places[place] == [0; PIECE]);
        assert!(self.count < PLACES / 2, "the table is full");
        self.places[place].copy_from_slice(piece);
    }

    fn holds(&self, piece: &[u8]) -> bool {
        piece != [0; PIECE] && self.places[self.place(piece)] == piece
    }
}

thread_local! {
    static SECRETS: RefCell<Secrets> = const { RefCell::new(Secrets { places: [[0; PIECE]; PLACES], count: 0 }) };
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
        freed.windows(PIECE).filter(|piece| secrets.holds(piece)).count()
    });
    let _ = LEAKS.try_with(|all| all.set(all.get() + leaks.unwrap_or(0)));
}

/// Looks out for a secret from now on: for its beginning and for its end.
pub(crate) fn remember(secret: &[u8]) {
    SECRETS.with_borrow_mut(|secrets| {
        secrets.add(&secret[..PIECE]);
        secrets.add(&secret[secret.len() - PIECE..]);
    });
}

/// How many pieces are looked for.
pub(crate) fn remembered() -> usize {
    SECRETS.with_borrow(|secrets| secrets.count)
}

/// How often this thread freed one.
pub(crate) fn leaks() -> usize {
    LEAKS.get()
}

/// How many leaks [`works`] makes.
pub(crate) const CONTROL: usize = 3;

/// The hook sees: an ordinary vector that is freed, one that grows, and a value in a box.
pub(crate) fn works() {
    remember(b"a canary of ours");
    drop(b"this holds a canary of ours in full".to_vec());
    let mut grows = b"a canary of ours".to_vec();
    grows.reserve_exact(100_000);
    grows.fill(0);
    drop(grows);
    drop(Box::new(*b"a canary of ours"));
    assert_eq!(leaks(), CONTROL);
}
