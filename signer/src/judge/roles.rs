//! Which signatures a file of an official document needs, and by whom (RULES D13–D17, D25, D26, D29 steps 8 and 9, D33,
//! R14, R82): a table. A row names its rules, the files it speaks of, what it needs, and what is said when that is
//! missing; nothing about roles is decided outside this table.

use super::legal::Arrival;
use super::report::{Report, SignatureReport};
use super::verdict::{Role, Verdict};
use crate::coverage::Coverage;
use crate::format::Format;
use crate::message::{Code, Reason};
use certs::Fingerprint;
use certs::trust::Hierarchy;
use serde::Serialize;

/// What a file is in the dossier it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The document itself: leader, then agency (RULES D13, D14).
    Document,
    /// An annex in a file of its own: the agency (RULES D15).
    Attachment,
    /// An electronic copy made from paper: the agency that copied (RULES D17, R92).
    Copy,
}

/// Whether the missing of something decides, or is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Without it the file is not what it claims to be.
    Required,
    /// Somebody should know.
    Warning,
}

/// What a row needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A good signature in this role.
    Signature(Role),
    /// The agency's good signature comes after the leader's and is the last: each later signature covers the earlier ones.
    SealLast,
    /// Every signature is good, where those that are needed are there.
    AllGood,
    /// No signature comes from the hierarchy of enterprises and citizens.
    PublicService,
    /// A good signature in this role is by a certificate the agency has registered in it.
    Registered(Role),
    /// A registered leader who signed is the one the package names.
    NamedLeader,
    /// It came through the exchange.
    ByExchange,
    /// It is a PDF. Only there does each later signature cover the earlier ones; in XML two signatures may cover two
    /// parts and know nothing of one another.
    IsPdf,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The rules of the rule book it holds.
    pub ids: &'static [&'static str],
    /// Files it speaks of.
    pub parts: &'static [Part],
    /// What it needs.
    pub need: Need,
    /// What is said when that is missing.
    pub code: Code,
    /// What follows.
    pub weight: Weight,
}

const fn row(
    ids: &'static [&'static str],
    parts: &'static [Part],
    need: Need,
    code: Code,
    weight: Weight,
) -> Rule {
    Rule { ids, parts, need, code, weight }
}

/// The table, in the order in which what is missing is told.
#[rustfmt::skip]
pub const TABLE: &[Rule] = {
    use Need::{AllGood, ByExchange, IsPdf, NamedLeader, PublicService, Registered, SealLast, Signature};
    use Part::{Attachment, Copy, Document};
    use Role::{Agency, Leader};
    use Weight::{Required, Warning};
    &[
        row(&["D13", "R14"],          &[Document],                   Signature(Leader),  Code::LeaderMissing,       Required),
        row(&["D14", "R14"],          &[Document],                   Signature(Agency),  Code::SealMissing,         Required),
        row(&["D15", "D33"],          &[Attachment],                 Signature(Agency),  Code::AttachmentUnsealed,  Warning),
        row(&["D17", "R92"],          &[Copy],                       Signature(Agency),  Code::SealMissing,         Required),
        row(&["D23", "D29.9", "R82"], &[Document],                   SealLast,           Code::SealOrder,           Required),
        row(&["D30"],                 &[Document, Attachment, Copy], AllGood,            Code::NotAllValid,         Required),
        row(&["D26"],                 &[Document, Attachment, Copy], PublicService,      Code::NotPublicService,    Required),
        row(&["D25", "D29.8"],        &[Document, Copy],             Registered(Agency), Code::SealNotRegistered,   Required),
        row(&["D25", "D29.8"],        &[Document],                   Registered(Leader), Code::LeaderNotRegistered, Required),
        row(&["D15", "D25"],          &[Attachment],                 Registered(Agency), Code::SealNotRegistered,   Warning),
        row(&["D29.8"],               &[Document],                   NamedLeader,        Code::SignerNameDiffers,   Required),
        row(&["E16", "R14"],          &[Document],                   IsPdf,              Code::NotPdf,              Required),
        row(&["R14"],                 &[Document],                   ByExchange,         Code::NotByExchange,       Required),
    ]
};

