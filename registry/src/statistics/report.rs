//! A question about a period, and its answer (RULES R54).

use std::collections::{BTreeMap, HashMap, HashSet};

use mail::{AgencyCode, AgencyId, Timestamp};
use serde::Serialize;
use store::{Agency, Store, Tally, Tx};
use time::{Date, Duration};

use super::level::level_of;
use super::{Basis, Days, Figures, Indicators, Level, Period, VERSION};
use crate::Error;
use crate::calendar::{Written, at, day_of};

/// Superiors above one another that are followed.
const SUPERIORS_MAX: usize = 12;
/// Agencies asked about in one statement.
const AT_ONCE: usize = 500;
/// Agencies of one answer; a country has 111,000.
const AGENCIES_MAX: i64 = 200_000;

/// How an answer is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A line for each agency.
    Agency,
    /// A line for each level of the state.
    Level,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of which time.
    pub period: Period,
    /// Where periods begin.
    pub basis: Basis,
    /// Only an agency and what is below it, as it was on each day: a ministry with its units, a province with its departments and
    /// People's Committees. `None`: all.
    pub under: Option<AgencyCode>,
    /// How to divide.
    pub by: By,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The agency's code; empty where the line is of a level.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The level it stood on; nothing where all are added up. An agency that changed its level has a line for each.
    pub level: Option<Level>,
    /// How many agencies are in it.
    pub agencies: usize,
    /// What happened.
    pub figures: Figures,
    /// What that comes to.
    pub indicators: Indicators,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How figures are made ([`VERSION`]).
    pub version: u32,
    /// The period as it was asked.
    pub period: String,
    /// `calendar`, or `reporting-` and the day.
    pub basis: String,
    /// The days it has.
    pub days: Days,
    /// The agency over all; empty when all are meant.
    pub under: String,
    /// Until when what happened is counted: figures of days that are not over still grow (K22).
    pub cut: String,
    /// The lines, in the order of levels and codes.
    pub lines: Vec<Line>,
    /// All together.
    pub total: Line,
}

/// Days between which nothing changed in the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: Date,
    to: Date,
}

/// Divides days where something of an agency changes. What changes during a day holds for all of it.
fn stretches(days: Days, changes: &[Timestamp]) -> Vec<Stretch> {
    let mut begins: Vec<Date> = changes.iter().map(|moment| day_of(*moment)).collect();
    begins.retain(|day| *day > days.from && *day <= days.to);
    begins.push(days.from);
    begins.sort_unstable();
    begins.dedup();
    let ends = begins.iter().skip(1).map(|next| next.saturating_sub(Duration::DAY)).chain([days.to]);
    begins.iter().zip(ends).map(|(from, to)| Stretch { from: *from, to }).collect()
}

/// The agencies of a stretch of days, as they were then.
struct Register {
    agencies: HashMap<AgencyId, Agency>,
    /// Of those that were asked for: a name is folded once, however much is counted for it.
    levels: HashMap<AgencyId, Level>,
}

impl Register {
    /// Reads agencies and everybody above them, at the end of a day.
    async fn read(tx: &mut Tx, ids: &[AgencyId], day: Date) -> Result<Self, store::Error> {
        let moment = at(day, 24 * 60).minus(std::time::Duration::from_millis(1));
        let mut agencies = HashMap::new();
        let mut wanted: HashSet<AgencyId> = ids.iter().copied().collect();
        for _ in 0..SUPERIORS_MAX {
            let asked: Vec<AgencyId> = wanted.drain().filter(|id| !agencies.contains_key(id)).collect();
            if asked.is_empty() {
                break;
            }
            for chunk in asked.chunks(AT_ONCE) {
                for agency in tx.agencies_by_id(chunk, moment).await? {
                    wanted.extend(agency.parent_id);
                    agencies.insert(agency.agency_id, agency);
                }
            }
        }
        let mut register = Self { agencies, levels: HashMap::with_capacity(ids.len()) };
        for id in ids {
            let line = register.line(*id);
            let level = level_of(line.iter().map(|agency| (agency.name.as_str(), agency.code.as_str())));
            register.levels.insert(*id, level);
        }
        Ok(register)
    }

    /// An agency and its superiors, nearest first.
    fn line(&self, id: AgencyId) -> Vec<&Agency> {
        let mut line: Vec<&Agency> = Vec::new();
        let mut next = Some(id);
        while let Some(agency) = next.and_then(|id| self.agencies.get(&id)) {
            // A ring of superiors is a mistake of whoever recorded it.
            if line.len() >= SUPERIORS_MAX {
                break;
            }
            line.push(agency);
            next = agency.parent_id;
        }
        line
    }

    fn level(&self, id: AgencyId) -> Level {
        self.levels.get(&id).copied().unwrap_or(Level::Other)
    }
}

