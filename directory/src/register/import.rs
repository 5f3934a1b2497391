//! Taking in a register: what each row would change, and doing it.
//!
//! [`plan`] says row by row what would happen; [`apply`] does exactly that. A file may be applied twice: what is there already is
//! recognised by any of its codes and left alone.

use std::collections::HashMap;

use mail::{AgencyCode, AgencyId, Chance, Timestamp};
use serde::Serialize;
use store::{Agency, AgencyChange, AgencyNames, Audit, CodeScheme, NewAgency, Store, Tx};

use super::{Act, Limits, ReadRow, address, day, read};
use crate::address::{NameFault, title};
use crate::codes::{CodeFault, CodeRules, Scheme};
use crate::words::quoted;
use crate::{Error, HOUSE, Result, Said, Sentence};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The agency is added.
    Add,
    /// The agency is changed.
    Change,
    /// It is there, just so.
    Same,
    /// Nothing; the row says why.
    Refused,
}

/// A row and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct RowReport {
    /// Its line or place.
    pub line: u64,
    /// The code it gives.
    pub code: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What there is to say.
    pub said: Vec<Sentence>,
}

/// How many rows come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Agencies that are added.
    pub add: usize,
    /// Agencies that are changed.
    pub change: usize,
    /// Agencies that are there, just so.
    pub same: usize,
    /// Rows of which nothing becomes.
    pub refused: usize,
}

/// What came of applying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Agencies added.
    pub added: usize,
    /// Agencies changed.
    pub changed: usize,
}

/// A change of an agency that is there.
#[derive(Clone, Debug)]
enum Step {
    Change { agency_id: AgencyId, change: AgencyChange, from: Timestamp },
    Code { agency_id: AgencyId, code: AgencyCode, scheme: CodeScheme, from: Timestamp, decision: String },
    Close { agency_id: AgencyId, successors: Vec<AgencyId>, from: Timestamp, decision: String },
}

/// What an import would do.
#[derive(Debug)]
pub struct ImportPlan {
    new: Vec<NewAgency>,
    old_codes: Vec<(AgencyId, AgencyCode)>,
    steps: Vec<Step>,
    counts: Counts,
    rows: Vec<RowReport>,
    batch_rows: usize,
}

impl ImportPlan {
    /// How many rows come to what.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The rows there is something to say of; those that are added or there just so are only counted.
    pub fn rows(&self) -> &[RowReport] {
        &self.rows
    }
}

/// A row whose texts are in order.
struct Checked {
    line: u64,
    code: AgencyCode,
    /// None of the law's schemes but QCVN 102.
    is_102: bool,
    code102: Option<AgencyCode>,
    old_code: Option<AgencyCode>,
    name: String,
    mail: String,
    parent: Parent,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    successors: Vec<AgencyCode>,
    decision: String,
}

/// How a row names its superior.
enum Parent {
    /// Not at all: what is there stays.
    Unsaid,
    Code(AgencyCode),
    Id(String),
}

fn said(code: &'static str, vi: String, en: String) -> Sentence {
    Sentence { code, vi, en }
}

fn bad_day(text: &str) -> Sentence {
    let text = quoted(text);
    said(
        "import_day",
        format!("Ngày “{text}” không hợp lệ; viết 2025-07-01 hoặc 01/07/2025."),
        format!("“{text}” is no day; write 2025-07-01 or 01/07/2025."),
    )
}

