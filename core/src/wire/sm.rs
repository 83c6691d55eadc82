//! Stream Management (XEP-0198): what was counted, what is owed, what may have to be said again. No input or output here.
//!
//! Inbound, `h` counts only what the brain has committed. Outbound, a stanza is kept until the server has it. Without
//! XEP-0198 a ping's answer takes the place of `<a/>`: the server works in order, so it has what came before.

use super::{Left, Resumable};
use std::collections::VecDeque;

/// Stanzas that may be written and not acknowledged; then writing waits, which holds back the brain by its credit.
const WINDOW: usize = 1024;
/// What the stanzas may weigh that the brain has not committed; then reading waits. Their number alone is no bound: one
/// tree of a megabyte takes ten.
const HELD: usize = 8 << 20;

/// The books of one wire, over all its streams.
#[derive(Default)]
pub(crate) struct Sm {
    /// The server counts.
    pub counting: bool,
    /// What resumption needs, once granted.
    pub resumable: Option<Resumable>,
    /// Stanzas of this stream that were handed to the brain (mod 2^32), and that it committed.
    handed: u32,
    handled: u32,
    /// Stanzas handed to the brain that this stream's `h` does not count, of earlier streams: reported first.
    stale: u64,
    /// Bytes that each stanza takes which the brain has, of this and earlier streams, in order; and their sum.
    held: VecDeque<usize>,
    weight: usize,
    /// The server asked while the brain was behind: to be answered again at this count.
    owed: Option<u32>,
    /// Stanzas not yet written.
    waiting: VecDeque<Outgoing>,
    /// Written and not acknowledged.
    sent: VecDeque<Outgoing>,
    /// The server's `h` so far.
    acked: u32,
}

/// A stanza on its way out, or a nonza, which no side counts.
pub(crate) struct Outgoing {
    pub token: i64,
    pub bytes: Vec<u8>,
    counts: bool,
}

/// The server acknowledged more than it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooHigh {
    pub h: u32,
    pub sent: u32,
}

impl Sm {
    /// The books as an earlier wire left them, by the rows. What it was given counts as written: whether it was, the server
    /// says when the stream is resumed.
    pub(crate) fn left(left: Left) -> Sm {
        let mut sm = Sm {
            counting: true,
            resumable: Some(left.stream),
            handed: left.heard,
            handled: left.heard,
            acked: left.acked,
            ..Sm::default()
        };
        left.sent.into_iter().for_each(|(token, bytes)| sm.push(token, bytes));
        sm.sent = std::mem::take(&mut sm.waiting);
        sm
    }

    /// A new stream: what was written or waits belongs to an older one. `id` of XEP-0198, if it is resumable.
    pub(crate) fn begin(&mut self, counting: bool, resumable: Option<Resumable>) {
        self.stale += u64::from(self.behind());
        let held = std::mem::take(&mut self.held);
        *self = Sm { counting, resumable, stale: self.stale, held, weight: self.weight, ..Sm::default() };
    }

    /// The old stream goes on from `h` of ours, as it was told to the server, and the server's `h`. What the server has
    /// not acknowledged must be written again: [`Sm::again`].
    pub(crate) fn resumed(&mut self, told: u32, h: u32) -> Result<Option<i64>, TooHigh> {
        let token = self.acknowledged(h)?;
        // What was handed on after the count that we told comes a second time, and counts then.
        self.stale += u64::from(self.behind());
        self.handed = told;
        self.handled = told;
        self.owed = None;
        Ok(token)
    }

    /// A stanza that no stream counts goes to the brain (it came before counting began).
    pub(crate) fn handed_uncounted(&mut self) {
        self.stale += 1;
        self.weigh(0);
    }

    /// A stanza goes to the brain: its number on this stream, if the server counts.
    pub(crate) fn handed(&mut self) -> Option<u32> {
        self.handed = self.handed.wrapping_add(1);
        self.counting.then_some(self.handed)
    }

    /// A stanza that goes to the brain takes so many bytes until it is committed.
    pub(crate) fn weigh(&mut self, bytes: usize) {
        self.held.push_back(bytes);
        self.weight += bytes;
    }

