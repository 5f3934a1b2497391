//! The rules in force, in memory: who may do what is answered from here, and the database is asked only whether anything has
//! changed.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use mail::{AccountId, AgencyId, Domain, OwnerId, Timestamp, UnitId};
use store::{Account, PolicyException, PolicyRule};

use super::rule::{
    DocumentsByMail, FreeMailDomains, Mode, OfficialMailOnly, OutsideForwarding, QuotaWarning, Rule,
    UnofficialSender, Word,
};
use crate::HOUSE;

/// The list that comes with the program (see the file for where its lines are from).
const FREE_MAIL: &str = include_str!("free_mail.txt");

/// The names in [`FREE_MAIL`].
fn free_mail() -> &'static HashSet<&'static str> {
    static NAMES: OnceLock<HashSet<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        FREE_MAIL.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    })
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The account.
    pub account: Option<AccountId>,
    /// Its unit.
    pub unit: Option<UnitId>,
    /// Its agency.
    pub agency: Option<AgencyId>,
}

impl From<&Account> for Standing {
    fn from(account: &Account) -> Self {
        Self { account: Some(account.account_id), unit: account.unit_id, agency: Some(account.agency_id) }
    }
}

impl Standing {
    /// The scopes it lies in, the nearest first.
    fn owners(self) -> impl Iterator<Item = OwnerId> {
        let unit = self.unit.map(|unit| OwnerId::from_bytes(*unit.as_bytes()));
        let near = [self.account.map(OwnerId::from), unit, self.agency.map(OwnerId::from)];
        near.into_iter().flatten().chain([HOUSE])
    }
}

/// A stretch of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Span {
    fn holds(self, now: Timestamp) -> bool {
        self.from <= now && self.to.is_none_or(|end| end > now)
    }
}

/// What is in force about a rule for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce<'b> {
    /// Nobody decided anything.
    Default,
    /// An exception: the rule is not asked.
    Excepted,
    /// A decision.
    Set(&'b Rule),
}

/// All rules and exceptions of the house.
#[derive(Clone, Debug, Default)]
pub struct Book {
    rules: HashMap<(OwnerId, Word), Vec<(Span, Rule)>>,
    exceptions: HashMap<(OwnerId, Word), Vec<Span>>,
    /// Rows that this program cannot read: a newer program's.
    unread: usize,
}

impl Book {
    /// Of what the store keeps. A row that cannot be read counts as not there, and is counted.
    pub fn new(rules: &[PolicyRule], exceptions: &[PolicyException]) -> Self {
        let mut book = Self::default();
        for row in rules {
            match Word::read(&row.rule).and_then(|word| Rule::read(word, &row.parameters)) {
                Ok(rule) => book.put(row.owner, rule, row.valid_from, row.valid_to),
                Err(_) => book.unread += 1,
            }
        }
        for row in exceptions {
            match Word::read(&row.rule) {
                Ok(word) => {
                    let span = Span { from: row.granted_at, to: Some(row.expires_at) };
                    book.exceptions.entry((row.owner, word)).or_default().push(span);
                }
                Err(_) => book.unread += 1,
            }
        }
        book
    }

    /// Puts a rule in: what would be if it were decided.
    pub fn put(&mut self, owner: OwnerId, rule: Rule, from: Timestamp, to: Option<Timestamp>) {
        // The last one in force is found first.
        self.rules.entry((owner, rule.word())).or_default().insert(0, (Span { from, to }, rule));
    }

    /// Rows that could not be read.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// The lowest mark at which anybody is warned of a filling mailbox, in percent (RULES M31): nobody below it need be looked at.
    pub fn least_quota_percent(&self) -> i64 {
        let marks = self.rules.values().flatten().filter_map(|(_, rule)| match rule {
            Rule::QuotaWarning(warning) => warning.percents.first().copied(),
            _ => None,
        });
        let usual = QuotaWarning::default().percents.first().copied();
        marks.chain(usual).min().map_or(100, i64::from)
    }

