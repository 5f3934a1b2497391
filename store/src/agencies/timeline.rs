//! What is recorded of an agency, day by day: adding, changing, correcting, closing (RULES I6, R61).
//!
//! Nothing is overwritten. A change supersedes the versions it touches and records new ones, so two questions have answers:
//! what was true on a day, and what we thought was true on that day.

use std::collections::HashMap;

use mail::{AgencyCode, AgencyId, Timestamp};

use super::codes::after;
use super::{CodeScheme, KNOWN_NOW, NewAgency, code, hex};
use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};

/// Changes of one agency that are looked at. Ours: fifty years of a change a month.
const VERSIONS_MAX: usize = 600;

/// A change of an agency: what it says is set, the rest stays.
#[derive(Clone, Debug, Default)]
pub struct AgencyChange {
    /// Its full name.
    pub name: Option<String>,
    /// Its public address, or empty.
    pub mail: Option<String>,
    /// Its superior, or none.
    pub parent_id: Option<Option<AgencyId>>,
    /// The agency that takes packages in for it, or none (RULES R60).
    pub focal_id: Option<Option<AgencyId>>,
    /// The decision that says so, or empty.
    pub decision: String,
}

/// What is recorded of an agency for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyVersion {
    /// From when it is true.
    pub valid_from: Timestamp,
    /// Until when.
    pub valid_to: Option<Timestamp>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When something else was recorded instead.
    pub superseded_at: Option<Timestamp>,
    /// What it is called by.
    pub code: AgencyCode,
    /// Its name.
    pub name: String,
    /// Its public address, or empty.
    pub mail: String,
    /// Its superior.
    pub parent_id: Option<AgencyId>,
    /// The agency that takes packages in for it.
    pub focal_id: Option<AgencyId>,
    /// Whether it can send and receive.
    pub is_active: bool,
    /// The decision that says so, or empty.
    pub decision: String,
}

/// Everything a change may set; unlike [`AgencyChange`] also what other verbs decide.
#[derive(Clone, Debug, Default)]
struct Edit {
    code: Option<AgencyCode>,
    name: Option<String>,
    mail: Option<String>,
    parent_id: Option<Option<AgencyId>>,
    focal_id: Option<Option<AgencyId>>,
    is_active: Option<bool>,
    decision: String,
}

fn version(row: &Row) -> Result<AgencyVersion> {
    Ok(AgencyVersion {
        valid_from: row.moment(0)?,
        valid_to: row.opt_moment(1)?,
        recorded_at: row.moment(2)?,
        superseded_at: row.opt_moment(3)?,
        code: code(row.text(4)?)?,
        name: row.text(5)?,
        mail: row.text(6)?,
        parent_id: row.opt_id(7)?,
        focal_id: row.opt_id(8)?,
        is_active: row.text(9)? == "active",
        decision: row.text(10)?,
    })
}

/// Sets a field in a version when it is to be set, and says to go on with it in the next one. A change without an end holds
/// until the field's next change, which was recorded for itself.
fn set<T: Clone + PartialEq>(field: &mut T, to: &mut Option<T>, base: &T, has_end: bool) {
    if let Some(new) = to {
        match has_end || field == base {
            true => *field = new.clone(),
            false => *to = None,
        }
    }
}

impl Edit {
    /// Writes into one version what is left to write.
    fn apply(&mut self, version: &mut AgencyVersion, base: &AgencyVersion, has_end: bool) {
        set(&mut version.code, &mut self.code, &base.code, has_end);
        set(&mut version.name, &mut self.name, &base.name, has_end);
        set(&mut version.mail, &mut self.mail, &base.mail, has_end);
        set(&mut version.parent_id, &mut self.parent_id, &base.parent_id, has_end);
        set(&mut version.focal_id, &mut self.focal_id, &base.focal_id, has_end);
        set(&mut version.is_active, &mut self.is_active, &base.is_active, has_end);
    }
}