    /// Whether the brain has enough for now.
    pub(crate) fn is_full(&self) -> bool {
        self.weight > HELD
    }

    /// The brain committed so many more. Returns `h` if the server waits for it.
    pub(crate) fn handled(&mut self, stanzas: u32) -> Option<u32> {
        let done = self.held.len().min(stanzas as usize);
        self.weight -= self.held.drain(..done).sum::<usize>();
        let stale = self.stale.min(u64::from(stanzas)) as u32;
        self.stale -= u64::from(stale);
        let counted = (stanzas - stale).min(self.behind());
        self.handled = self.handled.wrapping_add(counted);
        let owed = self.owed?;
        if owed.wrapping_sub(self.handled) as i32 > 0 {
            return None;
        }
        self.owed = None;
        Some(self.handled)
    }

    /// `h` for an answer to `<r/>`; what the brain still has is answered again later.
    pub(crate) fn requested(&mut self) -> u32 {
        if self.behind() > 0 {
            self.owed = Some(self.handed);
        }
        self.handled
    }

    /// `h` as it may be told now.
    pub(crate) fn h(&self) -> u32 {
        self.handled
    }

    /// The server's `h` so far, if it counts.
    pub(crate) fn acked(&self) -> Option<u32> {
        self.counting.then_some(self.acked)
    }

    /// Stanzas that the brain has not committed.
    pub(crate) fn behind(&self) -> u32 {
        self.handed.wrapping_sub(self.handled)
    }

    /// Something to be written.
    pub(crate) fn push(&mut self, token: i64, bytes: Vec<u8>) {
        let counts = [b"<message".as_slice(), b"<presence", b"<iq"].iter().any(|tag| bytes.starts_with(tag));
        self.waiting.push_back(Outgoing { token, bytes, counts });
    }

