//! One connection out of many addresses (RFC 8305, "Happy Eyeballs"): IPv6 and IPv4 take turns, a silent one holds the next
//! back for a moment only, and the first that stands is the only one: all others are dropped before a byte is said.

use crate::error::ErrorKind;
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;
/// How long IPv4 waits for an answer about IPv6 (RFC 8305 §3, Resolution Delay).
const RESOLUTION: Duration = Duration::from_millis(50);
/// How long an address may be silent before the next is tried beside it (§5, Connection Attempt Delay).
const ATTEMPT: Duration = Duration::from_millis(250);

/// What a question about addresses came to; no addresses are an answer too.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Six(Vec<IpAddr>),
    Four(Vec<IpAddr>),
    /// All that there is, in an order of its own.
    Both(Vec<IpAddr>),
}

/// Addresses that were not tried yet.
#[derive(Default)]
struct Waiting {
    six: VecDeque<IpAddr>,
    four: VecDeque<IpAddr>,
    /// The next is to be IPv4.
    turn: bool,
    /// How many were taken in.
    known: usize,
}

impl Waiting {
    fn take_in(&mut self, answer: Answer) {
        let (Answer::Six(found) | Answer::Four(found) | Answer::Both(found)) = answer;
        for address in found.into_iter().take(ADDRESSES - self.known.min(ADDRESSES)) {
            self.known += 1;
            if address.is_ipv6() { self.six.push_back(address) } else { self.four.push_back(address) }
        }
    }

    fn next(&mut self) -> Option<IpAddr> {
        let six = if self.turn { None } else { self.six.pop_front() };
        let next = six.or_else(|| self.four.pop_front()).or_else(|| self.six.pop_front())?;
        self.turn = next.is_ipv6();
        Some(next)
    }
}