/// A certificate that an agency has registered, and as what (RULES D25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// Whom it speaks for.
    pub role: Role,
    /// Its holder's name, as registered.
    pub holder: String,
}

/// What is known besides the file.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How it came.
    pub arrival: Arrival,
    /// The certificates of the sending agency; `None`: nobody was asked, and rows about them say nothing.
    pub registered: Option<&'a [Registered]>,
    /// The signer as the package names him; empty or `None`: it names nobody.
    pub signer_name: Option<&'a str>,
}

/// A row that is not met.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The row.
    pub rule: &'static Rule,
    /// What is said.
    pub reason: Reason,
}

/// Holds a judged file against the table: what is not met, in the table's order.
pub fn assess(part: Part, report: &Report, context: &Context<'_>) -> Vec<Finding> {
    TABLE
        .iter()
        .filter(|rule| rule.parts.contains(&part) && !is_met(rule.need, part, report, context))
        .map(|rule| Finding { rule, reason: Reason::new(rule.code) })
        .collect()
}

fn is_met(need: Need, part: Part, report: &Report, context: &Context<'_>) -> bool {
    match need {
        Need::Signature(role) => good(report, role).next().is_some(),
        Need::SealLast => match (good(report, Role::Leader).next(), good(report, Role::Agency).next_back()) {
            // In a PDF a later revision contains the earlier ones. Signatures side by side, as in a CMS file, cover the
            // document and not one another.
            (Some((leader, own)), Some((seal, _))) => {
                own.coverage == Coverage::WholeRevision && leader < seal && Some(seal) == last(report)
            }
            _ => true,
        },
        Need::AllGood => {
            report.verdict == Verdict::Valid || report.signatures.is_empty() || !is_complete(part, report)
        }
        Need::PublicService => {
            report.signatures.iter().all(|signature| signature.hierarchy != Some(Hierarchy::National))
        }
        Need::Registered(role) => context.registered.is_none_or(|registered| {
            good(report, role).next().is_none() || holders(report, role, registered).next().is_some()
        }),
        Need::NamedLeader => is_named(report, context),
        // A file without any signature lacks those first.
        Need::IsPdf => report.format == Some(Format::Pdf) || report.signatures.is_empty(),
        Need::ByExchange => context.arrival == Arrival::Exchange,
    }
}

/// The good signatures in a role, with their places.
fn good(report: &Report, role: Role) -> impl DoubleEndedIterator<Item = (usize, &SignatureReport)> {
    report.signatures.iter().enumerate().filter(move |(_, s)| s.role == role && s.class.is_good())
}

/// The place of the last signature that is no timestamp.
fn last(report: &Report) -> Option<usize> {
    report.signatures.iter().rposition(|signature| signature.role != Role::Timestamp)
}

/// Every signature the part needs is there and good: only then another one can spoil it; else what is missing is said.
fn is_complete(part: Part, report: &Report) -> bool {
    TABLE.iter().filter(|rule| rule.parts.contains(&part)).all(|rule| match rule.need {
        Need::Signature(role) => good(report, role).next().is_some(),
        _ => true,
    })
}

fn holders<'a>(
    report: &'a Report,
    role: Role,
    registered: &'a [Registered],
) -> impl Iterator<Item = &'a Registered> {
    let certificates = good(report, role).filter_map(|(_, signature)| signature.certificate.as_ref());
    certificates.filter_map(move |certificate| {
        registered.iter().find(|known| known.role == role && known.fingerprint == certificate.sha256)
    })
}

fn is_named(report: &Report, context: &Context<'_>) -> bool {
    let wanted = name_key(context.signer_name.unwrap_or_default());
    let Some(registered) = context.registered.filter(|_| !wanted.is_empty()) else { return true };
    let mut leaders = holders(report, Role::Leader, registered).peekable();
    leaders.peek().is_none() || leaders.any(|leader| name_key(&leader.holder) == wanted)
}

/// A person's name as it is compared: composed letters, without regard to case and to the width of blanks.
fn name_key(name: &str) -> String {
    let name = mail::text::nfc(name).to_lowercase();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
