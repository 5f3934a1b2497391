//! Which hosts take a domain's mail: a fixed route, or DNS (RFC 5321 §5.1, RFC 7505).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use smtp::codec::table;
use smtp::send::{Credentials, Mechanism, Verdict};
use store::{NewRoute, Route, RouteMechanism, RouteTls};

use crate::dns::ask::{self, Answer, Asker};
use crate::house::House;
use crate::tls_policy::{Barred, Policies, Wanted, Way};

/// Addresses tried in one attempt; a domain with more has others left for the next one. Postfix tries 5.
const ADDRESSES_MAX: usize = 8;
/// Hosts of a domain looked up.
const HOSTS_MAX: usize = 5;
/// The port of mail between hosts.
const SMTP_PORT: u16 = 25;

/// How long a smart host is left alone that has refused our sign-in: it may count wrong passwords, as we do.
const REFUSED_REST: Duration = Duration::from_secs(5 * 60);

/// A place to connect to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The host's name, for TLS and reports; for a route to an address, that address.
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
    /// What TLS has to be on the way there.
    pub(crate) way: Way,
    /// The route that leads there, if the operator set one.
    pub(crate) route: Option<Arc<NewRoute>>,
    /// The host of that route refused our sign-in last time.
    pub(crate) was_refused: bool,
}

impl Target {
    /// TLS begins before anything is said.
    pub(crate) fn is_implicit(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.tls == RouteTls::Implicit)
    }

    /// What a smart host wants to hear.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let known = self.route.as_ref()?.sign_in.as_ref()?;
        let mechanism = match known.mechanism {
            RouteMechanism::Plain => Mechanism::Plain,
            RouteMechanism::Login => Mechanism::Login,
        };
        Some(Credentials { mechanism, name: known.login.clone(), password: known.secret.clone() })
    }

    /// The same host, and we are the same there.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let secret = |target: &Self| {
            let known = target.route.as_ref()?.sign_in.as_ref()?;
            Some((known.login.clone(), known.secret.expose_secret().clone()))
        };
        self.address == other.address
            && self.host == other.host
            && self.is_implicit() == other.is_implicit()
            && secret(self) == secret(other)
    }
}

/// Finds places.
pub(crate) struct Finder {
    house: Arc<House>,
    policies: Arc<Policies>,
    /// For fixed routes, whose names may stand in the machine's own files; `None` when it has no usable DNS configuration.
    resolver: Option<TokioResolver>,
}

/// A mail exchanger: its preference and name.
type Exchanger = (u16, String);

impl Finder {
    pub(crate) fn new(house: Arc<House>, policies: Arc<Policies>) -> Self {
        let resolver = crate::dns::resolver(&house.config);
        if let Err(error) = &resolver {
            tracing::warn!("no DNS: mail leaves by fixed routes to addresses only: {error}");
        }
        Self { house, policies, resolver: resolver.ok() }
    }

    /// The places for a domain's mail, best first; never empty. `via` is where an operator has sent this very mail, `HOST:PORT`. A mail that need
    /// not be safe (`tls_optional`) goes past what the domain asks of TLS, and never past what the operator does (RFC 8689 §4.2.2).
    ///
    /// # Errors
    /// The verdict that every recipient there gets.
    pub(crate) async fn find(
        &self,
        domain: &str,
        via: Option<&str>,
        tls_optional: bool,
    ) -> Result<Vec<Target>, Verdict> {
        if let Some(via) = via {
            let set = NewRoute {
                domain: domain.to_owned(),
                target: via.to_owned(),
                tls: RouteTls::Policy,
                sign_in: None,
            };
            return self.by_route(domain, Route { set, refused_at: None, refused: String::new() }).await;
        }
        match self.route(domain).await? {
            Some(route) => self.by_route(domain, route).await,
            None => self.by_dns(domain, tls_optional).await,
        }
    }

    async fn route(&self, domain: &str) -> Result<Option<Route>, Verdict> {
        let domain = domain.to_owned();
        let route = self
            .house
            .store
            .read(domain, |tx, domain| Box::pin(async move { tx.next_hop(domain).await }))
            .await;
        route.map_err(|error| Verdict::Deferred(smtp::serve::reply_to(&error)))
    }

    async fn by_route(&self, domain: &str, route: Route) -> Result<Vec<Target>, Verdict> {
        let (refused_at, route) = (route.refused_at, Arc::new(route.set));
        let Some((host, port)) = route_parts(&route.target) else {
            tracing::error!("a mail route is not HOST:PORT");
            return Err(Verdict::Deferred(table::NO_DNS.reply()));
        };
        if refused_at.is_some_and(|at| self.house.now() < at.plus(REFUSED_REST)) {
            return Err(Verdict::Deferred(table::SMART_HOST_REFUSES.reply()));
        }
        let mut way = self.policies.by_route(domain, host).await?;
        way.demand = match (&route.sign_in, route.tls) {
            (Some(_), _) => way.demand.for_password(host),
            (None, RouteTls::Starttls | RouteTls::Implicit) => way.demand.encrypted(),
            (None, RouteTls::Policy) => way.demand,
        };
        let addresses = self.addresses(host).await;
        let target = |ip| Target {
            host: host.to_owned(),
            address: SocketAddr::new(ip, port),
            way: way.clone(),
            route: Some(route.clone()),
            was_refused: refused_at.is_some(),
        };
        let targets: Vec<Target> = addresses.into_iter().map(target).collect();
        if targets.is_empty() { Err(Verdict::Deferred(table::NO_DNS.reply())) } else { Ok(targets) }
    }

