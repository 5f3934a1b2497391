//! Every kind of record and name, held against real handshakes.

use super::*;
use certs::issue::{self, Authority, Subject, Validity};
use certs::keys::{Key, Size};
use certs::{Certificate, GeneralName, Serial};
use rustls::{ClientConnection, ServerConnection};
use smtp::send::TlsPolicy;

use crate::keys::OwnKey;
use crate::tls::server;

const MX: &str = "mx.b.vn";
const DOMAIN: &str = "b.vn";
const LONG: Validity = Validity { from: 0, until: 4_000_000_000 };
const OVER: Validity = Validity { from: 0, until: 1_000_000_000 };

struct World {
    root: Authority,
    other_root: Authority,
}

impl World {
    fn new() -> Self {
        Self { root: root("GỐC"), other_root: root("GỐC KHÁC") }
    }

    /// A server with a certificate of this authority's and, when it shows it, the authority's own.
    fn server(&self, names: &[&str], validity: Validity, shows_root: bool) -> OwnKey {
        let key = Key::generate(Size::P256).unwrap();
        let names: Vec<GeneralName> = names.iter().map(|name| GeneralName::Dns((*name).to_owned())).collect();
        let subject = Subject::vietnamese("THỬ NGHIỆM", "Máy chủ").name().unwrap();
        let draft = issue::tls_server(&subject, key.public(), Serial::from_u64(7), validity, &names);
        let mut chain = vec![draft.signed_by(&self.root).unwrap()];
        if shows_root {
            chain.push(self.root.certificate().clone());
        }
        OwnKey { key: Arc::new(key), chain }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.root.certificate().der().to_vec())).unwrap();
        Arc::new(roots)
    }
}

fn root(name: &str) -> Authority {
    let key = Key::generate(Size::P256).unwrap();
    let subject = Subject::vietnamese(name, name).name().unwrap();
    let draft = issue::Draft::new(&subject, key.public(), Serial::from_u64(1), LONG).authority(None);
    Authority::new(draft.self_signed(&key).unwrap(), key).unwrap()
}

/// A whole handshake; what the client's side came to, and what it saw.
fn shake(own: &OwnKey, demand: &Demand, roots: &Arc<RootCertStore>) -> (bool, Option<Result<(), Failure>>) {
    let (config, seen) = client(demand, roots).unwrap();
    let mut client = ClientConnection::new(config, ServerName::try_from(MX).unwrap()).unwrap();
    let mut server = ServerConnection::new(server(own, &[]).unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        // RFC 7672 §8.1, RFC 8461 §4.2: the name that is asked for is the host's.
        assert!(server.server_name().is_none_or(|name| name == MX));
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        if client.process_new_packets().is_err() {
            return (false, seen.get());
        }
    }
    (true, seen.get())
}

fn matched(certificate: &Certificate, selector: u8, matching: u8) -> Vec<u8> {
    let selected = match selector {
        0 => certificate.der().to_vec(),
        _ => certificate.public_key().spki().to_vec(),
    };
    match matching {
        0 => selected,
        1 => digest::digest(&digest::SHA256, &selected).as_ref().to_vec(),
        _ => digest::digest(&digest::SHA512, &selected).as_ref().to_vec(),
    }
}

fn dane(records: &[(u8, u8, u8, Vec<u8>)]) -> Demand {
    let usable = records
        .iter()
        .filter_map(|(usage, selector, matching, data)| Tlsa::usable(*usage, *selector, *matching, data));
    Demand::dane(usable.collect(), vec![MX.to_owned(), DOMAIN.to_owned()])
}

#[test]
fn rfc_7672_every_selector_and_matching_of_both_usages() {
    let world = World::new();
    let nobody = Arc::new(RootCertStore::empty());
    let good = world.server(&[MX], LONG, true);
    for selector in [0, 1] {
        for matching in [0, 1, 2] {
            for (usage, own, stranger) in
                [(3, &good.chain[0], world.root.certificate()), (2, &good.chain[1], &good.chain[0])]
            {
                let what = format!("{usage} {selector} {matching}");
                let record = (usage, selector, matching, matched(own, selector, matching));
                assert_eq!(
                    shake(&good, &dane(std::slice::from_ref(&record)), &nobody),
                    (true, Some(Ok(()))),
                    "{what}"
                );
                // The same numbers, another certificate.
                let wrong = (usage, selector, matching, matched(stranger, selector, matching));
                let (stands, seen) = shake(&good, &dane(std::slice::from_ref(&wrong)), &nobody);
                assert!(!stands && matches!(seen, Some(Err(_))), "{what}: {seen:?}");
                // One that fits is enough (RFC 6698 §2.1).
                assert!(shake(&good, &dane(&[wrong, record]), &nobody).0, "{what}, one of two");
            }
        }
    }
}

