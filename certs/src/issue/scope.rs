//! Lists that are not about everything: deltas, partitions, and lists of other authorities' certificates (RFC 5280 §5.2.4,
//! §5.2.5, §5.3.3), and the certificates that point to them (§4.2.1.13).

use super::crl::CrlDraft;
use super::draft::Draft;
use super::names::general_name;
use crate::der::{Tag, Writer};
use crate::name::{GeneralName, Name};
use crate::oids;
use crate::revocation::{RevocationReason, RevokedEntry};

/// issuingDistributionPoint: what a list is about. The default is everything its issuer has certified.
#[derive(Clone, Default, Debug)]
pub struct ListScope {
    /// Where the list is published: only certificates that name one of these addresses are in its partition.
    pub urls: Vec<String>,
    /// Certificates of end entities only.
    pub only_users: bool,
    /// Certificates of authorities only.
    pub only_authorities: bool,
    /// These reasons only; empty means all.
    pub reasons: Vec<RevocationReason>,
    /// Also certificates of other issuers, see [`CrlDraft::entry_of`].
    pub indirect: bool,
}

impl CrlDraft {
    /// Only what has changed since the complete list of this number.
    pub fn delta_of(self, base: u64) -> CrlDraft {
        let value = Writer::build(|w| w.unsigned(&base.to_be_bytes()));
        self.extension(oids::DELTA_CRL_INDICATOR, true, value)
    }

    /// Only what lies in this scope.
    pub fn scope(self, scope: &ListScope) -> CrlDraft {
        let flag = |w: &mut Writer, number: u32, set: bool| {
            if set {
                w.element(Tag::context(number), false, &[0xFF]);
            }
        };
        let value = Writer::build(|w| {
            w.sequence(|w| {
                if !scope.urls.is_empty() {
                    w.explicit(0, |w| full_name(w, &scope.urls));
                }
                flag(w, 1, scope.only_users);
                flag(w, 2, scope.only_authorities);
                if !scope.reasons.is_empty() {
                    w.element(Tag::context(3), false, &reason_flags(&scope.reasons));
                }
                flag(w, 4, scope.indirect);
            });
        });
        self.extension(oids::ISSUING_DISTRIBUTION_POINT, true, value)
    }

    /// Adds an entry about a certificate of another issuer. Entries after it mean the same issuer until one says
    /// otherwise (§5.3.3).
    pub fn entry_of(self, entry: RevokedEntry, issuer: &Name) -> CrlDraft {
        let name = GeneralName::Directory(issuer.clone());
        let value = Writer::build(|w| w.sequence(|w| general_name(w, &name)));
        self.entry_with(entry, oids::CERTIFICATE_ISSUER, true, value)
    }
}

impl Draft {
    /// cRLDistributionPoints with one point, whose list somebody else signs.
    pub fn crl_of(self, issuer: &Name, urls: &[&str]) -> Draft {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        let value = Writer::build(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    if !urls.is_empty() {
                        w.explicit(0, |w| full_name(w, &urls));
                    }
                    let name = GeneralName::Directory(issuer.clone());
                    w.constructed(Tag::context(2), |w| general_name(w, &name));
                });
            });
        });
        self.extension(oids::CRL_DISTRIBUTION_POINTS, false, value)
    }
}

/// `DistributionPointName`: fullName.
fn full_name(w: &mut Writer, urls: &[String]) {
    w.constructed(Tag::context(0), |w| {
        urls.iter().for_each(|url| general_name(w, &GeneralName::Uri(url.clone())));
    });
}

/// Contents of `ReasonFlags`: the number of unused bits, then a bit for each reason, the first bit highest.
fn reason_flags(reasons: &[RevocationReason]) -> Vec<u8> {
    let bits = reasons.iter().filter_map(|reason| match reason.code() {
        code @ 1..=6 => Some(u16::from(code)),
        // The numbers of reasons leave one out that the bits do not (§5.3.1, §4.2.1.13).
        9 => Some(7),
        10 => Some(8),
        _ => None,
    });
    let flags = bits.fold(0u16, |flags, bit| flags | 0x8000 >> bit);
    let unused = flags.trailing_zeros().min(15);
    let bytes = flags.to_be_bytes();
    let kept = if unused >= 8 { &bytes[..1] } else { &bytes[..] };
    [&[(unused % 8) as u8], kept].concat()
}
