//! Turns: what changes one account happens in the order in which it arrived, though every request is a task.

use std::collections::HashMap;
use tokio::sync::oneshot;

/// The last turn that was given in each lane.
pub(crate) struct Lanes {
    last: HashMap<String, oneshot::Receiver<()>>,
}

/// A place in a lane. The next one comes when this, or what [`Turn::come`] made of it, is dropped.
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    done: oneshot::Sender<()>,
}

/// The right to act; dropping it passes the turn on, also on a panic.
pub(crate) struct Held {
    _done: oneshot::Sender<()>,
}

impl Lanes {
    /// No turns yet.
    pub(crate) fn new() -> Self {
        Lanes { last: HashMap::new() }
    }

    /// The turn after all that were given in `lane` so far.
    pub(crate) fn turn(&mut self, lane: String) -> Turn {
        // Lanes are named by the input; those that are at rest need no place.
        if self.last.len() >= 64 {
            self.last.retain(|_, last| last.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        }
        let (done, after) = oneshot::channel();
        Turn { before: self.last.insert(lane, after), done }
    }
}

impl Turn {
    /// Waits for the turn.
    pub(crate) async fn come(self) -> Held {
        if let Some(before) = self.before {
            // The sender is only ever dropped: that is the sign.
            let _ = before.await;
        }
        Held { _done: self.done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Whether it is this turn's time already.
    fn ready(turn: &mut std::pin::Pin<&mut impl Future<Output = Held>>) -> Option<Held> {
        match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(held) => Some(held),
            Poll::Pending => None,
        }
    }

    #[test]
    fn turns_of_one_lane_come_in_order_and_other_lanes_do_not_wait() {
        let mut lanes = Lanes::new();
        let mut first = pin!(lanes.turn("a".into()).come());
        let mut second = pin!(lanes.turn("a".into()).come());
        let mut other = pin!(lanes.turn("b".into()).come());
        assert!(ready(&mut second).is_none());
        assert!(ready(&mut other).is_some());
        let held = ready(&mut first).unwrap();
        assert!(ready(&mut second).is_none());
        drop(held);
        assert!(ready(&mut second).is_some());
    }

    #[test]
    fn a_request_that_is_given_up_passes_its_turn_on() {
        let mut lanes = Lanes::new();
        let first = lanes.turn("a".into());
        let mut second = pin!(lanes.turn("a".into()).come());
        drop(first);
        assert!(ready(&mut second).is_some());
    }

    #[test]
    fn lanes_at_rest_are_forgotten() {
        let mut lanes = Lanes::new();
        let busy = lanes.turn("busy".into());
        for number in 0..1000 {
            drop(lanes.turn(number.to_string()));
        }
        assert!(lanes.last.len() <= 64);
        let mut after = pin!(lanes.turn("busy".into()).come());
        assert!(ready(&mut after).is_none());
        drop(busy);
        assert!(ready(&mut after).is_some());
    }
}