/// The versions that take the place of those an edit touches, each with the one it is made of.
fn edited(
    versions: &[AgencyVersion],
    mut edit: Edit,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Vec<(AgencyVersion, Vec<AgencyVersion>)> {
    let Some(base) = versions.iter().find(|v| v.valid_from <= from && v.valid_to.is_none_or(|to| to > from))
    else {
        return Vec::new();
    };
    let mut replaced = Vec::new();
    for old in versions {
        let start = old.valid_from.max(from);
        let end = match (old.valid_to, until) {
            (Some(to), Some(until)) => Some(to.min(until)),
            (to, until) => to.or(until),
        };
        if end.is_some_and(|end| end <= start) {
            continue;
        }
        let mut new = AgencyVersion { valid_from: start, valid_to: end, ..old.clone() };
        edit.apply(&mut new, base, until.is_some());
        let is_same =
            AgencyVersion { valid_from: old.valid_from, valid_to: old.valid_to, ..new.clone() } == *old;
        if is_same {
            continue;
        }
        if !edit.decision.is_empty() {
            new.decision.clone_from(&edit.decision);
        }
        let mut parts = Vec::new();
        if old.valid_from < start {
            parts.push(AgencyVersion { valid_to: Some(start), ..old.clone() });
        }
        parts.push(new);
        if let Some(end) = end.filter(|end| old.valid_to.is_none_or(|to| *end < to)) {
            parts.push(AgencyVersion { valid_from: end, ..old.clone() });
        }
        replaced.push((old.clone(), parts));
    }
    replaced
}

impl Tx {
    /// Adds an agency. One whose `code102` is its `code` has no QĐ 20 code yet (RULES I1).
    ///
    /// # Errors
    /// [`Error::Conflict`] when one of its codes is in use.
    pub async fn add_agency(&mut self, new: &NewAgency, now: Timestamp) -> Result<()> {
        self.lock_register().await?;
        self.put_agencies(std::slice::from_ref(new), now).await?;
        for (code, scheme) in codes(new) {
            let decision = &new.names.decision;
            self.put_code(new.agency_id, code, scheme, new.valid_from, decision, now).await?;
        }
        self.touch_agencies(&[new.agency_id], now).await
    }

    /// Adds many agencies, as [`add_agency`](Self::add_agency) each, in a few statements.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a code is in use: then none is added.
    pub async fn add_agencies(&mut self, new: &[NewAgency], now: Timestamp) -> Result<()> {
        self.add_agencies_with(new, &[], now).await
    }

    /// Adds many agencies, and older codes that some of them answer to.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a code is in use: then none is added.
    pub async fn add_agencies_with(
        &mut self,
        new: &[NewAgency],
        old_codes: &[(AgencyId, AgencyCode)],
        now: Timestamp,
    ) -> Result<()> {
        let Some(first) = new.iter().map(|new| new.valid_from).min() else { return Ok(()) };
        self.lock_register().await?;
        let folded = new.iter().flat_map(codes).map(|(code, _)| code.folded());
        let folded: Vec<String> = folded.chain(old_codes.iter().map(|(_, code)| code.folded())).collect();
        let folded = serde_json::Value::from(folded).to_string();
        if let Some(code) = self.first_code_in_use(&folded, first).await? {
            return Err(Error::Conflict(format!("agency code {code}")));
        }
        self.put_agencies(new, now).await?;
        let row = |agency_id: &AgencyId,
                   code: &AgencyCode,
                   scheme: CodeScheme,
                   from: Timestamp,
                   decision: &str| {
            serde_json::json!([code.folded(), from, scheme.as_str(), code.as_str(), hex(agency_id), decision])
        };
        let mut rows = Vec::with_capacity(new.len() * 2);
        for new in new {
            let decision = &new.names.decision;
            let codes = codes(new).into_iter();
            rows.extend(
                codes.map(|(code, scheme)| row(&new.agency_id, code, scheme, new.valid_from, decision)),
            );
        }
        let begins: HashMap<AgencyId, Timestamp> =
            new.iter().map(|new| (new.agency_id, new.valid_from)).collect();
        for (agency_id, code) in old_codes {
            let from = begins.get(agency_id).copied().unwrap_or(now);
            rows.push(row(agency_id, code, CodeScheme::Old, from, ""));
        }
        let rows = serde_json::Value::from_iter(rows).to_string();
        self.put_new_codes(&rows, now).await?;
        let ids: Vec<AgencyId> = new.iter().map(|new| new.agency_id).collect();
        self.touch_agencies(&ids, now).await
    }

    async fn put_agencies(&mut self, new: &[NewAgency], now: Timestamp) -> Result<()> {
        let rows = new.iter().map(|NewAgency { agency_id, names, valid_from }| {
            let parent = names.parent_id.as_ref().map(hex);
            serde_json::json!([
                hex(agency_id),
                valid_from,
                names.code.as_str(),
                names.name,
                names.mail,
                parent,
                names.decision
            ])
        });
        let rows = serde_json::Value::from_iter(rows).to_string();
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency (agency_id, created_at, changed_at) SELECT unhex(value->>0), $2, $2 \
                         FROM json_each($1)",
                postgres: "INSERT INTO agency (agency_id, created_at, changed_at) SELECT decode(value->>0, 'hex'), $2, $2 \
                           FROM jsonb_array_elements($1::jsonb)",
            },
            values![&rows, now],
        )
        .await?;
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_version (agency_id, valid_from, recorded_at, code, name, mail, parent_id, state, \
                         decision) SELECT unhex(value->>0), value->>1, $2, value->>2, value->>3, value->>4, \
                         unhex(value->>5), 'active', value->>6 FROM json_each($1)",
                postgres: "INSERT INTO agency_version (agency_id, valid_from, recorded_at, code, name, mail, parent_id, \
                           state, decision) SELECT decode(value->>0, 'hex'), (value->>1)::bigint, $2, value->>2, \
                           value->>3, value->>4, decode(value->>5, 'hex'), 'active', value->>6 \
                           FROM jsonb_array_elements($1::jsonb)",
            },
            values![&rows, now],
        )
        .await
        .map(drop)
    }

    /// Changes what an agency is called from a day on; the day may lie ahead or behind (RULES I6). With `until` it is a
    /// correction of that time only; without it, it holds until the next change of the same thing that was recorded
    /// before. Answers whether anything changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the agency is not there on that day.
    pub async fn change_agency(
        &mut self,
        agency_id: AgencyId,
        change: &AgencyChange,
        from: Timestamp,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        let AgencyChange { name, mail, parent_id, focal_id, decision } = change.clone();
        let edit = Edit { name, mail, parent_id, focal_id, decision, ..Edit::default() };
        self.lock_register().await?;
        let changed = self.edit(agency_id, edit, from, until, now).await?;
        if changed {
            self.touch_agencies(&[agency_id], now).await?;
        }
        Ok(changed)
    }

    /// Closes an agency from a day on; `successors` follow it: one after a merger, several after a split (RULES I6). Its rows stay,
    /// and its codes keep naming it until they are given to another. Closing it again with other successors corrects who
    /// follows.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it or a successor is not there on that day, [`Error::Refused`] when a successor is itself
    /// closed, or the agency.
    pub async fn close_agency(
        &mut self,
        agency_id: AgencyId,
        successors: &[AgencyId],
        from: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.lock_register().await?;
        for successor in successors {
            let there = self.agency(*successor, from).await?.ok_or(Error::NotFound("the successor"))?;
            if !there.is_active || *successor == agency_id {
                return Err(Error::Refused("a successor must be another agency that is active on that day"));
            }
        }
        let edit = Edit { is_active: Some(false), decision: decision.to_owned(), ..Edit::default() };
        let closed = self.edit(agency_id, edit, from, None, now).await?;
        let followed = self.put_successors(agency_id, successors, decision, now).await?;
        if closed || followed {
            self.touch_agencies(&[agency_id], now).await?;
        }
        Ok(closed || followed)
    }

    /// What an agency is called by changes with its code.
    pub(super) async fn call_by(
        &mut self,
        agency_id: AgencyId,
        code: &AgencyCode,
        from: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let edit = Edit { code: Some(code.clone()), decision: decision.to_owned(), ..Edit::default() };
        self.edit(agency_id, edit, from, None, now).await
    }

    async fn edit(
        &mut self,
        agency_id: AgencyId,
        edit: Edit,
        from: Timestamp,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        if until.is_some_and(|until| until <= from) {
            return Err(Error::Refused("a change must end after it begins"));
        }
        let versions = self.agency_history(agency_id, KNOWN_NOW).await?;
        if !versions.iter().any(|v| v.valid_from <= from && v.valid_to.is_none_or(|to| to > from)) {
            return Err(Error::NotFound("the agency on that day"));
        }
        let replaced = edited(&versions, edit, from, until);
        if replaced.is_empty() {
            return Ok(false);
        }
        let row = self
            .row("SELECT MAX(recorded_at) FROM agency_version WHERE agency_id = $1", values![&agency_id])
            .await?;
        let recorded = after(row.map(|row| row.opt_moment(0)).transpose()?.flatten(), now);
        for (old, parts) in &replaced {
            self.exec(
                "UPDATE agency_version SET superseded_at = $4 \
                 WHERE agency_id = $1 AND valid_from = $2 AND recorded_at = $3",
                values![&agency_id, old.valid_from, old.recorded_at, recorded],
            )
            .await?;
            for part in parts {
                self.put_version(agency_id, part, recorded).await?;
            }
        }
        Ok(true)
    }

    async fn put_version(
        &mut self,
        agency_id: AgencyId,
        version: &AgencyVersion,
        recorded: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO agency_version (agency_id, valid_from, valid_to, recorded_at, code, name, mail, parent_id, focal_id, \
             state, decision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            values![
                &agency_id,
                version.valid_from,
                version.valid_to,
                recorded,
                version.code.as_str(),
                &version.name,
                &version.mail,
                version.parent_id.as_ref(),
                version.focal_id.as_ref(),
                if version.is_active { "active" } else { "closed" },
                &version.decision
            ],
        )
        .await
        .map(drop)
    }

    /// What was known at a moment of an agency through all its days, in their order.
    ///
    /// # Errors
    /// [`Error::Refused`] beyond 600: every list has an end.
    pub async fn agency_history(
        &mut self,
        agency_id: AgencyId,
        known: Timestamp,
    ) -> Result<Vec<AgencyVersion>> {
        let rows = self
            .rows(
                "SELECT valid_from, valid_to, recorded_at, superseded_at, code, name, mail, parent_id, focal_id, state, \
                 decision FROM agency_version WHERE agency_id = $1 AND recorded_at <= $2 \
                 AND (superseded_at IS NULL OR superseded_at > $2) ORDER BY valid_from LIMIT 601",
                values![&agency_id, known],
            )
            .await?;
        if rows.len() > VERSIONS_MAX {
            return Err(Error::Refused("the agency has changed too often"));
        }
        rows.iter().map(version).collect()
    }

    /// Since when an agency is closed that is closed at a moment: the end of its last active day, or its first day when it never
    /// was active.
    pub async fn agency_closed_at(
        &mut self,
        agency_id: AgencyId,
        at: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let row = self
            .row(
                "SELECT COALESCE(MAX(CASE WHEN state = 'active' AND valid_to <= $2 THEN valid_to END), MIN(valid_from)) \
                 FROM agency_version WHERE agency_id = $1 AND superseded_at IS NULL AND valid_from <= $2",
                values![&agency_id, at],
            )
            .await?;
        Ok(row.map(|row| row.opt_moment(0)).transpose()?.flatten())
    }
}