/// What is being added up.
#[derive(Default)]
struct Sums {
    lines: BTreeMap<(Level, Option<AgencyId>), (Figures, HashSet<AgencyId>)>,
    names: HashMap<AgencyId, (String, String)>,
    total: Figures,
    agencies: HashSet<AgencyId>,
}

impl Sums {
    fn add(&mut self, by: By, register: &Register, tallies: &[Tally]) {
        for tally in tallies {
            let id = tally.agency_id;
            let level = register.level(id);
            let own = match by {
                By::Agency => Some(id),
                By::Level => None,
            };
            let (figures, agencies) = self.lines.entry((level, own)).or_default();
            figures.add(tally);
            agencies.insert(id);
            self.total.add(tally);
            self.agencies.insert(id);
            if let Some(agency) = register.agencies.get(&id) {
                self.names.insert(id, (agency.code.to_string(), agency.name.clone()));
            }
        }
    }

    fn lines(&mut self) -> Vec<Line> {
        let lines = std::mem::take(&mut self.lines).into_iter();
        let line = |((level, own), (figures, agencies)): (
            (Level, Option<AgencyId>),
            (Figures, HashSet<AgencyId>),
        )| {
            let (code, name) = match own {
                Some(id) => self.names.get(&id).cloned().unwrap_or_default(),
                None => (String::new(), level.vi().to_owned()),
            };
            Line {
                code,
                name,
                level: Some(level),
                agencies: agencies.len(),
                indicators: figures.indicators(),
                figures,
            }
        };
        let mut lines: Vec<Line> = lines.map(line).collect();
        lines.sort_by(|a, b| (a.level, &a.code).cmp(&(b.level, &b.code)));
        lines
    }
}

/// Answers a question.
///
/// # Errors
/// [`Error::UnknownAgencies`] for a code that was nobody's, or the store's trouble.
pub async fn report(store: &Store, question: &Question, now: Timestamp) -> Result<Report, Error> {
    let days = question.period.days(question.basis);
    let sums: Result<Sums, Error> = store
        .read((question, days), |tx, (question, days)| {
            Box::pin(async move { add_up(tx, question, *days).await })
        })
        .await;
    let mut sums = sums?;
    let lines = sums.lines();
    let total = Line {
        code: String::new(),
        name: "Tổng cộng".to_owned(),
        level: None,
        agencies: sums.agencies.len(),
        indicators: sums.total.indicators(),
        figures: sums.total,
    };
    Ok(Report {
        version: VERSION,
        period: question.period.to_string(),
        basis: question.basis.to_string(),
        days,
        under: question.under.as_ref().map(ToString::to_string).unwrap_or_default(),
        cut: now.to_rfc3339_vietnam(),
        lines,
        total,
    })
}

async fn add_up(tx: &mut Tx, question: &Question, days: Days) -> Result<Sums, Error> {
    let end = at(days.to, 24 * 60);
    let over = match &question.under {
        Some(code) => {
            let known = tx.agency_by_code(code, end.minus(std::time::Duration::from_millis(1))).await?;
            let known = match known {
                Some(known) => Some(known.agency_id),
                None => tx.code_ended(code, end).await?.map(|(id, _)| id),
            };
            Some(known.ok_or_else(|| Error::UnknownAgencies(vec![code.clone()]))?)
        }
        None => None,
    };
    let ids = tx.exchanging_agencies(None, AGENCIES_MAX).await?;
    let length = (days.to - days.from).whole_days().saturating_add(1);
    let changes = tx.agencies_change_at(at(days.from, 0), end, length.saturating_mul(100)).await?;
    let mut sums = Sums::default();
    for stretch in stretches(days, &changes) {
        let register = Register::read(tx, &ids, stretch.from).await?;
        let mut meant = ids.clone();
        if let Some(over) = over {
            meant.retain(|id| register.line(*id).iter().any(|agency| agency.agency_id == over));
        }
        let (from, to) = (Written(stretch.from).to_string(), Written(stretch.to).to_string());
        for chunk in meant.chunks(AT_ONCE) {
            sums.add(question.by, &register, &tx.tallies(chunk, &from, &to).await?);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn r54_days_are_divided_where_the_register_changes() {
        let days = Days { from: date!(2025 - 06 - 15), to: date!(2025 - 07 - 14) };
        let moment = |day| at(day, 8 * 60);
        let stretch = |from, to| Stretch { from, to };
        assert_eq!(stretches(days, &[]), [stretch(days.from, days.to)]);
        let changes =
            [moment(date!(2025 - 07 - 01)), moment(date!(2025 - 07 - 01)), moment(date!(2025 - 06 - 15))];
        assert_eq!(
            stretches(days, &changes),
            [stretch(days.from, date!(2025 - 06 - 30)), stretch(date!(2025 - 07 - 01), days.to)]
        );
        assert_eq!(stretches(days, &[moment(days.to)]).len(), 2);
    }
}