    /// The next to be written, if the server keeps up.
    pub(crate) fn write(&mut self) -> Option<&Outgoing> {
        if self.sent.len() >= WINDOW {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.sent.push_back(next);
        self.sent.back()
    }

    /// All that must be written again on a resumed stream, in order.
    pub(crate) fn again(&self) -> impl Iterator<Item = &Outgoing> {
        self.sent.iter()
    }

    /// Whether something was written that is not acknowledged.
    pub(crate) fn unacknowledged(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether something waits to be written.
    #[cfg(test)]
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The token of the last that was written, for a ping that stands for `<r/>`.
    pub(crate) fn last_sent(&self) -> Option<i64> {
        self.sent.back().map(|out| out.token)
    }

    /// The server has `h` of our stanzas. Returns the last token that this covers, if it is news.
    pub(crate) fn acknowledged(&mut self, h: u32) -> Result<Option<i64>, TooHigh> {
        let news = h.wrapping_sub(self.acked);
        let counted = self.sent.iter().filter(|out| out.counts).count() as u32;
        if news > counted {
            return Err(TooHigh { h, sent: self.acked.wrapping_add(counted) });
        }
        self.acked = h;
        let mut left = news;
        let mut token = None;
        while let Some(first) = self.sent.front() {
            if first.counts {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            token = Some(first.token);
            self.sent.pop_front();
        }
        Ok(token)
    }

    /// The answer to a ping came that was written after this token.
    pub(crate) fn answered(&mut self, token: i64) {
        while self.sent.front().is_some_and(|out| out.token <= token) {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> Sm {
        let mut sm = Sm::default();
        sm.begin(true, None);
        sm
    }

    fn sent(tokens: &[i64]) -> Sm {
        let mut sm = counting();
        for token in tokens {
            sm.push(*token, b"<message/>".to_vec());
            sm.write().unwrap();
        }
        sm
    }

    fn left(sm: &Sm) -> Vec<i64> {
        sm.again().map(|out| out.token).collect()
    }

    #[test]
    fn only_committed_stanzas_are_acknowledged() {
        let mut sm = counting();
        (0..3).for_each(|_| _ = sm.handed());
        assert_eq!(sm.requested(), 0);
        assert_eq!(sm.handled(2), None, "the third is what the server waits for");
        assert_eq!(sm.handled(1), Some(3));
        assert_eq!(sm.handled(0), None, "it is told once");
        assert_eq!(sm.requested(), 3);
    }

    #[test]
    fn the_brain_cannot_push_h_past_what_it_was_handed() {
        let mut sm = counting();
        sm.handed();
        sm.handled(5);
        assert_eq!(sm.h(), 1);
    }

    #[test]
    fn reports_about_an_older_stream_do_not_count() {
        let mut sm = counting();
        (0..3).for_each(|_| _ = sm.handed());
        sm.handled(1);
        sm.begin(true, None);
        sm.handed();
        sm.handled(2);
        assert_eq!(sm.h(), 0);
        sm.handled(1);
        assert_eq!(sm.h(), 1);
    }

    #[test]
    fn stanzas_handed_twice_over_a_resumption_count_once() {
        let mut sm = counting();
        (0..5).for_each(|_| _ = sm.handed());
        sm.handled(2);
        let told = sm.h();
        sm.handled(1);
        assert_eq!(sm.resumed(told, 0), Ok(None));
        // The server says 3, 4 and 5 again; the brain still has the first copies of 4 and 5.
        (0..3).for_each(|_| _ = sm.handed());
        sm.handled(2);
        assert_eq!(sm.h(), 2);
        sm.handled(3);
        assert_eq!(sm.h(), 5);
    }

    #[test]
    fn an_acknowledgement_covers_stanzas_in_order_and_skips_nonzas() {
        let mut sm = counting();
        for (token, bytes) in
            [(1, "<message/>"), (2, "<active xmlns='urn:xmpp:csi:0'/>"), (3, "<iq/>"), (4, "<presence/>")]
        {
            sm.push(token, bytes.into());
            sm.write().unwrap();
        }
        assert_eq!(sm.acknowledged(1), Ok(Some(2)));
        assert_eq!(left(&sm), [3, 4]);
        assert_eq!(sm.acknowledged(1), Ok(None));
        assert_eq!(sm.acknowledged(3), Ok(Some(4)));
    }

    #[test]
    fn an_acknowledgement_of_more_than_was_sent_is_refused() {
        let mut sm = sent(&[1, 2]);
        assert_eq!(sm.acknowledged(3), Err(TooHigh { h: 3, sent: 2 }));
        assert_eq!(sm.acknowledged(1), Ok(Some(1)));
        assert_eq!(sm.acknowledged(0), Err(TooHigh { h: 0, sent: 2 }), "going back is going past");
    }

    #[test]
    fn both_counts_wrap() {
        let mut sm = sent(&[1, 2, 3]);
        sm.acked = u32::MAX - 1;
        sm.handed = u32::MAX;
        sm.handled = u32::MAX;
        assert_eq!(sm.acknowledged(0), Ok(Some(2)));
        sm.handed();
        assert_eq!(sm.requested(), u32::MAX);
        assert_eq!(sm.handled(1), Some(0));
    }

    #[test]
    fn what_a_resumption_does_not_acknowledge_is_kept_in_order() {
        let mut sm = sent(&[1, 2, 3]);
        sm.push(4, b"<message/>".to_vec());
        assert_eq!(sm.resumed(0, 1), Ok(Some(1)));
        assert_eq!(left(&sm), [2, 3]);
        assert_eq!(sm.write().unwrap().token, 4);
    }

    #[test]
    fn a_new_stream_forgets_what_was_meant_for_the_old_one() {
        let mut sm = sent(&[1, 2]);
        sm.push(3, b"<message/>".to_vec());
        sm.begin(true, None);
        assert!(!sm.waits() && !sm.unacknowledged());
        assert_eq!(sm.acknowledged(0), Ok(None));
    }

    #[test]
    fn a_server_that_does_not_acknowledge_is_not_written_to_without_end() {
        let mut sm = counting();
        for token in 0..2000 {
            sm.push(token, b"<message/>".to_vec());
        }
        let mut written = 0;
        while sm.write().is_some() {
            written += 1;
        }
        assert_eq!(written, WINDOW);
        sm.acknowledged(1).unwrap();
        assert!(sm.write().is_some());
    }
}