fn check(row: &ReadRow, rules: &CodeRules, now: Timestamp) -> std::result::Result<Checked, Sentence> {
    if row.is_too_long {
        return Err(said("import_too_long", "Có ô quá dài.".to_owned(), "A cell is too long.".to_owned()));
    }
    let fault = |fault: CodeFault| fault.said();
    let (code, scheme) = rules.judge(&row.code).map_err(fault)?;
    let own = code.clone();
    let other = |text: &str| -> std::result::Result<Option<AgencyCode>, Sentence> {
        let code = Some(text).filter(|text| !text.is_empty()).map(|text| text.parse::<AgencyCode>());
        Ok(code.transpose().map_err(|bad| CodeFault::Text(bad).said())?.filter(|other| *other != own))
    };
    let (mut code102, mut old_code) = (other(&row.code102)?, other(&row.old_code)?);
    // Lists of exchanges give the QCVN 102 code as the old one.
    if code102.is_none() && scheme != Scheme::Qcvn102 && old_code.as_ref().is_some_and(AgencyCode::is_qcvn102)
    {
        code102 = old_code.take();
    }
    old_code = old_code.filter(|old| Some(old) != code102.as_ref());
    let name = title(&row.name).map_err(|fault| fault.said())?;
    if name.is_empty() {
        return Err(NameFault::Missing.said());
    }
    // A domain alone is no address: mail domains are added for themselves.
    let mail = if row.mail.contains('@') { address(&row.mail).map_err(|e| e.said())? } else { String::new() };
    let moment = |text: &str| match text.is_empty() {
        true => Ok(None),
        false => day(text).map(Some).ok_or_else(|| bad_day(text)),
    };
    let (from, mut to) = (moment(&row.valid_from)?, moment(&row.valid_to)?);
    if row.is_deleted && to.is_none() {
        to = Some(now);
    }
    let parent = match (row.parent.as_str(), row.pid.as_str()) {
        ("", "") => Parent::Unsaid,
        ("", pid) => Parent::Id(pid.to_owned()),
        (code, _) => Parent::Code(code.parse().map_err(|bad| CodeFault::Text(bad).said())?),
    };
    let successors = row.successor.split([' ', ';', ',', '|']).filter(|code| !code.is_empty());
    let successors = successors.map(|code| code.parse().map_err(|bad| CodeFault::Text(bad).said()));
    Ok(Checked {
        line: row.line,
        is_102: scheme == Scheme::Qcvn102,
        code,
        code102,
        old_code,
        name,
        mail,
        parent,
        from,
        to,
        successors: successors.collect::<std::result::Result<_, _>>()?,
        decision: title(&row.decision).map_err(|fault| fault.said())?,
    })
}

