//! The house's rules of mail (RULES M7–M12, M32): what is known of a letter is held against what is in force for its sender.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use directory::Said;
use directory::mail_policy::{self, Book, Class, Facts, Label, Purpose, Reason, Rules, Standing};
use mail::{
    AccountId, AgencyId, Domain, EmailAddress, Findings, Letter, PolicyRecord, Refused, Timestamp, fields,
};
use store::{Account, Tx};

use super::{Looked, Stage, refusal, work};
use crate::house::House;

/// The keyword of a mail from a free mailbox under an official's name (RULES M9).
pub(super) const UNOFFICIAL: &str = "$unofficial_sender";
/// Fields that only this house writes; others' are taken out at every door.
const OWN_FIELDS: &str = "x-congvan-";

/// The rules in memory, and which version they are.
type Kept = (i64, Arc<Book>);

/// The stage.
pub(super) struct Policy {
    house: Arc<House>,
    kept: Mutex<Option<Kept>>,
}

/// What is asked of the store, in one go.
#[derive(Clone)]
struct Question {
    kept: Option<Kept>,
    account: Option<AccountId>,
    /// A stranger's address and the folded name it writes under.
    stranger: Option<(Domain, String)>,
    now: Timestamp,
}

/// What the store knows.
struct Known {
    kept: Kept,
    account: Option<Account>,
    /// Whose name the stranger uses, with the official address.
    namesake: Option<(Account, Option<EmailAddress>)>,
    /// Domains of ours, and whose they are.
    domains: HashMap<Domain, Option<AgencyId>>,
}

impl Policy {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house, kept: Mutex::new(None) }
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    async fn ask(&self, letter: &Letter<'_>, now: Timestamp) -> Result<Known, Refused> {
        let question =
            Question { kept: self.kept(), account: letter.account, stranger: stranger(letter), now };
        let was = question.kept.as_ref().map(|(version, _)| *version);
        let known = self
            .house
            .store
            .read(question, |tx, question| Box::pin(async move { answer(tx, question).await }))
            .await
            .map_err(|error: store::Error| {
                tracing::warn!("the rules of mail could not be asked: {error}");
                work::not_now()
            })?;
        if was != Some(known.kept.0) {
            let unread = known.kept.1.unread();
            if unread > 0 {
                tracing::warn!(unread, "rules of mail that this program does not know are not kept");
            }
            *self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(known.kept.clone());
        }
        Ok(known)
    }
}

/// A stranger's domain and name, when the letter is one from outside.
fn stranger(letter: &Letter<'_>) -> Option<(Domain, String)> {
    let from = letter.facts.from.first().filter(|_| !letter.door.is_ours())?;
    let address: EmailAddress = from.email.parse().ok()?;
    let name = mail::text::fold_name(from.name.as_deref()?);
    (!name.is_empty()).then(|| (address.domain().clone(), name))
}

async fn answer(tx: &mut Tx, question: &Question) -> Result<Known, store::Error> {
    let version = tx.policy_version().await?;
    let kept = match &question.kept {
        Some(kept) if kept.0 == version => kept.clone(),
        _ => {
            let (version, book) = mail_policy::load(tx, question.now).await?;
            (version, Arc::new(book))
        }
    };
    let mut known = Known { kept, account: None, namesake: None, domains: HashMap::new() };
    if let Some(account) = question.account {
        known.account = tx.account(account).await?;
        known.domains = tx.domains().await?.into_iter().collect();
    }
    if let Some((domain, name)) = &question.stranger
        && known.kept.1.is_free_mail(domain, question.now)
        && let Some(official) = tx.account_named(name).await?
    {
        let address = tx.addresses(official.account_id).await?.into_iter().next();
        known.namesake = Some((official, address.map(|address| address.address)));
    }
    Ok(known)
}

impl Stage for Policy {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            let now = self.house.now();
            let known = self.ask(letter, now).await?;
            let standing = known.account.as_ref().map(Standing::from).unwrap_or_default();
            let rules = known.kept.1.rules_for(standing, now);
            let facts = facts(letter, &known, &rules, findings, now);
            for field in fields::fields(letter.message).filter(|field| is_own(field.name)) {
                findings.cut(field.range);
            }
            let verdict = mail_policy::judge(&facts, &rules);
            let outcome = verdict.outcome(&facts);
            findings.step("policy", outcome.clone());
            let is_kept = letter.door.is_ours() || facts.is_namesake || verdict.refusal.is_some();
            let record = is_kept.then(|| record(&known, &facts, outcome));
            if let Some(reason) = verdict.refusal {
                let refused = refused(reason, &known);
                refusal::record(&self.house, letter, &refused, None, record).await;
                return Err(refused);
            }
            if verdict.remarks.contains(&Reason::UnofficialSender) {
                flag(findings);
            }
            findings.policy = record;
            Ok(())
        })
    }
}

fn is_own(name: &str) -> bool {
    name.get(..OWN_FIELDS.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(OWN_FIELDS))
}