    /// What is in force for somebody: of the scopes that say anything the nearest, and there an exception before a rule.
    pub fn in_force(&self, word: Word, standing: Standing, now: Timestamp) -> InForce<'_> {
        for owner in standing.owners() {
            let key = (owner, word);
            if self.exceptions.get(&key).is_some_and(|spans| spans.iter().any(|span| span.holds(now))) {
                return InForce::Excepted;
            }
            let rules = self.rules.get(&key).map(Vec::as_slice).unwrap_or_default();
            if let Some((_, rule)) = rules.iter().find(|(span, _)| span.holds(now)) {
                return InForce::Set(rule);
            }
        }
        InForce::Default
    }

    /// Everything in force for somebody.
    pub fn rules_for(&self, standing: Standing, now: Timestamp) -> Rules {
        let force = |word| self.in_force(word, standing, now);
        Rules {
            official_mail_only: match force(Word::OfficialMailOnly) {
                InForce::Set(Rule::OfficialMailOnly(rule)) => *rule,
                InForce::Excepted => OfficialMailOnly { mode: Mode::Off },
                _ => OfficialMailOnly::default(),
            },
            outside_forwarding: match force(Word::OutsideForwarding) {
                InForce::Set(Rule::OutsideForwarding(rule)) => Some(rule.clone()),
                InForce::Excepted => None,
                _ => Some(OutsideForwarding::default()),
            },
            unofficial_sender: match force(Word::UnofficialSender) {
                InForce::Set(Rule::UnofficialSender(rule)) => *rule,
                InForce::Excepted => UnofficialSender { action: super::Action::Off },
                _ => UnofficialSender::default(),
            },
            documents_by_mail: match force(Word::DocumentsByMail) {
                InForce::Set(Rule::DocumentsByMail(rule)) => *rule,
                _ => DocumentsByMail::default(),
            },
            size_max: match force(Word::MessageSize) {
                InForce::Set(Rule::MessageSize(rule)) => Some(rule.bytes_max),
                _ => None,
            },
            quota_warning: match force(Word::QuotaWarning) {
                InForce::Set(Rule::QuotaWarning(rule)) => rule.clone(),
                InForce::Excepted => QuotaWarning { percents: Vec::new() },
                _ => QuotaWarning::default(),
            },
        }
    }

    /// Whether a domain is free mail (RULES M7).
    pub fn is_free_mail(&self, domain: &Domain, now: Timestamp) -> bool {
        let none = FreeMailDomains::default();
        let lists = match self.in_force(Word::FreeMailDomains, Standing::default(), now) {
            InForce::Set(Rule::FreeMailDomains(lists)) => lists,
            InForce::Excepted => return false,
            _ => &none,
        };
        lists.add.contains(domain)
            || (free_mail().contains(domain.as_str()) && !lists.remove.contains(domain))
    }
}

