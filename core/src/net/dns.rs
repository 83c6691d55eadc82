//! Service records (RFC 2782) of `_xmpp-client` and, mixed in, `_xmpps-client` (XEP-0368); and addresses.

use super::Endpoint;
use hickory_resolver::TokioResolver as Hickory;
use hickory_resolver::proto::rr::{RData, RecordType};
use rand::RngExt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Endpoints that are kept of an answer; a domain with more is not helped by trying them all.
const MOST: usize = 16;

/// Records that are looked at before they are ordered.
const READ: usize = 64;

/// Asks DNS as the system is set to.
pub(super) type Resolver = std::sync::Arc<Hickory>;

/// A service record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub priority: u16,
    pub weight: u16,
    pub host: String,
    pub port: u16,
}

/// What DNS says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing, or DNS did not answer.
    None,
    /// It is decidedly not there (a lone target `.`).
    Refused,
    Found(Vec<Service>),
}

/// Asks for the records of `service` at `domain`. No answer within `step` is as good as none.
pub(crate) async fn services(service: &str, domain: &str, step: Duration) -> Answer {
    match resolver() {
        Some(resolver) => ask(&resolver, service, domain, step).await,
        None => Answer::None,
    }
}

/// One that asks as the system is set to now, which changes with the network. None where the system keeps no resolv.conf
/// (Android): the caller falls back to the domain itself, and to the system's own way to find an address.
pub(super) fn resolver() -> Option<Resolver> {
    Hickory::builder_tokio().and_then(|builder| builder.build()).ok().map(Resolver::new)
}

/// Whether a name is DNS's alone: not one of this machine or of the network around it (RFC 6761 §6.3, RFC 6762 §3).
pub(super) fn is_global(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.rsplit_once('.').is_some_and(|(_, top)| !matches!(top, "local" | "localhost"))
}

/// The addresses of a host in one family; none if there are none, or no answer.
pub(super) async fn addresses(resolver: &Hickory, host: &str, six: bool) -> Vec<IpAddr> {
    let kind = if six { RecordType::AAAA } else { RecordType::A };
    let Ok(lookup) = resolver.lookup(format!("{}.", host.trim_end_matches('.')), kind).await else {
        return Vec::new();
    };
    let found = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::A(address) if !six => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) if six => Some(IpAddr::V6(address.0)),
        _ => None,
    });
    found.take(READ).collect()
}

async fn ask(resolver: &Hickory, service: &str, domain: &str, step: Duration) -> Answer {
    let lookup = resolver.lookup(format!("{service}._tcp.{domain}."), RecordType::SRV);
    let Ok(Ok(lookup)) = timeout(step, lookup).await else { return Answer::None };
    let records = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(Service {
            priority: srv.priority,
            weight: srv.weight,
            host: srv.target.to_ascii().trim_end_matches('.').to_owned(),
            port: srv.port,
        }),
        _ => None,
    });
    read(records.take(READ).collect())
}

/// Tells a refusal from records; a target `.` among others is ignored.
fn read(mut records: Vec<Service>) -> Answer {
    let any = !records.is_empty();
    records.retain(|record| !record.host.is_empty());
    match (any, records.is_empty()) {
        (false, _) => Answer::None,
        (true, true) => Answer::Refused,
        (true, false) => Answer::Found(records),
    }
}

/// The order in which to try. Both services compete by priority and weight (XEP-0368 §3); the fallback is for a domain
/// that says nothing of either. Empty if the domain refuses.
pub(crate) fn order(plain: Answer, secure: Answer, fallback: Endpoint, rng: &mut impl rand::Rng) -> Vec<Endpoint> {
    let mut found: Vec<(Service, bool)> = Vec::new();
    let mut refused = false;
    for (answer, direct) in [(secure, true), (plain, false)] {
        match answer {
            Answer::None => {}
            Answer::Refused => refused = true,
            Answer::Found(records) => found.extend(records.into_iter().map(|record| (record, direct))),
        }
    }
    if found.is_empty() {
        return if refused { Vec::new() } else { vec![fallback] };
    }
    found.sort_by_key(|(record, _)| record.priority);
    let mut ordered = Vec::new();
    while let Some((first, _)) = found.first() {
        let priority = first.priority;
        let group = found.iter().take_while(|(record, _)| record.priority == priority).count();
        let (record, direct) = found.remove(draw(&found[..group], rng));
        ordered.push(Endpoint { host: record.host, port: record.port, direct });
    }
    ordered.truncate(MOST);
    ordered
}

