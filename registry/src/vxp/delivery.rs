//! The decisions of `sendEdoc` and `updateStatus` that need no database: who may send, where a package goes, what an
//! acknowledgement changes (VXP 3.8, 3.10). Callers bring what the database knows as plain data.

use std::time::Duration;

use mail::AgencyCode;

use super::answer::DeliveryState;
use super::call::Acknowledgement;
use crate::Error;
use crate::package::Package;

/// VXP 3.8 step 4: the `from` of the call and the package's own sender must both be the calling system's, that is
/// one of its codes or its id.
///
/// # Errors
/// [`Error::NotYourAgency`] names the one that is not.
pub fn check_sender(
    system_id: &str,
    from: &str,
    package: &Package,
    is_own: impl Fn(&AgencyCode) -> bool,
) -> Result<(), Error> {
    let belongs = |code: &str| {
        code.eq_ignore_ascii_case(system_id) || code.parse().is_ok_and(|code: AgencyCode| is_own(&code))
    };
    match [from, package.sender().organ_id.as_str()].into_iter().find(|code| !belongs(code)) {
        Some(code) => Err(Error::NotYourAgency { code: code.to_owned(), system: system_id.to_owned() }),
        None => Ok(()),
    }
}

/// VXP 3.8 step 5: the receivers of a package, each once, in its order. `resolve` finds an agency by any of its
/// codes; `named` are the codes beside the file, which do not route, with one exception: when some receivers of the
/// package are unknown, and `named` is a part of its receivers that are all known, it goes to those.
///
/// # Errors
/// [`Error::UnknownAgencies`] names all that are unknown; nobody gets anything.
pub fn route<A: Clone + Eq>(
    package: &Package,
    named: &[AgencyCode],
    resolve: impl Fn(&AgencyCode) -> Option<A>,
) -> Result<Vec<A>, Error> {
    let receivers = package.receivers();
    let unknown: Vec<AgencyCode> =
        receivers.iter().filter(|code| resolve(code).is_none()).map(|code| (*code).clone()).collect();
    if unknown.is_empty() {
        return Ok(each_once(receivers.into_iter().filter_map(resolve)));
    }
    let is_part = !named.is_empty() && named.iter().all(|code| receivers.contains(&code));
    match (is_part, named.iter().map(&resolve).collect::<Option<Vec<A>>>()) {
        (true, Some(found)) => Ok(each_once(found.into_iter())),
        _ => Err(Error::UnknownAgencies(unknown)),
    }
}

/// At most a thousand receivers, so comparing each with each is cheap enough.
fn each_once<A: Eq>(found: impl Iterator<Item = A>) -> Vec<A> {
    let mut once: Vec<A> = Vec::new();
    for agency in found {
        if !once.contains(&agency) {
            once.push(agency);
        }
    }
    once
}

impl DeliveryState {
    /// The state after an acknowledgement. `done` is final: a later word is answered OK and changes nothing.
    pub fn acknowledged(self, word: Acknowledgement) -> Self {
        match (self, word) {
            (Self::Done, _) | (_, Acknowledgement::Done) => Self::Done,
            (_, Acknowledgement::Processing) => Self::Processing,
            (_, Acknowledgement::Fail) => Self::Fail,
        }
    }
}

/// How long a delivery stays unlisted after its `failures`th `fail`; `None` when it parks and an operator is told
/// (VXP 3.10: from 5 minutes, doubling, up to 5 times).
pub fn pause_after(failures: u32) -> Option<Duration> {
    match failures {
        0 => Some(Duration::ZERO),
        1..=5 => Some(Duration::from_secs(300 << (failures - 1))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn package(from: &str, to: &[&str]) -> Package {
        let ns = "http://www.mic.gov.vn/TBT/QCVN_102_2016";
        let to: String = to.iter().map(|code| format!("<To><OrganId>{code}</OrganId></To>")).collect();
        let text = format!(
            "<edXML xmlns=\"{ns}\"><edXMLEnvelope><edXMLHeader><MessageHeader><From><OrganId>{from}</OrganId></From>{to}\
             <DocumentId>x</DocumentId></MessageHeader></edXMLHeader></edXMLEnvelope></edXML>"
        );
        crate::package::read(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn codes(list: &[&str]) -> Vec<AgencyCode> {
        list.iter().map(|code| code.parse().unwrap()).collect()
    }

    #[test]
    fn vxp_3_8_step_4_both_senders_must_be_the_systems() {
        let own = codes(&["H07", "H07.01"]);
        let rows = [
            ("H07", "h07.01", None),
            ("hub.1", "H07", None),
            ("HUB.1", "hub.1", None),
            ("H08", "H07", Some("H08")),
            ("H07", "H08", Some("H08")),
            ("một cơ quan", "H07", Some("một cơ quan")),
        ];
        for (from, in_package, wrong) in rows {
            let found = check_sender("hub.1", from, &package(in_package, &["X"]), |code| own.contains(code));
            let expected = wrong.map_or(Ok(()), |code| {
                Err(Error::NotYourAgency { code: code.into(), system: "hub.1".into() })
            });
            assert_eq!(found, expected, "{from} {in_package}");
        }
    }

    #[test]
    fn vxp_3_8_step_5_routing() {
        // One agency answers to two codes.
        let resolve = |code: &AgencyCode| match code.folded().as_str() {
            "H07" | "000.00.00.H07" => Some(7),
            "H41" => Some(41),
            _ => None,
        };
        type Row<'a> = (&'a [&'a str], &'a [&'a str], Result<Vec<i32>, &'a [&'a str]>);
        let rows: [Row<'_>; 8] = [
            (&["H41", "H07"], &[], Ok(vec![41, 7])),
            (&["H07", "h07", "000.00.00.H07"], &[], Ok(vec![7])),
            (&["H41", "H07"], &["H07"], Ok(vec![41, 7])),
            (&["H41", "X1", "X2"], &[], Err(&["X1", "X2"])),
            (&["H41", "X1"], &["h41"], Ok(vec![41])),
            (&["H41", "X1"], &["H07"], Err(&["X1"])),
            (&["H41", "X1"], &["X1"], Err(&["X1"])),
            (&["X1"], &["H41"], Err(&["X1"])),
        ];
        for (to, named, expected) in rows {
            let found = route(&package("A", to), &codes(named), resolve);
            assert_eq!(
                found,
                expected.map_err(|list| Error::UnknownAgencies(codes(list))),
                "{to:?} {named:?}"
            );
        }
    }

    #[test]
    fn vxp_3_10_done_is_final() {
        use Acknowledgement as A;
        use DeliveryState as S;
        for state in [S::Initial, S::Processing, S::Fail] {
            assert_eq!(state.acknowledged(A::Processing), S::Processing);
            assert_eq!(state.acknowledged(A::Fail), S::Fail);
            assert_eq!(state.acknowledged(A::Done), S::Done);
        }
        for word in [A::Processing, A::Fail, A::Done] {
            assert_eq!(S::Done.acknowledged(word), S::Done);
        }
    }

    #[test]
    fn vxp_3_10_failed_deliveries_come_back_five_times() {
        let minutes: Vec<_> = (1..=7).map(|n| pause_after(n).map(|pause| pause.as_secs() / 60)).collect();
        assert_eq!(minutes, [Some(5), Some(10), Some(20), Some(40), Some(80), None, None]);
    }
}