/// The codes of a new agency.
fn codes(new: &NewAgency) -> Vec<(&AgencyCode, CodeScheme)> {
    let names = &new.names;
    match &names.code102 {
        Some(code102) if *code102 == names.code => vec![(code102, CodeScheme::Qcvn102)],
        Some(code102) => vec![(&names.code, CodeScheme::Qd20), (code102, CodeScheme::Qcvn102)],
        None => vec![(&names.code, CodeScheme::Qd20)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_secs(n * 86_400)
    }

    fn named(from: i64, to: Option<i64>, name: &str, mail: &str) -> AgencyVersion {
        AgencyVersion {
            valid_from: day(from),
            valid_to: to.map(day),
            recorded_at: day(0),
            superseded_at: None,
            code: "H37".parse().unwrap(),
            name: name.to_owned(),
            mail: mail.to_owned(),
            parent_id: None,
            focal_id: None,
            is_active: true,
            decision: String::new(),
        }
    }

    /// What the timeline looks like after an edit.
    fn timeline(versions: &[AgencyVersion], edit: Edit, from: i64, until: Option<i64>) -> Vec<AgencyVersion> {
        let replaced = edited(versions, edit, day(from), until.map(day));
        let kept = versions.iter().filter(|v| !replaced.iter().any(|(old, _)| old == *v)).cloned();
        let mut all: Vec<_> = kept.chain(replaced.iter().flat_map(|(_, parts)| parts.clone())).collect();
        all.sort_by_key(|v| v.valid_from);
        all
    }

    #[test]
    fn i6_a_change_holds_until_the_next_change_of_the_same_thing() {
        let before = [named(1, Some(10), "A", "a@x"), named(10, None, "B", "a@x")];
        let name = |name: &str| Edit { name: Some(name.to_owned()), ..Edit::default() };
        // A name between two others.
        assert_eq!(
            timeline(&before, name("C"), 5, None),
            [named(1, Some(5), "A", "a@x"), named(5, Some(10), "C", "a@x"), named(10, None, "B", "a@x")]
        );
        // The mail address had no later change, so it changes under both names.
        let mail = Edit { mail: Some("b@x".to_owned()), ..Edit::default() };
        assert_eq!(
            timeline(&before, mail, 5, None),
            [named(1, Some(5), "A", "a@x"), named(5, Some(10), "A", "b@x"), named(10, None, "B", "b@x")]
        );
        // A correction of a time sets what it says, whatever was there.
        assert_eq!(
            timeline(&before, name("D"), 5, Some(15)),
            [
                named(1, Some(5), "A", "a@x"),
                named(5, Some(10), "D", "a@x"),
                named(10, Some(15), "D", "a@x"),
                named(15, None, "B", "a@x")
            ]
        );
        // Nothing new, nothing recorded.
        assert!(edited(&before, name("B"), day(10), None).is_empty());
        assert!(edited(&before, name("B"), day(0), None).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn i6_a_timeline_never_has_holes_or_overlaps(
            edits in proptest::collection::vec((1i64..40, proptest::option::of(1i64..40), 0u8..4, proptest::bool::ANY), 1..20)
        ) {
            let mut versions = vec![named(1, None, "0", "0")];
            for (from, until, value, is_name) in edits {
                if until.is_some_and(|until| until <= from) {
                    continue;
                }
                let text = Some(value.to_string());
                let edit = match is_name {
                    true => Edit { name: text.clone(), ..Edit::default() },
                    false => Edit { mail: text.clone(), ..Edit::default() },
                };
                versions = timeline(&versions, edit, from, until);
                proptest::prop_assert_eq!(versions[0].valid_from, day(1));
                proptest::prop_assert_eq!(versions.last().unwrap().valid_to, None);
                for pair in versions.windows(2) {
                    proptest::prop_assert_eq!(pair[0].valid_to, Some(pair[1].valid_from));
                }
                let at = versions.iter().find(|v| v.valid_from <= day(from) && v.valid_to.is_none_or(|to| to > day(from)));
                let found = at.map(|v| if is_name { v.name.clone() } else { v.mail.clone() });
                proptest::prop_assert_eq!(found, text);
            }
        }
    }
}