/// Opens a connection to one of the addresses that `questions` come to, all in all within `step`.
///
/// Errors: `UnknownHost` if there is no address, `TimedOut` if one of them was still silent, else `Unreachable`.
pub(super) async fn race<S, F>(
    mut questions: JoinSet<Answer>,
    connect: impl Fn(IpAddr) -> F,
    step: Duration,
) -> Result<S, ErrorKind>
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut tries: JoinSet<io::Result<S>> = JoinSet::new();
    let mut waiting = Waiting::default();
    // Nothing is tried before: until there is an address, then while IPv6 is waited for, then while the last try is young.
    let mut not_before: Option<Instant> = None;
    let run = async {
        loop {
            let young = not_before.is_some_and(|at| at > Instant::now());
            if !young && let Some(address) = waiting.next() {
                tries.spawn(connect(address));
                not_before = Some(Instant::now() + ATTEMPT);
                continue;
            }
            if questions.is_empty() && tries.is_empty() && waiting.six.is_empty() && waiting.four.is_empty() {
                return Err(if waiting.known == 0 { ErrorKind::UnknownHost } else { ErrorKind::Unreachable });
            }
            let more = !waiting.six.is_empty() || !waiting.four.is_empty();
            tokio::select! {
                biased;
                // Cancel-safe: a set keeps what was not taken.
                Some(done) = tries.join_next() => match done {
                    Ok(Ok(stream)) => return Ok(stream),
                    // Who refuses need not be waited for.
                    Ok(Err(_)) | Err(_) => not_before = None,
                },
                // Cancel-safe likewise.
                Some(answer) = questions.join_next() => {
                    let Ok(answer) = answer else { continue };
                    let early = matches!(answer, Answer::Four(_)) && !questions.is_empty() && waiting.known == 0;
                    let late = matches!(answer, Answer::Six(_)) && tries.is_empty();
                    waiting.take_in(answer);
                    if early && waiting.known > 0 {
                        not_before = Some(Instant::now() + RESOLUTION);
                    } else if late {
                        not_before = None;
                    }
                }
                // Cancel-safe: a point in time.
                () = async { match not_before { Some(at) => sleep_until(at).await, None => pending().await } }, if more => {}
            }
        }
    };
    timeout(step, run).await.unwrap_or(Err(ErrorKind::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::time::sleep;

    /// What each address does, after so many milliseconds; who is not listed is silent.
    #[derive(Clone, Copy)]
    enum Does {
        Stand(u64),
        Refuse(u64),
        Silent,
    }

    /// Takes note when it is gone.
    struct Guard(IpAddr, Arc<Mutex<Vec<IpAddr>>>);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[derive(Debug, PartialEq)]
    struct Run {
        result: Result<String, ErrorKind>,
        /// Who was tried, and when.
        tried: Vec<(String, u64)>,
        /// The race was over then.
        over: u64,
    }

    fn six(n: u8) -> IpAddr {
        format!("2001:db8::{n}").parse().unwrap()
    }

    fn four(n: u8) -> IpAddr {
        format!("192.0.2.{n}").parse().unwrap()
    }

    /// Runs a race with these answers, each after so many milliseconds.
    async fn run(answers: &[(u64, Answer)], does: impl Fn(IpAddr) -> Does) -> Run {
        let begun = Instant::now();
        let mut questions = JoinSet::new();
        for (after, answer) in answers.iter().cloned() {
            questions.spawn(async move {
                sleep(Duration::from_millis(after)).await;
                answer
            });
        }
        let (tried, gone) = (Mutex::new(Vec::new()), Arc::new(Mutex::new(Vec::new())));
        let connect = |address: IpAddr| {
            tried.lock().unwrap().push((address.to_string(), begun.elapsed().as_millis() as u64));
            let (does, guard) = (does(address), Guard(address, gone.clone()));
            async move {
                match does {
                    Does::Stand(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Ok(guard)
                    }
                    Does::Refuse(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Err(io::ErrorKind::ConnectionRefused.into())
                    }
                    Does::Silent => pending().await,
                }
            }
        };
        let result = race(questions, connect, Duration::from_secs(20)).await;
        let over = begun.elapsed().as_millis() as u64;
        // The tasks of the others end now.
        tokio::task::yield_now().await;
        let tried = tried.into_inner().unwrap();
        let left = tried.len() - gone.lock().unwrap().len();
        assert_eq!(left, usize::from(result.is_ok()), "one is left, or none");
        Run { result: result.map(|guard| guard.0.to_string()), tried, over }
    }

    fn both(sixes: &[u8], fours: &[u8]) -> Vec<(u64, Answer)> {
        let sixes = sixes.iter().map(|n| six(*n)).collect();
        let fours = fours.iter().map(|n| four(*n)).collect();
        vec![(0, Answer::Six(sixes)), (0, Answer::Four(fours))]
    }

    fn named(tried: &[(IpAddr, u64)]) -> Vec<(String, u64)> {
        tried.iter().map(|(address, at)| (address.to_string(), *at)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn families_take_turns_and_a_silent_one_holds_the_next_back_for_a_moment() {
        let run =
            run(&both(&[1, 2, 3], &[1, 2]), |address| if address == six(3) { Does::Stand(10) } else { Does::Silent })
                .await;
        let order = [(six(1), 0), (four(1), 250), (six(2), 500), (four(2), 750), (six(3), 1000)];
        assert_eq!(run.tried, named(&order));
        assert_eq!((run.result, run.over), (Ok(six(3).to_string()), 1010));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_is_passed_over_at_once() {
        let run =
            run(&both(&[1], &[1]), |address| if address.is_ipv6() { Does::Refuse(20) } else { Does::Stand(0) }).await;
        assert_eq!(run.tried, named(&[(six(1), 0), (four(1), 20)]));
        assert_eq!(run.result, Ok(four(1).to_string()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_may_still_win() {
        let run =
            run(&both(&[1], &[1]), |address| if address.is_ipv6() { Does::Stand(300) } else { Does::Stand(100) }).await;
        assert_eq!((run.result, run.over), (Ok(six(1).to_string()), 300));
        assert_eq!(run.tried.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_about_ipv6_is_waited_for_a_moment_and_no_longer() {
        let answers = |after| [(after, Answer::Six(vec![six(1)])), (0, Answer::Four(vec![four(1)]))];
        let stand = |_| Does::Stand(0);
        assert_eq!(run(&answers(40), stand).await.tried, named(&[(six(1), 40)]));
        assert_eq!(run(&answers(60), stand).await.tried, named(&[(four(1), 50)]));
        // A name server that drops questions about IPv6.
        assert_eq!(run(&answers(15_000), stand).await.over, 50);
        // None at all is an answer.
        let none = [(10, Answer::Six(Vec::new())), (0, Answer::Four(vec![four(1)]))];
        assert_eq!(run(&none, stand).await.tried, named(&[(four(1), 10)]));
        // And IPv6 waits for nothing.
        let slow = [(0, Answer::Six(vec![six(1)])), (5000, Answer::Four(vec![four(1)]))];
        assert_eq!(run(&slow, stand).await.over, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_come_late_are_tried_too() {
        let answers = [(0, Answer::Six(vec![six(1)])), (3000, Answer::Four(vec![four(1)]))];
        let run = run(&answers, |address| if address.is_ipv6() { Does::Silent } else { Does::Stand(0) }).await;
        assert_eq!(run.tried, named(&[(six(1), 0), (four(1), 3000)]));
        assert!(run.result.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_and_says_why() {
        let nobody = run(&both(&[], &[]), |_| Does::Silent).await;
        assert_eq!((nobody.result, nobody.over), (Err(ErrorKind::UnknownHost), 0));
        let refused = run(&both(&[1], &[1, 2]), |_| Does::Refuse(0)).await;
        assert_eq!((refused.result, refused.over, refused.tried.len()), (Err(ErrorKind::Unreachable), 0, 3));
        let silent = run(&both(&[1], &[1]), |_| Does::Silent).await;
        assert_eq!((silent.result, silent.over), (Err(ErrorKind::TimedOut), 20_000));
        let mute = run(&[(90_000, Answer::Both(Vec::new()))], |_| Does::Silent).await;
        assert_eq!((mute.result, mute.over), (Err(ErrorKind::TimedOut), 20_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_with_a_thousand_addresses_is_tried_eight_times() {
        let many = [(0, Answer::Both((0..250).map(four).chain((0..250).map(six)).collect()))];
        let run = run(&many, |_| Does::Refuse(0)).await;
        assert_eq!((run.result, run.tried.len()), (Err(ErrorKind::Unreachable), ADDRESSES));
    }
}