/// Works a file out against the register. Nothing is written.
///
/// # Errors
/// [`Error::File`] when the file cannot be read at all.
pub async fn plan(
    store: &Store,
    bytes: &[u8],
    rules: &CodeRules,
    limits: &Limits,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<ImportPlan> {
    let (_, rows) = read(bytes, limits)?;
    let ids: Vec<AgencyId> = rows.iter().map(|_| AgencyId::new(now, chance)).collect();
    let input = (rows, ids, *rules, limits.clone());
    store
        .read(input, move |tx, (rows, ids, rules, limits)| {
            Box::pin(async move {
                let mut planner = Planner::new(tx, rows, now).await?;
                let mut drafts = Vec::with_capacity(rows.len());
                for (row, new_id) in rows.iter().zip(ids) {
                    match check(row, rules, now).and_then(|checked| planner.place(checked, row, *new_id)) {
                        Ok(draft) => drafts.push(draft),
                        Err(sentence) => planner.refuse(row.line, &row.code, sentence, limits),
                    }
                }
                for draft in drafts {
                    planner.settle(tx, draft, limits).await?;
                }
                Ok(planner.finish(limits))
            })
        })
        .await
}

/// A row that has its agency.
struct Draft {
    checked: Checked,
    agency_id: AgencyId,
    is_new: bool,
}

struct Planner {
    now: Timestamp,
    /// Whose each code is: in the register, and in the rows so far.
    by_code: HashMap<String, AgencyId>,
    /// Which row gave a code first.
    lines: HashMap<String, u64>,
    /// The ids agencies have where the file comes from.
    by_id: HashMap<String, AgencyId>,
    agencies: HashMap<AgencyId, Agency>,
    plan: ImportPlan,
}

impl Planner {
    async fn new(tx: &mut Tx, rows: &[ReadRow], now: Timestamp) -> Result<Self> {
        let by_code = tx.all_codes(now).await?.into_iter().collect();
        let agencies = tx.agencies(now).await?.into_iter().map(|a| (a.agency_id, a)).collect();
        let plan = ImportPlan {
            new: Vec::new(),
            old_codes: Vec::new(),
            steps: Vec::new(),
            counts: Counts::default(),
            rows: Vec::new(),
            batch_rows: 1,
        };
        let (lines, by_id) = (HashMap::with_capacity(rows.len()), HashMap::with_capacity(rows.len()));
        Ok(Self { now, by_code, lines, by_id, agencies, plan })
    }

    /// Finds the agency of a row by its codes, or says that it is new.
    fn place(
        &mut self,
        checked: Checked,
        row: &ReadRow,
        new_id: AgencyId,
    ) -> std::result::Result<Draft, Sentence> {
        let codes: Vec<String> = [Some(&checked.code), checked.code102.as_ref(), checked.old_code.as_ref()]
            .into_iter()
            .flatten()
            .map(AgencyCode::folded)
            .collect();
        if let Some((code, line)) =
            codes.iter().find_map(|code| self.lines.get(code).map(|line| (code, line)))
        {
            return Err(said(
                "import_code_twice",
                format!("Mã “{code}” đã có ở dòng {line}."),
                format!("Code “{code}” stands in line {line} already."),
            ));
        }
        let mut found: Vec<AgencyId> =
            codes.iter().filter_map(|code| self.by_code.get(code).copied()).collect();
        found.sort_unstable();
        found.dedup();
        let (agency_id, is_new) = match found[..] {
            [] => (new_id, true),
            [there] => (there, false),
            _ => {
                return Err(said(
                    "import_two_agencies",
                    "Các mã của dòng này đang thuộc hai cơ quan khác nhau.".to_owned(),
                    "The codes of this row belong to two agencies.".to_owned(),
                ));
            }
        };
        for code in codes {
            self.lines.insert(code.clone(), checked.line);
            self.by_code.insert(code, agency_id);
        }
        if !row.id.is_empty() {
            self.by_id.insert(row.id.clone(), agency_id);
        }
        Ok(Draft { checked, agency_id, is_new })
    }

    /// Works out what becomes of a row, now that all rows have their agencies.
    async fn settle(&mut self, tx: &mut Tx, draft: Draft, limits: &Limits) -> Result<()> {
        let (line, code) = (draft.checked.line, draft.checked.code.to_string());
        let settled = match self.parent(&draft).and_then(|parent| Ok((parent, self.successors(&draft)?))) {
            Ok((parent, successors)) if draft.is_new => self.add(draft, parent, successors),
            Ok((parent, successors)) => self.change(tx, draft, parent, successors).await?,
            Err(sentence) => Err(sentence),
        };
        match settled {
            Ok((Outcome::Add, _)) => self.plan.counts.add += 1,
            Ok((Outcome::Same, _)) => self.plan.counts.same += 1,
            Ok((outcome, sentences)) => {
                self.plan.counts.change += 1;
                self.report(RowReport { line, code, outcome, said: sentences }, limits);
            }
            Err(sentence) => self.refuse(line, &code, sentence, limits),
        }
        Ok(())
    }

    fn parent(&self, draft: &Draft) -> std::result::Result<Option<AgencyId>, Sentence> {
        let (found, named) = match &draft.checked.parent {
            Parent::Unsaid => return Ok(None),
            Parent::Code(code) => (self.by_code.get(&code.folded()), code.to_string()),
            Parent::Id(id) => (self.by_id.get(id), quoted(id)),
        };
        match found {
            Some(parent) if *parent != draft.agency_id => Ok(Some(*parent)),
            Some(_) => Ok(None),
            None => Err(said(
                "import_no_parent",
                format!("Không có cơ quan cấp trên “{named}” trong sổ và trong tệp."),
                format!("The superior “{named}” is neither in the register nor in the file."),
            )),
        }
    }

    fn successors(&self, draft: &Draft) -> std::result::Result<Vec<AgencyId>, Sentence> {
        let found = draft.checked.successors.iter().map(|code| {
            self.by_code.get(&code.folded()).copied().filter(|id| *id != draft.agency_id).ok_or_else(|| {
                said(
                    "import_no_successor",
                    format!("Không có cơ quan kế thừa “{code}” trong sổ và trong tệp."),
                    format!("The successor “{code}” is neither in the register nor in the file."),
                )
            })
        });
        found.collect()
    }

    fn add(
        &mut self,
        draft: Draft,
        parent_id: Option<AgencyId>,
        successors: Vec<AgencyId>,
    ) -> std::result::Result<(Outcome, Vec<Sentence>), Sentence> {
        let Draft { checked, agency_id, .. } = draft;
        let valid_from = checked.from.unwrap_or_else(|| self.now.min(checked.to.unwrap_or(self.now)));
        if checked.to.is_some_and(|to| to < valid_from) {
            return Err(said(
                "import_ends_before_it_begins",
                "Ngày hết hiệu lực trước ngày hiệu lực.".to_owned(),
                "It ends before it begins.".to_owned(),
            ));
        }
        let code102 = match checked.is_102 {
            true => Some(checked.code.clone()),
            false => checked.code102,
        };
        let names = AgencyNames {
            code: checked.code,
            code102,
            name: checked.name,
            mail: checked.mail,
            parent_id,
            decision: checked.decision.clone(),
        };
        self.plan.new.push(NewAgency { agency_id, names, valid_from });
        self.plan.old_codes.extend(checked.old_code.map(|code| (agency_id, code)));
        if let Some(from) = checked.to {
            self.plan.steps.push(Step::Close { agency_id, successors, from, decision: checked.decision });
        }
        Ok((Outcome::Add, Vec::new()))
    }

    async fn change(
        &mut self,
        tx: &mut Tx,
        draft: Draft,
        parent_id: Option<AgencyId>,
        successors: Vec<AgencyId>,
    ) -> Result<std::result::Result<(Outcome, Vec<Sentence>), Sentence>> {
        let Draft { checked, agency_id, .. } = draft;
        // A day ahead is compared with what is known of that day.
        let at = checked.from.filter(|from| *from > self.now);
        let there = match at {
            Some(at) => tx.agency(agency_id, at).await?,
            None => match self.agencies.get(&agency_id) {
                Some(there) => Some(there.clone()),
                // It begins later.
                None => tx.agency(agency_id, Timestamp::from_millis(i64::MAX - 1)).await?,
            },
        };
        let Some(there) = there else { return Err(Error::NoAgency(checked.code.to_string())) };
        let from = at.unwrap_or(self.now);
        let decision = checked.decision.clone();
        let change = AgencyChange {
            name: Some(checked.name).filter(|name| *name != there.name),
            mail: Some(checked.mail).filter(|mail| !mail.is_empty() && *mail != there.mail),
            parent_id: parent_id.filter(|parent| there.parent_id != Some(*parent)).map(Some),
            focal_id: None,
            decision: decision.clone(),
        };
        let mut steps = Vec::new();
        if change.name.is_some() || change.mail.is_some() || change.parent_id.is_some() {
            steps.push(Step::Change { agency_id, change, from });
        }
        let scheme = if checked.is_102 { CodeScheme::Qcvn102 } else { CodeScheme::Qd20 };
        let code102 = checked.code102.map(|code| (code, CodeScheme::Qcvn102));
        let old = checked.old_code.map(|code| (code, CodeScheme::Old));
        let codes = [Some((checked.code, scheme)), code102, old];
        for (code, scheme) in codes.into_iter().flatten() {
            if tx.agency_id_by_code(&code, from, Timestamp::from_millis(i64::MAX)).await? != Some(agency_id) {
                steps.push(Step::Code { agency_id, code, scheme, from, decision: decision.clone() });
            }
        }
        if let Some(to) = checked.to {
            let after = tx.agency(agency_id, to).await?;
            let is_closed = after.is_some_and(|after| !after.is_active);
            let known = if is_closed { tx.successors(agency_id).await? } else { Vec::new() };
            let same = known.len() == successors.len() && successors.iter().all(|id| known.contains(id));
            if !is_closed || !same {
                steps.push(Step::Close { agency_id, successors, from: to, decision });
            }
        }
        if steps.is_empty() {
            return Ok(Ok((Outcome::Same, Vec::new())));
        }
        let sentences = steps.iter().map(|step| step.said(&there)).collect();
        self.plan.steps.extend(steps);
        Ok(Ok((Outcome::Change, sentences)))
    }

    fn refuse(&mut self, line: u64, code: &str, sentence: Sentence, limits: &Limits) {
        self.plan.counts.refused += 1;
        let code = quoted(code);
        self.report(RowReport { line, code, outcome: Outcome::Refused, said: vec![sentence] }, limits);
    }

    fn report(&mut self, row: RowReport, limits: &Limits) {
        if self.plan.rows.len() < limits.report_rows_max {
            self.plan.rows.push(row);
        }
    }

    fn finish(mut self, limits: &Limits) -> ImportPlan {
        self.plan.batch_rows = limits.batch_rows.max(1);
        self.plan.rows.sort_by_key(|row| row.line);
        // Those that follow are closed before those that are followed are looked at: later days last.
        self.plan.steps.sort_by_key(|step| match step {
            Step::Change { from, .. } => (0, *from),
            Step::Code { from, .. } => (1, *from),
            Step::Close { from, .. } => (2, *from),
        });
        self.plan
    }
}

impl Step {
    fn said(&self, there: &Agency) -> Sentence {
        match self {
            Self::Change { change, .. } => {
                let was = quoted(&there.name);
                let name = change.name.as_deref().map_or_else(|| was.clone(), quoted);
                said(
                    "import_changes",
                    format!("Đổi thông tin của “{was}” thành “{name}”."),
                    format!("Changes “{was}” to “{name}”."),
                )
            }
            Self::Code { code, scheme, .. } => said(
                "import_gives_code",
                format!("Thêm mã {code} ({}).", scheme.as_str()),
                format!("Gives it code {code} ({}).", scheme.as_str()),
            ),
            Self::Close { from, .. } => {
                said("import_closes", format!("Đóng từ {from}."), format!("Closes it from {from}."))
            }
        }
    }

    async fn take(&self, tx: &mut Tx, now: Timestamp) -> std::result::Result<bool, store::Error> {
        match self {
            Self::Change { agency_id, change, from } => {
                tx.change_agency(*agency_id, change, *from, None, now).await
            }
            Self::Code { agency_id, code, scheme, from, decision } => match scheme {
                CodeScheme::Old => tx.add_agency_code(*agency_id, code, *scheme, *from, decision, now).await,
                _ => tx.replace_agency_code(*agency_id, code, *scheme, *from, decision, now).await,
            },
            Self::Close { agency_id, successors, from, decision } => {
                tx.close_agency(*agency_id, successors, *from, decision, now).await
            }
        }
    }
}

/// Does what a plan says: new agencies many at a time, changes some at a time; each transaction with its audit rows.
///
/// # Errors
/// The store's. What was done before stays done, and doing it again goes on from there.
pub async fn apply(plan: ImportPlan, store: &Store, act: &Act) -> Result<Applied> {
    /// Changes in one transaction: each is some twenty statements.
    const STEPS_AT_ONCE: usize = 100;
    let mut applied = Applied::default();
    let now = act.now;
    for batch in plan.new.chunks(plan.batch_rows) {
        let ids: std::collections::HashSet<AgencyId> = batch.iter().map(|new| new.agency_id).collect();
        let old: Vec<_> = plan.old_codes.iter().filter(|(id, _)| ids.contains(id)).cloned().collect();
        let input = (batch.to_vec(), old, act.actor.clone());
        store
            .write("import agencies", input, move |tx, (batch, old, actor)| {
                Box::pin(async move {
                    tx.add_agencies_with(batch, old, now).await?;
                    let detail = serde_json::json!({ "what": "import", "added": batch.len() }).to_string();
                    tx.audit(HOUSE, now, actor, Audit::AgencyChanged, "", &detail).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        applied.added += batch.len();
    }
    for batch in plan.steps.chunks(STEPS_AT_ONCE) {
        let input = (batch.to_vec(), act.actor.clone());
        applied.changed += store
            .write("import changes of agencies", input, move |tx, (batch, actor)| {
                Box::pin(async move {
                    let mut changed = 0;
                    for step in batch {
                        let (Step::Change { agency_id, .. }
                        | Step::Code { agency_id, .. }
                        | Step::Close { agency_id, .. }) = step;
                        if step.take(tx, now).await? {
                            let subject = agency_id.to_string();
                            let detail = r#"{"what":"import"}"#;
                            tx.audit(*agency_id, now, actor, Audit::AgencyChanged, &subject, detail).await?;
                            changed += 1;
                        }
                    }
                    Ok::<_, Error>(changed)
                })
            })
            .await?;
    }
    Ok(applied)
}