/// Draws one of a group by weight (RFC 2782): those of weight 0 come first, so that they have a small chance beside
/// others.
fn draw(group: &[(Service, bool)], rng: &mut impl rand::Rng) -> usize {
    let mut indexes: Vec<usize> = (0..group.len()).collect();
    indexes.sort_by_key(|&index| group[index].0.weight != 0);
    let total: u32 = group.iter().map(|(record, _)| u32::from(record.weight)).sum();
    let drawn = rng.random_range(0..=total);
    let mut sum = 0;
    for &index in &indexes {
        sum += u32::from(group[index].0.weight);
        if sum >= drawn {
            return index;
        }
    }
    unreachable!("the last running sum is the total")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::op::Message;
    use hickory_resolver::proto::rr::rdata::SRV;
    use hickory_resolver::proto::rr::{Name, Record};
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use tokio::net::UdpSocket;

    fn record(priority: u16, weight: u16, host: &str, port: u16) -> Service {
        Service { priority, weight, host: host.into(), port }
    }

    fn fallback() -> Endpoint {
        Endpoint { host: "x.test".into(), port: 5222, direct: false }
    }

    fn hosts(plain: Answer, secure: Answer, seed: u64) -> Vec<(String, bool)> {
        let found = order(plain, secure, fallback(), &mut StdRng::seed_from_u64(seed));
        found.into_iter().map(|endpoint| (endpoint.host, endpoint.direct)).collect()
    }

    /// A socket on loopback, and a resolver that asks there.
    async fn name_server() -> (UdpSocket, Hickory) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut connection = ConnectionConfig::udp();
        connection.port = socket.local_addr().unwrap().port();
        let server = NameServerConfig::new("127.0.0.1".parse().unwrap(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let resolver = Hickory::builder_with_config(config, TokioRuntimeProvider::default()).build().unwrap();
        (socket, resolver)
    }

    /// A name server on loopback that answers one question with these records. Returns what a resolver makes of it, and
    /// the name that was asked for.
    async fn resolved(answers: &[(u16, u16, u16, &str)]) -> (Answer, String) {
        let (socket, resolver) = name_server().await;
        let step = Duration::from_secs(5);
        let serve = async {
            let mut packet = [0; 1500];
            let (length, from) = socket.recv_from(&mut packet).await.unwrap();
            let question = Message::from_vec(&packet[..length]).unwrap();
            let name = question.queries[0].name().clone();
            let mut reply = question.into_response();
            for (priority, weight, port, target) in answers {
                let srv = SRV::new(*priority, *weight, *port, Name::from_ascii(target).unwrap());
                reply.add_answer(Record::from_rdata(name.clone(), 60, RData::SRV(srv)));
            }
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            name.to_ascii()
        };
        tokio::join!(ask(&resolver, "_xmpp-client", "x.test", step), serve)
    }

    #[tokio::test]
    async fn records_are_asked_for_and_read() {
        let (answer, asked) = resolved(&[(5, 1, 5222, "a.x.test."), (9, 2, 443, "b.test.")]).await;
        assert_eq!(asked.to_lowercase(), "_xmpp-client._tcp.x.test.");
        assert_eq!(answer, Answer::Found(vec![record(5, 1, "a.x.test", 5222), record(9, 2, "b.test", 443)]));
        assert_eq!(resolved(&[(0, 0, 0, ".")]).await.0, Answer::Refused);
        assert_eq!(resolved(&[]).await.0, Answer::None);
    }

    #[tokio::test]
    async fn both_families_are_asked_for_apart_and_read() {
        let (socket, resolver) = name_server().await;
        let serve = async {
            for _ in 0..2 {
                let mut packet = [0; 1500];
                let (length, from) = socket.recv_from(&mut packet).await.unwrap();
                let question = Message::from_vec(&packet[..length]).unwrap();
                let (name, kind) = (question.queries[0].name().clone(), question.queries[0].query_type());
                let mut reply = question.into_response();
                let data = match kind {
                    RecordType::AAAA => RData::AAAA("2001:db8::1".parse().unwrap()),
                    _ => RData::A("192.0.2.1".parse().unwrap()),
                };
                reply.add_answer(Record::from_rdata(name, 60, data));
                socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        };
        let asked =
            async { (addresses(&resolver, "h.x.test", true).await, addresses(&resolver, "h.x.test.", false).await) };
        let ((six, four), ()) = tokio::join!(asked, serve);
        assert_eq!(six, ["2001:db8::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(four, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn names_of_this_machine_and_its_network_are_not_dnss() {
        assert!(is_global("x.test") && is_global("a.x.test."));
        assert!(!is_global("localhost") && !is_global("box") && !is_global("box.local.") && !is_global("a.localhost"));
    }

    fn records() -> impl Strategy<Value = Vec<Service>> {
        let one = (0u16..4, prop_oneof![Just(0u16), 0..100u16, Just(u16::MAX)], 0u16..1000);
        proptest::collection::vec(one, 0..8).prop_map(|all| {
            let each = |(n, (priority, weight, port)): (usize, (u16, u16, u16))| Service {
                priority,
                weight,
                host: format!("h{n}-{priority}"),
                port,
            };
            all.into_iter().enumerate().map(each).collect()
        })
    }

    proptest! {
        #[test]
        fn every_record_of_both_services_is_tried_once_and_none_before_a_lower_priority(
            plain in records(), secure in records(), seed in any::<u64>(),
        ) {
            let answer = |records: &Vec<Service>| read(records.clone());
            let ordered = order(answer(&plain), answer(&secure), fallback(), &mut StdRng::seed_from_u64(seed));
            if plain.is_empty() && secure.is_empty() {
                prop_assert_eq!(ordered, vec![fallback()]);
                return Ok(());
            }
            let place = |record: &Service, direct| (record.host.clone(), record.port, direct);
            let mut given: Vec<_> = plain.iter().map(|record| place(record, false)).collect();
            given.extend(secure.iter().map(|record| place(record, true)));
            let mut tried: Vec<_> = ordered.iter().map(|e| (e.host.clone(), e.port, e.direct)).collect();
            let priorities: Vec<char> = tried.iter().map(|(host, ..)| host.chars().last().unwrap()).collect();
            prop_assert!(priorities.is_sorted());
            given.sort();
            tried.sort();
            prop_assert_eq!(tried, given);
        }

        #[test]
        fn a_heavy_record_comes_first_more_often_whichever_service_it_is_of(direct in any::<bool>(), seed in any::<u64>()) {
            let heavy = Answer::Found(vec![record(1, 90, "heavy", 1)]);
            let light = Answer::Found(vec![record(1, 10, "light", 1)]);
            let mut rng = StdRng::seed_from_u64(seed);
            let first = (0..1000).filter(|_| {
                let (plain, secure) = if direct { (&light, &heavy) } else { (&heavy, &light) };
                order(plain.clone(), secure.clone(), fallback(), &mut rng)[0].host == "heavy"
            });
            // 900 of 1000 are expected; the odds of fewer than 800 are below 10^-20.
            prop_assert!(first.count() > 800);
        }
    }

    #[test]
    fn of_many_records_the_best_are_tried() {
        let plain = Answer::Found((0..40).map(|n| record(40 - n, 0, &format!("h{}", 40 - n), 1)).collect());
        let names: Vec<String> = hosts(plain, Answer::None, 1).into_iter().map(|(host, _)| host).collect();
        assert_eq!(names, (1..=MOST).map(|n| format!("h{n}")).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_is_silent_says_nothing() {
        let (_silent, resolver) = name_server().await;
        assert_eq!(ask(&resolver, "_xmpp-client", "x.test", Duration::from_secs(5)).await, Answer::None);
    }

    #[test]
    fn a_domain_that_says_nothing_is_tried_itself() {
        assert_eq!(hosts(Answer::None, Answer::None, 1), [("x.test".to_owned(), false)]);
    }

    #[test]
    fn a_domain_that_refuses_is_not_tried() {
        let refusal = || read(vec![record(0, 0, "", 0)]);
        assert_eq!(refusal(), Answer::Refused);
        assert!(hosts(refusal(), Answer::None, 1).is_empty());
        assert!(hosts(refusal(), refusal(), 1).is_empty());
        let secure = Answer::Found(vec![record(5, 0, "a", 443)]);
        assert_eq!(hosts(refusal(), secure, 1), [("a".to_owned(), true)]);
    }

    #[test]
    fn priority_comes_before_weight_and_both_services_compete() {
        let plain = Answer::Found(vec![record(20, 9, "later", 5222), record(5, 1, "first", 5222)]);
        let secure = Answer::Found(vec![record(10, 0, "second", 443)]);
        for seed in 0..20 {
            let names: Vec<String> =
                hosts(plain.clone(), secure.clone(), seed).into_iter().map(|(host, _)| host).collect();
            assert_eq!(names, ["first", "second", "later"]);
        }
    }

    #[test]
    fn weight_sets_the_chance_of_being_first() {
        let plain = Answer::Found(vec![record(1, 0, "zero", 1), record(1, 75, "heavy", 1), record(1, 25, "light", 1)]);
        let mut first = std::collections::HashMap::new();
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..10_000 {
            let host = order(plain.clone(), Answer::None, fallback(), &mut rng).remove(0).host;
            *first.entry(host).or_insert(0) += 1;
        }
        assert!((7_200..7_700).contains(&first["heavy"]), "{first:?}");
        assert!((2_300..2_700).contains(&first["light"]), "{first:?}");
        assert!((20..250).contains(&first["zero"]), "{first:?}");
    }

    #[test]
    fn every_record_is_tried_once() {
        let plain = Answer::Found((0..6).map(|n| record(1, n, &format!("h{n}"), 1)).collect());
        let mut names: Vec<_> = hosts(plain, Answer::None, 3).into_iter().map(|(host, _)| host).collect();
        names.sort();
        assert_eq!(names, ["h0", "h1", "h2", "h3", "h4", "h5"]);
    }
}