    async fn by_dns(&self, domain: &str, tls_optional: bool) -> Result<Vec<Target>, Verdict> {
        let (mut exchangers, is_secure) = exchangers(self.policies.asker(), domain).await?;
        let wanted = match tls_optional {
            true => self.policies.of_operator(domain).await?,
            false => self.policies.of_domain(domain).await?,
        };
        // Signed records are asked for on signed ground only.
        let is_secure = is_secure && !tls_optional;
        // Hosts of the same preference share the work (RFC 5321 §5.1).
        let mut dice = vec![0; exchangers.len()];
        self.house.chance.fill(&mut dice);
        let mut drawn: Vec<(Exchanger, u8)> = exchangers.drain(..).zip(dice).collect();
        drawn.sort_by_key(|((preference, _), die)| (*preference, *die));
        let sorted = drawn.into_iter().map(|(exchanger, _)| exchanger).collect();
        let hosts = before_ourselves(sorted, &self.house.config.house.hostname);
        if hosts.is_empty() {
            return Err(Verdict::Refused(table::MX_LOOP.reply()));
        }
        let (mut targets, mut barred) = (Vec::new(), None);
        for host in hosts.iter().take(HOSTS_MAX) {
            match self.at_host(&wanted, (domain, host), is_secure).await {
                Ok(some) => targets.extend(some),
                Err(reason) => barred = Some(reason),
            }
        }
        targets.truncate(ADDRESSES_MAX);
        match (targets.is_empty(), barred) {
            (false, _) => Ok(targets),
            (true, Some(reason)) => Err(reason.verdict()),
            (true, None) => Err(Verdict::Deferred(table::NO_DNS.reply())),
        }
    }

    /// The places at a host that DNS names; none when it has no address now.
    async fn at_host(
        &self,
        wanted: &Wanted,
        (domain, host): (&str, &str),
        is_secure: bool,
    ) -> Result<Vec<Target>, Barred> {
        let found = match ask::addresses(self.policies.asker(), host).await {
            Ok(found) if !found.ips.is_empty() => found,
            Ok(_) => return Ok(Vec::new()),
            Err(fault) => {
                tracing::info!("a mail host has no address: {fault}");
                return Ok(Vec::new());
            }
        };
        let way = self.policies.of_host(wanted, (domain, host), &found, is_secure).await?;
        let target = |ip| Target {
            host: host.to_owned(),
            address: SocketAddr::new(ip, SMTP_PORT),
            way: way.clone(),
            route: None,
            was_refused: false,
        };
        Ok(found.ips.into_iter().take(ADDRESSES_MAX).map(target).collect())
    }

    /// The addresses of a fixed next hop; none when it has none or nobody says.
    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(ip) = host.parse() {
            return vec![ip];
        }
        let Some(resolver) = &self.resolver else { return Vec::new() };
        let name = format!("{}.", host.trim_end_matches('.'));
        match resolver.lookup_ip(name).await {
            Ok(found) => found.iter().take(ADDRESSES_MAX).collect(),
            Err(error) => {
                tracing::info!("a mail host has no address: {error}");
                Vec::new()
            }
        }
    }
}

/// The domain's mail exchangers; the domain itself when it names none (RFC 5321 §5.1). With them, whether that answer was validated.
async fn exchangers(asker: &Asker, domain: &str) -> Result<(Vec<Exchanger>, bool), Verdict> {
    match asker.ask(domain, RecordType::MX).await {
        Ok(Answer { exists: false, .. }) => Err(Verdict::Refused(table::NO_SUCH_DOMAIN.reply())),
        Ok(answer) => {
            let found = answer.records.iter().filter_map(|data| match data {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii().to_ascii_lowercase())),
                _ => None,
            });
            Ok((judged(found.collect(), domain)?, answer.is_secure))
        }
        Err(fault) => {
            tracing::info!("DNS did not answer: {fault}");
            Err(Verdict::Deferred(table::NO_DNS.reply()))
        }
    }
}

/// A domain whose only exchanger is the root takes no mail (RFC 7505 §3). A root among others is no host and is left out.
fn judged(found: Vec<Exchanger>, domain: &str) -> Result<Vec<Exchanger>, Verdict> {
    if found.is_empty() {
        // An alias without MX records answers like this.
        return Ok(vec![(0, domain.to_owned())]);
    }
    let hosts: Vec<Exchanger> = found
        .into_iter()
        .map(|(preference, host)| (preference, host.trim_end_matches('.').to_owned()))
        .filter(|(_, host)| !host.is_empty())
        .collect();
    if hosts.is_empty() { Err(Verdict::Refused(table::NULL_MX.reply())) } else { Ok(hosts) }
}