#[test]
fn rfc_7672_section_3_names_and_dates_count_below_an_anchor_and_not_for_the_servers_own() {
    let world = World::new();
    let nobody = Arc::new(RootCertStore::empty());
    for (names, validity, own_counts, anchored) in [
        (&[MX][..], LONG, Ok(()), Ok(())),
        (&[DOMAIN], LONG, Ok(()), Ok(())),
        (&["other.vn"], LONG, Ok(()), Err(Failure::CertificateHostMismatch)),
        (&[MX], OVER, Ok(()), Err(Failure::CertificateExpired)),
        (&["other.vn"], OVER, Ok(()), Err(Failure::CertificateExpired)),
    ] {
        let own = world.server(names, validity, true);
        let ee = dane(&[(3, 1, 1, matched(&own.chain[0], 1, 1))]);
        assert_eq!(shake(&own, &ee, &nobody), (own_counts.is_ok(), Some(own_counts)), "{names:?}");
        let ta = dane(&[(2, 0, 1, matched(&own.chain[1], 0, 1))]);
        assert_eq!(shake(&own, &ta, &nobody), (anchored.is_ok(), Some(anchored)), "{names:?}");
    }
}

#[test]
fn rfc_7671_section_5_2_an_anchor_has_to_be_shown_unless_the_record_is_all_of_it() {
    let world = World::new();
    let nobody = Arc::new(RootCertStore::empty());
    let bare = world.server(&[MX], LONG, false);
    let root = world.root.certificate();
    for (selector, matching, stands) in
        [(0, 0, true), (0, 1, false), (0, 2, false), (1, 0, false), (1, 1, false), (1, 2, false)]
    {
        let demand = dane(&[(2, selector, matching, matched(root, selector, matching))]);
        assert_eq!(shake(&bare, &demand, &nobody).0, stands, "2 {selector} {matching}");
    }
    // A certificate that does not anchor this chain anchors nothing, shown or not.
    let mut liar = world.server(&[MX], LONG, false);
    liar.chain.push(world.other_root.certificate().clone());
    for matching in [0, 1] {
        let demand = dane(&[(2, 0, matching, matched(world.other_root.certificate(), 0, matching))]);
        let seen = shake(&liar, &demand, &nobody);
        assert_eq!(seen, (false, Some(Err(Failure::CertificateNotTrusted))), "2 0 {matching}");
    }
}

#[test]
fn rfc_7672_section_3_1_3_pkix_usages_are_unusable_and_any_certificate_then_does() {
    let world = World::new();
    let own = world.server(&["other.vn"], OVER, false);
    let demand = dane(&[(0, 1, 1, vec![1; 32]), (1, 1, 1, vec![2; 32]), (3, 1, 1, vec![3; 31])]);
    assert_eq!((demand.tls(), demand.proof()), (TlsPolicy::Required, &Proof::Any));
    assert_eq!(shake(&own, &demand, &world.roots()), (true, Some(Ok(()))));
}

#[test]
fn m35_names_and_anchors() {
    let world = World::new();
    let roots = world.roots();
    let other = world.other_root.certificate().to_pem();
    let own_pem = world.root.certificate().to_pem();
    let names = |names: &[&str], anchors: Option<&str>| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Demand::configured(TlsPolicy::Required, Proof::Names { names, anchors: anchors.map(Into::into) })
    };
    for (shown, validity, demand, expected) in [
        (&[MX][..], LONG, names(&[MX], None), Ok(())),
        (&["*.b.vn"], LONG, names(&[MX], None), Ok(())),
        (&["relay.gov.vn"], LONG, names(&["relay.gov.vn"], None), Ok(())),
        (&["relay.gov.vn"], LONG, names(&["a.vn", "relay.gov.vn"], None), Ok(())),
        (&[MX], LONG, names(&["relay.gov.vn"], None), Err(Failure::CertificateHostMismatch)),
        (&["b.vn"], LONG, names(&[MX], None), Err(Failure::CertificateHostMismatch)),
        (&[MX], OVER, names(&[MX], None), Err(Failure::CertificateExpired)),
        (&[MX], LONG, names(&[MX], Some(&own_pem)), Ok(())),
        (&[MX], LONG, names(&[MX], Some(&other)), Err(Failure::CertificateNotTrusted)),
        (&[MX], LONG, Demand::mta_sts(MX, true, TlsPolicy::None), Ok(())),
        (&["b.vn"], LONG, Demand::mta_sts(MX, true, TlsPolicy::None), Err(Failure::CertificateHostMismatch)),
    ] {
        let own = world.server(shown, validity, false);
        assert_eq!(shake(&own, &demand, &roots), (expected.is_ok(), Some(expected)), "{shown:?} {demand:?}");
    }
    let stranger = Arc::new(RootCertStore::empty());
    let own = world.server(&[MX], LONG, true);
    let seen = shake(&own, &names(&[MX], None), &stranger);
    assert_eq!(seen, (false, Some(Err(Failure::CertificateNotTrusted))));
}

#[test]
fn rfc_8461_section_5_testing_notices_and_goes_on() {
    let world = World::new();
    let own = world.server(&["other.vn"], LONG, false);
    let demand = Demand::mta_sts(MX, false, TlsPolicy::Opportunistic);
    let seen = shake(&own, &demand, &world.roots());
    assert_eq!(seen, (true, Some(Err(Failure::CertificateHostMismatch))));
}

#[test]
fn an_anchor_file_is_read_or_refused() {
    let world = World::new();
    assert_eq!(anchors_in(world.root.certificate().to_pem().as_bytes()).unwrap().len(), 1);
    assert!(anchors_in(b"").is_err());
    assert!(anchors_in(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}