/// What is in force for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// RULES M7.
    pub official_mail_only: OfficialMailOnly,
    /// RULES M8; `None` when the rule is not asked.
    pub outside_forwarding: Option<OutsideForwarding>,
    /// RULES M9, M10.
    pub unofficial_sender: UnofficialSender,
    /// RULES M12, R4.
    pub documents_by_mail: DocumentsByMail,
    /// RULES M32; `None`: what the doors take.
    pub size_max: Option<u64>,
    /// RULES M31.
    pub quota_warning: QuotaWarning,
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::PolicyScope;

    const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + seconds * 1000)
    }

    fn standing() -> Standing {
        Standing {
            account: Some(AccountId::from_bytes([1; 16])),
            unit: Some(UnitId::from_bytes([2; 16])),
            agency: Some(AgencyId::from_bytes([3; 16])),
        }
    }

    fn row(owner: [u8; 16], mode: &str, from: i64, to: Option<i64>) -> PolicyRule {
        PolicyRule {
            scope: PolicyScope::Agency,
            owner: OwnerId::from_bytes(owner),
            rule: "official-mail-only".into(),
            parameters: format!("{{\"mode\":\"{mode}\"}}"),
            valid_from: at(from),
            valid_to: to.map(at),
            decision: String::new(),
            decided_by: String::new(),
        }
    }

    fn except(owner: [u8; 16], from: i64, to: i64) -> PolicyException {
        PolicyException {
            scope: PolicyScope::Unit,
            owner: OwnerId::from_bytes(owner),
            rule: "official-mail-only".into(),
            granted_at: at(from),
            expires_at: at(to),
            reason: String::new(),
            granted_by: String::new(),
        }
    }

    #[test]
    #[rustfmt::skip]
    fn m7_the_nearest_scope_counts_for_its_time() {
        use Mode::{Enforce, Off, Warn};
        let rows: &[(&[PolicyRule], &[PolicyException], i64, Mode)] = &[
            (&[], &[], 0, Enforce),
            (&[row([0; 16], "warn", 0, None)], &[], 0, Warn),
            (&[row([0; 16], "warn", 0, None)], &[], -1, Enforce),
            (&[row([0; 16], "warn", 0, Some(10))], &[], 10, Enforce),
            (&[row([0; 16], "warn", 0, None), row([3; 16], "off", 0, None)], &[], 0, Off),
            (&[row([3; 16], "off", 0, None), row([2; 16], "enforce", 0, None)], &[], 0, Enforce),
            (&[row([2; 16], "enforce", 0, None), row([1; 16], "warn", 0, None)], &[], 0, Warn),
            (&[row([9; 16], "off", 0, None)], &[], 0, Enforce),
            // An exception of the unit: not asked there, until it expires.
            (&[row([3; 16], "warn", 0, None)], &[except([2; 16], 0, 10)], 9, Off),
            (&[row([3; 16], "warn", 0, None)], &[except([2; 16], 0, 10)], 10, Warn),
            (&[], &[except([0; 16], 0, 10)], -1, Enforce),
            // A rule nearer than the exception stays.
            (&[row([1; 16], "enforce", 0, None)], &[except([3; 16], 0, 10)], 5, Enforce),
            // At the same scope the exception is the answer to the rule.
            (&[row([3; 16], "enforce", 0, None)], &[except([3; 16], 0, 10)], 5, Off),
        ];
        for (number, (rules, exceptions, seconds, mode)) in rows.iter().enumerate() {
            let rules = Book::new(rules, exceptions).rules_for(standing(), at(*seconds));
            assert_eq!(rules.official_mail_only.mode, *mode, "row {number}");
        }
    }

    #[test]
    fn m31_the_lowest_mark_of_all_rules() {
        let mut book = Book::default();
        assert_eq!(book.least_quota_percent(), 80);
        let rule = Rule::read(Word::QuotaWarning, r#"{"percents":[50,99]}"#).unwrap();
        book.put(OwnerId::from_bytes([3; 16]), rule, NOW, None);
        assert_eq!(book.least_quota_percent(), 50);
    }

    #[test]
    fn what_a_newer_program_wrote_is_passed_over_and_counted() {
        let newer = PolicyRule { rule: "of-tomorrow".into(), ..row([0; 16], "warn", 0, None) };
        let broken = PolicyRule { parameters: "{".into(), ..row([0; 16], "warn", 0, None) };
        let book = Book::new(&[newer, broken], &[]);
        assert_eq!(book.unread(), 2);
        assert_eq!(book.rules_for(standing(), NOW).official_mail_only.mode, Mode::Enforce);
    }

    #[test]
    fn m7_free_mail_is_a_list_that_can_be_changed() {
        let domain = |name: &str| name.parse::<Domain>().unwrap();
        let mut book = Book::default();
        for (name, is_free) in [
            ("gmail.com", true),
            ("GMail.com", true),
            ("yahoo.com.vn", true),
            ("qq.com", true),
            ("mail.gmail.com", false),
            ("notgmail.com", false),
            ("vinhlong.gov.vn", false),
        ] {
            assert_eq!(book.is_free_mail(&domain(name), NOW), is_free, "{name}");
        }
        let lists = r#"{"add":["thu-mien-phi.vn"],"remove":["qq.com"]}"#;
        book.put(HOUSE, Rule::read(Word::FreeMailDomains, lists).unwrap(), NOW, None);
        assert!(book.is_free_mail(&domain("thu-mien-phi.vn"), NOW));
        assert!(!book.is_free_mail(&domain("qq.com"), NOW));
        assert!(book.is_free_mail(&domain("gmail.com"), NOW));
        // Every line of the list is a domain as we write domains, and stands there once.
        let lines: Vec<_> =
            FREE_MAIL.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(lines.iter().all(|line| line.parse::<Domain>().is_ok_and(|domain| domain.as_str() == *line)));
        assert_eq!(lines.len(), free_mail().len());
    }
}
