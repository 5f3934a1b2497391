//! The signed records of a mail host (RFC 7672).

use hickory_resolver::proto::rr::{RData, RecordType};
use smtp::send::{Demand, Tlsa};

use crate::dns::ask::{Asker, Fault, Found};

/// The port whose records count, wherever a rehearsal has moved the door: they are those of mail between hosts.
const PORT: u16 = 25;
/// Records of one host that are looked at.
const RECORDS_MAX: usize = 32;

/// What a host's records demand, and the records in words; `None` when it has none, or none that are signed.
///
/// # Errors
/// It cannot be found out whether it has some: the server failed, or somebody forges (RFC 7672 §2.1.1).
pub(super) async fn demand(
    asker: &Asker,
    (domain, host): (&str, &str),
    found: &Found,
) -> Result<Option<(Demand, String)>, Fault> {
    // Where an alias leads comes first (RFC 7672 §2.2.2).
    let bases = [(found.name != host).then_some(found.name.as_str()), Some(host)];
    for base in bases.into_iter().flatten() {
        let answer = asker.ask(&format!("_{PORT}._tcp.{base}"), RecordType::TLSA).await?;
        if !answer.is_secure || answer.records.is_empty() {
            continue;
        }
        let numbers: Vec<(u8, u8, u8, &[u8])> =
            answer.records.iter().take(RECORDS_MAX).filter_map(record).collect();
        let usable = numbers
            .iter()
            .filter_map(|(usage, selector, matching, data)| Tlsa::usable(*usage, *selector, *matching, data));
        // A certificate below a trust anchor may have the host's name or the destination's (RFC 7672 §3.2.2).
        let names = vec![base.to_owned(), domain.to_owned()];
        return Ok(Some((Demand::dane(usable.collect(), names), words(&numbers))));
    }
    Ok(None)
}

fn record(data: &RData) -> Option<(u8, u8, u8, &[u8])> {
    match data {
        RData::TLSA(tlsa) => Some((
            tlsa.cert_usage.into(),
            tlsa.selector.into(),
            tlsa.matching.into(),
            tlsa.cert_data.as_slice(),
        )),
        _ => None,
    }
}

/// As RFC 8460 §4.4 has them in a report, a line each.
fn words(records: &[(u8, u8, u8, &[u8])]) -> String {
    let mut lines: Vec<String> = records
        .iter()
        .map(|(usage, selector, matching, data)| {
            let shown = data.iter().take(64).map(|byte| format!("{byte:02X}")).collect::<String>();
            format!("{usage} {selector} {matching} {shown}")
        })
        .collect();
    lines.sort();
    lines.truncate(8);
    lines.join("\n")
}
