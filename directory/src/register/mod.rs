//! The register of agencies through time: names, codes, closings, mergers, splits, focal points, each from a day on and by a
//! decision (RULES I6, R60, R61).

mod import;
mod read;

use mail::{AgencyCode, AgencyId, Timestamp};
use store::{Agency, AgencyChange, Audit, CodeScheme, Store, Tx};

pub use import::{Applied, Counts, ImportPlan, Outcome, RowReport, apply, plan};
pub use read::{ReadRow, Source, read};

use crate::address::{NameFault, title};
use crate::agencies::{agency_code, called};
use crate::codes::CodeRules;
use crate::{Error, Result};

/// How much an import may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a file. The list of 111,000 agencies is some 30 MB in JSON.
    pub bytes_max: usize,
    /// Rows of a file: twice the agencies of the country.
    pub rows_max: usize,
    /// Columns of a table.
    pub columns_max: usize,
    /// Agencies added in one transaction: as many as one list of the index holds.
    pub batch_rows: usize,
    /// Rows of a report that are kept; the others are counted only.
    pub report_rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 128 << 20,
            rows_max: 250_000,
            columns_max: 64,
            batch_rows: 4_096,
            report_rows_max: 10_000,
        }
    }
}

/// By whom, from when, by which decision.
#[derive(Clone, Debug)]
pub struct Act {
    /// From when; a day ahead takes effect by itself.
    pub from: Timestamp,
    /// The decision that says so, or empty.
    pub decision: String,
    /// Who records it.
    pub actor: String,
    /// Now.
    pub now: Timestamp,
}

/// What changes of an agency, as an administrator writes it. `Some(None)` takes away.
#[derive(Clone, Debug, Default)]
pub struct Rename {
    /// Its full name.
    pub name: Option<String>,
    /// Its public address.
    pub mail: Option<String>,
    /// The code of its superior.
    pub parent: Option<Option<String>>,
    /// The code of the agency whose system takes packages in for it (RULES R60).
    pub focal: Option<Option<String>>,
    /// Only until then: a correction of that time.
    pub until: Option<Timestamp>,
}

/// A day as people write it: `2025-07-01`, `01/07/2025` (from midnight in Vietnam), or a moment in RFC 3339.
pub fn day(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = Timestamp::parse_rfc3339(text) {
        return Some(moment);
    }
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let digits = parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let (year, month, day) = match parts[..] {
        [year, month, day] if digits && year.len() == 4 => (year, month, day),
        [day, month, year] if digits && year.len() == 4 => (year, month, day),
        _ => return None,
    };
    Timestamp::parse_rfc3339(&format!("{year}-{month:0>2}-{day:0>2}T00:00:00+07:00")).ok()
}

/// The agency that has a code on the day of an act; else the one that has it now.
async fn of_code(tx: &mut Tx, code: &AgencyCode, act: &Act) -> Result<Agency> {
    if let Some(found) = tx.agency_by_code(code, act.from).await? {
        return Ok(found);
    }
    let found = tx.agency_by_code(code, act.now).await?;
    found.ok_or_else(|| Error::NoAgency(code.to_string()))
}

async fn audit(tx: &mut Tx, agency_id: AgencyId, what: &str, act: &Act) -> Result<()> {
    let detail = serde_json::json!({ "what": what, "from": act.from, "decision": act.decision }).to_string();
    let subject = agency_id.to_string();
    Ok(tx.audit(agency_id, act.now, &act.actor, Audit::AgencyChanged, &subject, &detail).await?)
}

/// What the store says of a day or an agency, in the directory's words.
fn in_words(error: store::Error, agency: &Agency) -> Error {
    match error {
        store::Error::NotFound(_) => Error::NotThatDay(called(agency)),
        store::Error::Refused(_) => Error::BadSuccessor(called(agency)),
        error => error.into(),
    }
}

fn checked(act: &Act) -> Result<Act> {
    Ok(Act { decision: title(&act.decision)?, ..act.clone() })
}

/// Changes what an agency is called, where it belongs, or who takes packages in for it. Answers whether anything changed.
///
/// # Errors
/// [`Error::NoAgency`], [`Error::Name`], [`Error::BadMail`], [`Error::NotThatDay`].
pub async fn rename(store: &Store, code: &str, rename: &Rename, act: &Act) -> Result<bool> {
    let name = rename.name.as_deref().map(title).transpose()?;
    if name.as_deref() == Some("") {
        return Err(NameFault::Missing.into());
    }
    let mail = rename.mail.as_deref().map(address).transpose()?;
    let other = |code: &Option<Option<String>>| -> Result<Option<Option<AgencyCode>>> {
        code.as_ref().map(|code| code.as_deref().map(agency_code).transpose()).transpose()
    };
    let (parent, focal) = (other(&rename.parent)?, other(&rename.focal)?);
    let input = (agency_code(code)?, name, mail, parent, focal, rename.until, checked(act)?);
    store
        .write("change an agency", input, |tx, (code, name, mail, parent, focal, until, act)| {
            Box::pin(async move {
                let agency = of_code(tx, code, act).await?;
                let change = AgencyChange {
                    name: name.clone(),
                    mail: mail.clone(),
                    parent_id: id_of(tx, parent, &agency, act).await?,
                    focal_id: id_of(tx, focal, &agency, act).await?,
                    decision: act.decision.clone(),
                };
                let changed = tx.change_agency(agency.agency_id, &change, act.from, *until, act.now).await;
                let changed = changed.map_err(|error| in_words(error, &agency))?;
                if changed {
                    audit(tx, agency.agency_id, "changed", act).await?;
                }
                Ok(changed)
            })
        })
        .await
}

