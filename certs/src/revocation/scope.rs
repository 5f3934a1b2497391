//! Which certificates, and which reasons, a revocation list speaks about (RFC 5280 §5.2.5, §6.3.3 b and d).

use super::{Crl, Shortfall};
use crate::certificate::Certificate;
use crate::der::{self, Reader, Tag};
use crate::extensions::{distribution_point_name, reason_flags};
use crate::name::{GeneralName, Name};
use crate::path::budget::Budget;

/// Reasons for revocation, as the bits of `ReasonFlags` with the first bit highest (§4.2.1.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reasons(pub(crate) u16);

impl Reasons {
    /// keyCompromise to aACompromise: bits 1 to 8. Bit 0 is unused.
    pub(crate) const ALL: Reasons = Reasons(0x7f80);

    pub(crate) fn and(self, other: Reasons) -> Reasons {
        Reasons(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Reasons) -> Reasons {
        Reasons(self.0 | other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.and(Reasons::ALL).0 == 0
    }

    pub(crate) fn are_all(self) -> bool {
        self.and(Reasons::ALL) == Reasons::ALL
    }
}

/// issuingDistributionPoint, §5.2.5.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) names: Vec<GeneralName>,
    /// nameRelativeToCRLIssuer: contents of the RDN's SET.
    pub(crate) relative: Option<Vec<u8>>,
    pub(crate) only_users: bool,
    pub(crate) only_authorities: bool,
    /// onlySomeReasons.
    pub(crate) reasons: Option<Reasons>,
    pub(crate) indirect: bool,
    pub(crate) only_attributes: bool,
}

impl Scope {
    /// Reads the members of the extension.
    pub(super) fn read(mut fields: Reader<'_>) -> der::Result<Scope> {
        let mut scope = Scope::default();
        if let Some(name) = fields.optional(Tag::context(0))? {
            (scope.names, scope.relative) = distribution_point_name(&name)?;
        }
        let flag = |fields: &mut Reader<'_>, number: u32| -> der::Result<bool> {
            let field = fields.optional(Tag::context(number))?;
            field.map_or(Ok(false), |field| field.implicit(Tag::BOOLEAN).boolean())
        };
        scope.only_users = flag(&mut fields, 1)?;
        scope.only_authorities = flag(&mut fields, 2)?;
        scope.reasons =
            fields.optional(Tag::context(3))?.map(|field| reason_flags(&field)).transpose()?.map(Reasons);
        scope.indirect = flag(&mut fields, 4)?;
        scope.only_attributes = flag(&mut fields, 5)?;
        fields.finish()?;
        Ok(scope)
    }

    /// Every name is a web address and nothing is relative, indirect or partial but the address (CA/Browser Forum
    /// Baseline Requirements §7.2.2.1).
    pub(super) fn is_plain_web(&self) -> bool {
        let is_address = |name: &GeneralName| matches!(name, GeneralName::Uri(_));
        self.relative.is_none() && !self.indirect && self.names.iter().all(is_address)
    }
}

/// One distribution point of a certificate, made comparable.
struct Point {
    /// `None`: the point has no name of its own.
    names: Option<Vec<GeneralName>>,
    reasons: Reasons,
    /// cRLIssuer: whose lists; empty: the certificate's issuer's.
    issuers: Vec<Name>,
}

/// The certificate's points, and one more for what its issuer publishes without naming a point (§6.3.3, last paragraph
/// before the algorithm).
fn points(certificate: &Certificate) -> Vec<Point> {
    let own = GeneralName::Directory(certificate.issuer().clone());
    let implied = Point { names: Some(vec![own]), reasons: Reasons::ALL, issuers: Vec::new() };
    let stated = certificate.crl_points().iter().map(|point| {
        let issuers = point.crl_issuer.iter().filter_map(|name| match name {
            GeneralName::Directory(name) => Some(name.clone()),
            _ => None,
        });
        let issuers: Vec<Name> = issuers.collect();
        let base = issuers.first().unwrap_or(certificate.issuer());
        let names = full_names(&point.names, point.relative.as_deref(), base);
        Point { names, reasons: point.reasons.map_or(Reasons::ALL, Reasons), issuers }
    });
    stated.chain([implied]).collect()
}

fn full_names(names: &[GeneralName], relative: Option<&[u8]>, base: &Name) -> Option<Vec<GeneralName>> {
    let below = relative.and_then(|members| base.with_rdn(members)).map(GeneralName::Directory);
    let names: Vec<GeneralName> = names.iter().cloned().chain(below).collect();
    (!names.is_empty()).then_some(names)
}

/// The list's issuer is the certificate's, or one the certificate's points name.
pub(super) fn concerns(crl: &Crl, certificate: &Certificate) -> bool {
    let named = |name: &GeneralName| matches!(name, GeneralName::Directory(name) if name == crl.issuer());
    crl.issuer() == certificate.issuer()
        || certificate.crl_points().iter().flat_map(|point| &point.crl_issuer).any(named)
}

/// For which reasons the list speaks about the certificate (§6.3.3 b, d).
pub(super) fn reasons(
    crl: &Crl,
    certificate: &Certificate,
    budget: &mut Budget,
) -> Result<Reasons, Shortfall> {
    if crl.scope().is_none() && crl.issuer() == certificate.issuer() {
        return Ok(Reasons::ALL);
    }
    let scope = crl.scope().cloned().unwrap_or_default();
    if scope.only_attributes
        || (scope.only_users && certificate.is_ca())
        || (scope.only_authorities && !certificate.is_ca())
    {
        return Err(Shortfall::Scope);
    }
    let names = full_names(&scope.names, scope.relative.as_deref(), crl.issuer());
    let points = points(certificate);
    let theirs: usize =
        points.iter().map(|point| 1 + point.issuers.len() + point.names.iter().flatten().count()).sum();
    let ours = 1 + names.iter().flatten().count();
    budget.comparisons(ours.saturating_mul(theirs)).map_err(|_| Shortfall::Budget)?;
    let mut found = Reasons::default();
    let mut indirect = false;
    for point in points {
        let is_issuer = if point.issuers.is_empty() {
            crl.issuer() == certificate.issuer()
        } else {
            point.issuers.contains(crl.issuer())
        };
        if !is_issuer {
            continue;
        }
        // b 1: somebody else's list must say that it is one for others.
        if !point.issuers.is_empty() && !scope.indirect {
            indirect = true;
            continue;
        }
        if meets(names.as_deref(), &point) {
            found = found.or(scope.reasons.unwrap_or(Reasons::ALL).and(point.reasons));
        }
    }
    match found.is_empty() {
        true if indirect => Err(Shortfall::Indirect),
        true => Err(Shortfall::Scope),
        false => Ok(found),
    }
}

/// b 2 i: one of the list's names is one of the point's; where the point has none, one of its cRLIssuer.
fn meets(names: Option<&[GeneralName]>, point: &Point) -> bool {
    let Some(names) = names else { return true };
    match &point.names {
        Some(own) => names.iter().any(|name| own.contains(name)),
        None => names
            .iter()
            .any(|name| matches!(name, GeneralName::Directory(name) if point.issuers.contains(name))),
    }
}
