//! Deciding: rules and exceptions are set here, each with who and why, in one transaction with its audit row.

use mail::{AgencyCode, EmailAddress, OwnerId, Timestamp};
use store::{Audit, PolicyException, PolicyRule, PolicyScope, Store, Tx};

use super::book::{Book, Standing};
use super::rule::{Rule, RuleFault, Word};
use crate::policy::{Act, Actor, Denied, Distance, May};
use crate::words::{quoted, tidy};
use crate::{Error, HOUSE, Result};

/// Characters of a decision's number, and of a reason.
const TEXT_CHARS_MAX: usize = 200;

/// For whom a rule is, as an administrator writes it: `house`, `agency:H99.1`, `unit:H99.1/vp`, `account:an@a.gov.vn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody.
    House,
    /// An agency, by any of its codes.
    Agency(AgencyCode),
    /// A unit, by its agency's code and its own.
    Unit(AgencyCode, String),
    /// An account, by its address.
    Account(EmailAddress),
}

impl Scope {
    /// Reads a scope.
    ///
    /// # Errors
    /// [`Error::BadScope`].
    pub fn read(text: &str) -> Result<Self> {
        let bad = || Error::BadScope(quoted(text));
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        match word {
            "house" if rest.is_empty() => Ok(Self::House),
            "agency" => rest.parse().map(Self::Agency).map_err(|_| bad()),
            "unit" => {
                let (agency, unit) = rest.split_once('/').ok_or_else(bad)?;
                Ok(Self::Unit(agency.parse().map_err(|_| bad())?, unit.to_owned()))
            }
            "account" => rest.parse().map(Self::Account).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

/// Whose scope it is, once it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which kind.
    pub scope: PolicyScope,
    /// Whose rows.
    pub owner: OwnerId,
    /// Where somebody of that scope stands.
    pub standing: Standing,
}

/// Finds a scope.
///
/// # Errors
/// [`Error::NoAgency`], [`Error::NoUnit`], [`Error::NoAccount`].
pub async fn scope(tx: &mut Tx, scope: &Scope, now: Timestamp) -> Result<Found> {
    let agency = async |tx: &mut Tx, code: &AgencyCode| {
        let found = tx.agency_by_code(code, now).await?;
        found.map(|agency| agency.agency_id).ok_or_else(|| Error::NoAgency(code.to_string()))
    };
    Ok(match scope {
        Scope::House => Found { scope: PolicyScope::House, owner: HOUSE, standing: Standing::default() },
        Scope::Agency(code) => {
            let agency = agency(tx, code).await?;
            let standing = Standing { agency: Some(agency), ..Standing::default() };
            Found { scope: PolicyScope::Agency, owner: agency.into(), standing }
        }
        Scope::Unit(code, unit) => {
            let agency = agency(tx, code).await?;
            let found = tx.unit_by_code(agency, unit).await?.ok_or_else(|| Error::NoUnit(quoted(unit)))?;
            let owner = OwnerId::from_bytes(*found.unit_id.as_bytes());
            let standing = Standing { account: None, unit: Some(found.unit_id), agency: Some(agency) };
            Found { scope: PolicyScope::Unit, owner, standing }
        }
        Scope::Account(address) => {
            let account = tx.account_at(address, now).await?;
            let account = account.ok_or_else(|| Error::NoAccount(address.to_string()))?;
            let owner = account.account_id.into();
            Found { scope: PolicyScope::Account, owner, standing: Standing::from(&account) }
        }
    })
}

/// Agencies above one another that are walked; a house of the state has four or five.
const LEVELS_MAX: usize = 16;

/// Asks whether somebody may set rules at a scope (RULES A21): an administrator for the own agency and those below, and nobody with an
/// account for the whole house.
///
/// # Errors
/// The store's trouble. Inside, [`Denied`].
pub async fn may_manage(
    tx: &mut Tx,
    actor: Actor,
    found: &Found,
    now: Timestamp,
) -> Result<std::result::Result<May, Denied>> {
    let mut at = found.standing.agency;
    let mut distance = Distance::Elsewhere;
    for level in 0..LEVELS_MAX {
        let Some(agency) = at else { break };
        if agency == actor.agency_id {
            distance = if level == 0 { Distance::Agency } else { Distance::Below };
            break;
        }
        at = tx.agency(agency, now).await?.and_then(|agency| agency.parent_id);
    }
    Ok(actor.may_at(Act::ManagePolicy, distance))
}

/// A rule to put in force.
#[derive(Clone, Debug)]
pub struct Change {
    /// For whom.
    pub scope: Scope,
    /// What.
    pub rule: Rule,
    /// The decision that says so.
    pub decision: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, if that is decided.
    pub to: Option<Timestamp>,
}

/// Puts a rule in force.
///
/// # Errors
/// [`Error::NoDecision`], [`Error::Policy`], and those of [`scope`].
pub async fn set(store: &Store, change: &Change, actor: &str, now: Timestamp) -> Result<()> {
    let decision = said(&change.decision)?;
    if change.rule.word().is_house_only() && change.scope != Scope::House {
        return Err(Error::Policy(RuleFault::HouseOnly));
    }
    let input = (change.clone(), decision, actor.to_owned());
    store
        .write("set a rule of mail", input, move |tx, (change, decision, actor)| {
            Box::pin(async move {
                let found = scope(tx, &change.scope, now).await?;
                let rule = PolicyRule {
                    scope: found.scope,
                    owner: found.owner,
                    rule: change.rule.word().as_str().to_owned(),
                    parameters: change.rule.parameters(),
                    valid_from: change.from,
                    valid_to: change.to,
                    decision: decision.clone(),
                    decided_by: actor.clone(),
                };
                tx.put_policy_rule(&rule).await?;
                audit(tx, &found, change.rule.word(), "set", decision, actor, now).await
            })
        })
        .await
}

/// Ends a rule. `false` when none was in force there or was to be.
///
/// # Errors
/// [`Error::NoDecision`] and those of [`scope`].
pub async fn end(
    store: &Store,
    at: &Scope,
    word: Word,
    decision: &str,
    actor: &str,
    now: Timestamp,
) -> Result<bool> {
    let input = (at.clone(), said(decision)?, actor.to_owned());
    store
        .write("end a rule of mail", input, move |tx, (at, decision, actor)| {
            Box::pin(async move {
                let found = scope(tx, at, now).await?;
                let was = tx.end_policy_rule(found.owner, word.as_str(), now).await?;
                if was {
                    audit(tx, &found, word, "end", decision, actor, now).await?;
                }
                Ok(was)
            })
        })
        .await
}

/// An exception to grant.
#[derive(Clone, Debug)]
pub struct Exception {
    /// For whom.
    pub scope: Scope,
    /// From which rule.
    pub word: Word,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Grants an exception.
///
/// # Errors
/// [`Error::NoDecision`] without a reason, [`Error::Expired`], [`Error::Policy`], and those of [`scope`].
pub async fn except(store: &Store, exception: &Exception, actor: &str, now: Timestamp) -> Result<()> {
    let reason = said(&exception.reason)?;
    if exception.until <= now {
        return Err(Error::Expired);
    }
    if exception.word.is_house_only() && exception.scope != Scope::House {
        return Err(Error::Policy(RuleFault::HouseOnly));
    }
    let input = (exception.clone(), reason, actor.to_owned());
    store
        .write("grant an exception", input, move |tx, (exception, reason, actor)| {
            Box::pin(async move {
                let found = scope(tx, &exception.scope, now).await?;
                let row = PolicyException {
                    scope: found.scope,
                    owner: found.owner,
                    rule: exception.word.as_str().to_owned(),
                    granted_at: now,
                    expires_at: exception.until,
                    reason: reason.clone(),
                    granted_by: actor.clone(),
                };
                tx.put_policy_exception(&row).await?;
                audit(tx, &found, exception.word, "except", reason, actor, now).await
            })
        })
        .await
}

/// Reads the rules of the house into memory, with their version.
///
/// # Errors
/// The store's trouble.
pub async fn load(tx: &mut Tx, now: Timestamp) -> std::result::Result<(i64, Book), store::Error> {
    // The version first: what changes between the two is read once more, never missed.
    let version = tx.policy_version().await?;
    let (rules, exceptions) = (tx.policy_rules(now).await?, tx.policy_exceptions(now).await?);
    Ok((version, Book::new(&rules, &exceptions)))
}

fn said(text: &str) -> Result<String> {
    let text = tidy(text);
    let fits = !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control);
    if fits { Ok(text) } else { Err(Error::NoDecision) }
}

async fn audit(
    tx: &mut Tx,
    found: &Found,
    word: Word,
    act: &str,
    why: &str,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let detail = serde_json::json!({ "act": act, "scope": found.scope.as_str(), "why": why }).to_string();
    tx.audit(found.owner, now, actor, Audit::PolicyChanged, word.as_str(), &detail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_or_refused() {
        for (text, is_good) in [
            ("house", true),
            ("agency:H99.1", true),
            ("unit:H99.1/vp", true),
            ("account:an@a.gov.vn", true),
            ("house:x", false),
            ("agency:", false),
            ("unit:H99.1", false),
            ("account:an", false),
            ("everybody", false),
            ("", false),
        ] {
            assert_eq!(Scope::read(text).is_ok(), is_good, "{text}");
        }
    }
}