/// Where we stand in the list ourselves, only better hosts are tried: mail must not go round in circles (RFC 5321 §5.1).
fn before_ourselves(sorted: Vec<Exchanger>, ourselves: &str) -> Vec<String> {
    let own = sorted.iter().find(|(_, host)| host.eq_ignore_ascii_case(ourselves)).map(|(own, _)| *own);
    let better = sorted.into_iter().filter(|(preference, _)| own.is_none_or(|own| *preference < own));
    better.map(|(_, host)| host).collect()
}

/// `HOST:PORT`, with an IPv6 address in brackets.
pub(crate) fn route_parts(route: &str) -> Option<(&str, u16)> {
    let (host, port) = route.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::MX;
    use tokio::net::UdpSocket;

    use super::*;

    #[test]
    #[rustfmt::skip]
    fn routes() {
        let rows = [
            ("127.0.0.1:2525",   Some(("127.0.0.1", 2525))),
            ("[::1]:25",         Some(("::1", 25))),
            ("relay.gov.vn:587", Some(("relay.gov.vn", 587))),
            ("relay.gov.vn",     None),
            ("::1:25",           None),
            ("[::1:25",          None),
            (":25",              None),
            ("a:0",              None),
            ("a:65536",          None),
        ];
        for (route, expected) in rows {
            assert_eq!(route_parts(route), expected, "{route}");
        }
    }

    fn listed(list: &[(u16, &str)]) -> Vec<Exchanger> {
        list.iter().map(|(preference, host)| (*preference, (*host).to_owned())).collect()
    }

    #[test]
    fn rfc_7505_a_null_mx_refuses_for_good() {
        let refused = judged(listed(&[(0, ".")]), "a.vn").unwrap_err();
        assert!(refused.reply().to_string().starts_with("556 5.1.10"), "{refused:?}");
        assert_eq!(judged(listed(&[]), "a.vn").unwrap(), listed(&[(0, "a.vn")]));
        let some = judged(listed(&[(0, "."), (10, "mx.a.vn.")]), "a.vn").unwrap();
        assert_eq!(some, listed(&[(10, "mx.a.vn")]));
    }

    #[test]
    fn rfc_5321_5_1_only_hosts_better_than_ourselves_are_tried() {
        let list = listed(&[(10, "one.vn"), (20, "We.vn"), (20, "two.vn"), (30, "three.vn")]);
        assert_eq!(before_ourselves(list.clone(), "we.vn"), ["one.vn"]);
        assert_eq!(before_ourselves(list, "other.vn").len(), 4);
        assert!(before_ourselves(listed(&[(5, "we.vn")]), "we.vn").is_empty());
    }

    /// A name server in this process, and somebody who asks it.
    async fn dns() -> Asker {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
                let answer = answer(&Message::from_vec(&buffer[..count]).unwrap());
                socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        Asker::of(vec![server], std::time::Duration::from_secs(5), true)
    }

    fn answer(question: &Message) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        let mx = |preference, host: &str| {
            let mx = RData::MX(MX::new(preference, host.parse().unwrap()));
            Record::from_rdata(query.name().clone(), 60, mx)
        };
        match query.name().to_ascii().as_str() {
            "safe.vn." => {
                answer.metadata.authentic_data = true;
                answer.add_answer(mx(10, "mx.safe.vn."));
            }
            "two.vn." => drop(answer.add_answers([mx(20, "B.two.vn."), mx(10, "a.two.vn.")])),
            "null.vn." => drop(answer.add_answer(mx(0, "."))),
            "plain.vn." => {}
            "gone.vn." => answer.metadata.response_code = ResponseCode::NXDomain,
            _ => answer.metadata.response_code = ResponseCode::ServFail,
        }
        answer.add_query(query);
        answer
    }

    #[tokio::test]
    async fn what_dns_says_decides_where_mail_goes() {
        let asker = dns().await;
        let code = |verdict: Verdict| verdict.reply().to_string()[..9].to_owned();
        let (found, is_secure) = exchangers(&asker, "two.vn").await.unwrap();
        assert!(
            found.contains(&(10, "a.two.vn".to_owned())) && found.contains(&(20, "b.two.vn".to_owned())),
            "{found:?}"
        );
        assert!(!is_secure);
        assert_eq!(exchangers(&asker, "safe.vn").await.unwrap(), (listed(&[(10, "mx.safe.vn")]), true));
        assert_eq!(exchangers(&asker, "plain.vn").await.unwrap(), (listed(&[(0, "plain.vn")]), false));
        assert_eq!(code(exchangers(&asker, "null.vn").await.unwrap_err()), "556 5.1.1");
        assert_eq!(code(exchangers(&asker, "gone.vn").await.unwrap_err()), "550 5.1.2");
        let trouble = exchangers(&asker, "broken.vn").await.unwrap_err();
        assert!(matches!(trouble, Verdict::Deferred(_)), "{trouble:?}");
    }
}