/// Another agency by its code; not the agency itself.
async fn id_of(
    tx: &mut Tx,
    code: &Option<Option<AgencyCode>>,
    agency: &Agency,
    act: &Act,
) -> Result<Option<Option<AgencyId>>> {
    let Some(Some(code)) = code else { return Ok(code.as_ref().map(|_| None)) };
    let other = of_code(tx, code, act).await?;
    match other.agency_id == agency.agency_id {
        true => Err(Error::OfItself(called(agency))),
        false => Ok(Some(Some(other.agency_id))),
    }
}

/// A public mail address, or empty.
fn address(text: &str) -> Result<String> {
    let text = text.trim();
    match text.is_empty() || text.parse::<mail::EmailAddress>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(Error::BadMail(crate::words::quoted(text))),
    }
}

/// Gives an agency a code: another one in the place of the one of its scheme, or beside it. Answers whether anything changed.
///
/// # Errors
/// [`Error::Code`], [`Error::CodeTaken`], [`Error::NoAgency`], [`Error::NotThatDay`].
pub async fn give_code(
    store: &Store,
    rules: &CodeRules,
    agency: &str,
    code: &str,
    scheme: CodeScheme,
    beside: bool,
    act: &Act,
) -> Result<bool> {
    let code = match scheme {
        CodeScheme::Qd20 => rules.judge(code)?.0,
        CodeScheme::Qcvn102 => rules.judge_102(code)?,
        // What it was called by in other times has whatever shape.
        CodeScheme::Old => code.parse().map_err(crate::codes::CodeFault::Text)?,
    };
    let input = (agency_code(agency)?, code, checked(act)?);
    store
        .write("give an agency a code", input, move |tx, (agency, code, act)| {
            Box::pin(async move {
                let agency = of_code(tx, agency, act).await?;
                let (id, from, now) = (agency.agency_id, act.from, act.now);
                let is_added = beside || scheme == CodeScheme::Old;
                let given = match is_added {
                    true => tx.add_agency_code(id, code, scheme, from, &act.decision, now).await,
                    false => tx.replace_agency_code(id, code, scheme, from, &act.decision, now).await,
                };
                match given {
                    Ok(false) => Ok(false),
                    Ok(true) => audit(tx, id, "coded", act).await.map(|()| true),
                    Err(store::Error::Conflict(_)) => Err(Error::CodeTaken {
                        code: code.to_string(),
                        by: tx
                            .agency_by_code(code, from)
                            .await?
                            .map_or_else(|| "?".to_owned(), |by| called(&by)),
                    }),
                    Err(error) => Err(in_words(error, &agency)),
                }
            })
        })
        .await
}

/// Closes agencies; `successors` follow each of them. One successor of several is a merger, several of one a split (RULES I6).
/// Answers how many changed.
///
/// # Errors
/// [`Error::NoAgency`], [`Error::BadSuccessor`], [`Error::NotThatDay`].
pub async fn close(store: &Store, codes: &[String], successors: &[String], act: &Act) -> Result<usize> {
    let read = |codes: &[String]| codes.iter().map(|code| agency_code(code)).collect::<Result<Vec<_>>>();
    let input = (read(codes)?, read(successors)?, checked(act)?);
    store
        .write("close agencies", input, |tx, (codes, successors, act)| {
            Box::pin(async move {
                let mut followers = Vec::with_capacity(successors.len());
                for code in successors {
                    followers.push(of_code(tx, code, act).await?.agency_id);
                }
                let mut changed = 0;
                for code in codes {
                    let agency = of_code(tx, code, act).await?;
                    // One that takes the others in stays.
                    if codes.len() > 1 && followers.contains(&agency.agency_id) {
                        continue;
                    }
                    let closed = tx
                        .close_agency(agency.agency_id, &followers, act.from, &act.decision, act.now)
                        .await
                        .map_err(|error| in_words(error, &agency))?;
                    if closed {
                        audit(tx, agency.agency_id, "closed", act).await?;
                        changed += 1;
                    }
                }
                Ok(changed)
            })
        })
        .await
}

/// Grants a system the right to add and withdraw units below its own, or takes it back (VXP 3.5).
///
/// # Errors
/// [`Error::NoSystem`].
pub async fn allow_units(
    store: &Store,
    system_id: &str,
    may: bool,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let input = (system_id.trim().to_owned(), actor.to_owned());
    store
        .write("allow a system", input, move |tx, (system_id, actor)| {
            Box::pin(async move {
                let no_system = || Error::NoSystem(crate::words::quoted(system_id));
                let system = tx.system(system_id, now).await?.ok_or_else(no_system)?;
                tx.set_may_manage_units(system_id, may).await?;
                let detail = serde_json::json!({ "mayManageUnits": may }).to_string();
                tx.audit(system.agency_id, now, actor, Audit::SystemChanged, &system.system_id, &detail)
                    .await?;
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_vietnams_however_they_are_written() {
        let midnight = Timestamp::parse_rfc3339("2025-06-30T17:00:00Z").unwrap();
        for text in ["2025-07-01", "01/07/2025", " 1/7/2025", "2025/07/01", "2025-07-01T00:00:00+07:00"] {
            assert_eq!(day(text), Some(midnight), "{text}");
        }
        for text in ["", "2025", "2025-13-01", "31/02/2025", "07-01-25", "hôm nay", "2025-07-01-02"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