/// What is known of a letter.
fn facts(letter: &Letter<'_>, known: &Known, rules: &Rules, findings: &Findings, now: Timestamp) -> Facts {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut facts = Facts {
        is_ours: letter.door.is_ours(),
        size: letter.message.len() as u64,
        documents: count(findings.documents.len()),
        is_namesake: known.namesake.is_some(),
        ..Facts::default()
    };
    if !facts.is_ours {
        return facts;
    }
    let agency = known.account.as_ref().map(|account| account.agency_id);
    for recipient in &letter.recipients {
        let domain = recipient.domain();
        let class = match known.domains.get(domain) {
            Some(whose) if whose.is_none() || *whose == agency => Class::Own,
            Some(_) => Class::House,
            None => Class::outside(domain, known.kept.1.is_free_mail(domain, now)),
        };
        facts.count(class);
        if class.is_outside() && mail_policy::may_forward(domain, class, rules).is_ok() {
            facts.forwarding_allowed = facts.forwarding_allowed.saturating_add(1);
        }
    }
    let subject = &letter.facts.subject;
    facts.purpose = Purpose::in_subject(subject);
    facts.label = Label::in_subject(subject);
    for field in fields::fields(letter.message) {
        read_field(&field, &mut facts);
    }
    facts
}

/// What a field of the header says about the letter.
fn read_field(field: &fields::Field<'_>, facts: &mut Facts) {
    match field.name.to_ascii_lowercase().as_str() {
        // What the sender says on purpose comes before a tag.
        "x-congvan-purpose" => facts.purpose = Purpose::read(&field.text()).or(facts.purpose),
        "x-congvan-label" | "sensitivity" => facts.label = facts.label.max(Label::read(&field.text())),
        // RFC 5322 §3.6.6, and what programs write that forward by a rule.
        "resent-from" | "resent-to" | "resent-sender" | "x-forwarded-to" | "x-forwarded-for" => {
            facts.is_forwarded = true;
        }
        "auto-submitted" => facts.is_forwarded |= field.text().to_ascii_lowercase().contains("forward"),
        _ => {}
    }
}

/// What is kept of it: counted for the sender's unit, a stranger's letter for the unit of the official whose name it bears.
fn record(known: &Known, facts: &Facts, outcome: String) -> PolicyRecord {
    let whose = known.account.as_ref().or(known.namesake.as_ref().map(|(account, _)| account));
    PolicyRecord {
        agency_id: whose.map(|account| account.agency_id),
        unit_id: whose.and_then(|account| account.unit_id),
        outcome,
        // Counts and words: there is nothing in them that JSON does not have.
        facts: serde_json::to_string(facts).unwrap_or_default(),
    }
}

/// The banner (RULES M9).
fn flag(findings: &mut Findings) {
    findings.keywords.push(UNOFFICIAL.to_owned());
    let text = super::parameter("text", &Reason::UnofficialSender.said().vi);
    findings.put_field(&format!("X-Congvan-Banner: unofficial-sender;\r\n\t{text}\r\n"));
}

/// The reply: the reason in both languages, with its stable code.
fn refused(reason: Reason, known: &Known) -> Refused {
    let said = reason.said();
    let (code, status) = match reason {
        Reason::TooLarge { .. } => (552, (5, 3, 4)),
        _ => (550, (5, 7, 1)),
    };
    // Advice to the official: where to write from (RULES M10).
    let advice = match (reason, &known.namesake) {
        (Reason::UnofficialSender, Some((_, Some(address)))) => format!(": {address}"),
        _ => String::new(),
    };
    Refused {
        code,
        status,
        name: reason.code(),
        vi: format!("{}{advice}", said.vi),
        en: format!("{}{advice} [{}]", said.en, reason.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Facts {
        let message = format!("{header}\r\n\r\nX-Congvan-Purpose: other\r\n");
        let mut facts = Facts::default();
        for field in fields::fields(message.as_bytes()) {
            read_field(&field, &mut facts);
        }
        facts
    }

    #[test]
    fn m7_m8_what_fields_say() {
        assert_eq!(read("x-CONGVAN-purpose: Công dân").purpose, Some(Purpose::Citizen));
        assert_eq!(
            read("X-Congvan-Purpose: =?UTF-8?B?ZG9hbmggbmdoaeG7h3A=?=").purpose,
            Some(Purpose::Enterprise)
        );
        assert_eq!(read("X-Congvan-Purpose: soon").purpose, None);
        assert_eq!(read("Subject: x").purpose, None);
        assert_eq!(read("Sensitivity: Company-Confidential").label, Some(Label::Internal));
        for (header, is_forwarded) in [
            ("Resent-From: <a@b.vn>", true),
            ("X-Forwarded-To: a@b.vn", true),
            ("Auto-Submitted: auto-forwarded", true),
            ("Auto-Submitted: auto-replied", false),
            ("Subject: Fwd: x", false),
        ] {
            assert_eq!(read(header).is_forwarded, is_forwarded, "{header}");
        }
    }

    #[test]
    fn only_this_house_writes_its_fields() {
        for (name, own) in
            [("X-Congvan-Banner", true), ("x-CONGVAN-document", true), ("X-Congvan", false), ("Từ", false)]
        {
            assert_eq!(is_own(name), own, "{name}");
        }
    }

    #[test]
    fn m9_the_banner_is_a_field_of_ascii() {
        let mut findings = Findings::default();
        flag(&mut findings);
        assert!(
            findings.fields().is_ascii() && findings.fields().contains("text*=UTF-8''Ng%C6%B0%E1%BB%9Di")
        );
        assert_eq!(findings.keywords, [UNOFFICIAL]);
    }
}
