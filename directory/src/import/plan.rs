//! What applying a list would do, line by line.

use std::collections::{HashMap, HashSet};

use mail::{AccountId, AgencyId, Domain, EmailAddress, Timestamp, UnitId};
use serde::Serialize;
use store::{Account, AccountState, Agency, Role, Store, Tx, Unit};

use crate::address::{AddressPolicy, Base, NameFault, issued, person_name, title};
use crate::agencies::{agency_code, may_use_domain, need_agency};
use crate::import::read::{Cells, Line, LineFault, read};
use crate::import::{Context, Fault};
use crate::words::quoted;
use crate::{Error, Result, Said, Sentence};

/// What applying a list would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The agency of all of them.
    pub agency: Agency,
    /// Line by line.
    pub rows: Vec<Row>,
    /// Header names nothing is done with.
    pub ignored_columns: Vec<String>,
    pub(crate) batch_rows: usize,
}

/// A line and what would come of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number in the file.
    pub line: u64,
    /// What would come of it.
    pub outcome: Outcome,
}

/// What would come of a line.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An account is made.
    Create(Box<Create>),
    /// The person is there already and is left alone.
    There {
        /// Under which address.
        address: EmailAddress,
        /// Whether office or role differ from the list's.
        differs: bool,
    },
    /// The line is empty and is skipped.
    Empty,
    /// The line is refused, for all these reasons.
    Refused(Vec<Fault>),
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name, NFC.
    pub display_name: String,
    /// Address, given or proposed.
    pub address: EmailAddress,
    /// Unit, if any.
    pub unit_id: Option<UnitId>,
    /// Office held, or empty.
    pub position: String,
    /// Role.
    pub role: Role,
    /// An earlier line with the same name and unit: another person of that name, or the same one twice.
    pub same_as_line: Option<u64>,
}

/// How many lines come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accounts to make.
    pub create: usize,
    /// People who are there.
    pub there: usize,
    /// Empty lines.
    pub empty: usize,
    /// Lines refused.
    pub refused: usize,
}

/// A line's outcome for printing and for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowReport {
    /// The line's number.
    pub line: u64,
    /// Whether it is in order.
    pub ok: bool,
    /// The address concerned, if any.
    pub address: Option<String>,
    /// Everything there is to say.
    pub said: Vec<Sentence>,
}

impl Plan {
    /// How many lines come to what.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for row in &self.rows {
            match row.outcome {
                Outcome::Create(_) => counts.create += 1,
                Outcome::There { .. } => counts.there += 1,
                Outcome::Empty => counts.empty += 1,
                Outcome::Refused(_) => counts.refused += 1,
            }
        }
        counts
    }

    /// Line by line, for printing.
    pub fn report(&self) -> Vec<RowReport> {
        self.rows.iter().map(Row::report).collect()
    }
}

impl Row {
    /// What there is to say about the line.
    pub fn report(&self) -> RowReport {
        let (ok, address, said) = match &self.outcome {
            Outcome::Create(create) => (true, Some(create.address.to_string()), create.said()),
            Outcome::There { address, differs } => {
                (true, Some(address.to_string()), vec![there(address, *differs)])
            }
            Outcome::Empty => {
                (true, None, vec![Sentence::new("line_empty", "Dòng trống, bỏ qua.", "Empty line, skipped.")])
            }
            Outcome::Refused(faults) => (false, None, faults.iter().map(Said::said).collect()),
        };
        RowReport { line: self.line, ok, address, said }
    }
}

impl Create {
    fn said(&self) -> Vec<Sentence> {
        let Self { display_name, address, same_as_line, .. } = self;
        let mut said = vec![Sentence::new(
            "account_create",
            format!("Tạo tài khoản {address} cho {display_name}."),
            format!("Create account {address} for {display_name}."),
        )];
        if let Some(line) = same_as_line {
            said.push(Sentence::new(
                "same_name_in_file",
                format!("Lưu ý: trùng họ tên và đơn vị với dòng {line}; nếu là một người, hãy bỏ một dòng."),
                format!(
                    "Note: same name and unit as line {line}; if that is the same person, drop one line."
                ),
            ));
        }
        said
    }
}

fn there(address: &EmailAddress, differs: bool) -> Sentence {
    match differs {
        false => Sentence::new(
            "account_there",
            format!("Đã có tài khoản {address}, giữ nguyên."),
            format!("Account {address} is there already; left alone."),
        ),
        true => Sentence::new(
            "account_there_differs",
            format!(
                "Đã có tài khoản {address}, giữ nguyên; chức vụ hoặc vai trò khác với danh sách và không được cập nhật."
            ),
            format!(
                "Account {address} is there already; left alone. Its position or role differs from the list and is not updated."
            ),
        ),
    }
}

/// A line that is in order by itself.
struct Draft {
    line: u64,
    display_name: String,
    address: Option<EmailAddress>,
    base: Option<Base>,
    unit_id: Option<UnitId>,
    position: String,
    role: Role,
}

/// A person as far as a list without addresses can tell them apart.
type Known = (String, Option<UnitId>);

fn known_as(display_name: &str, unit_id: Option<UnitId>) -> Known {
    (mail::text::exact(display_name), unit_id)
}

/// Reads a list and says what applying it would do. Nothing is written.
///
/// # Errors
/// [`Error::File`] when the list cannot be read at all; [`Error::NoAgency`], [`Error::NoDomain`], [`Error::DomainTaken`] when it
/// could lead nowhere.
pub async fn preview(store: &Store, bytes: &[u8], context: &Context, now: Timestamp) -> Result<Plan> {
    let table = read(bytes, &context.limits)?;
    let domain: Domain =
        context.domain.trim().parse().map_err(|_| Error::BadDomain(quoted(&context.domain)))?;
    let code = agency_code(&context.agency)?;
    store
        .read((table, code, domain, context.clone()), move |tx, (table, code, domain, context)| {
            Box::pin(async move {
                let agency = need_agency(tx, code, now).await?;
                may_use_domain(tx, domain, &agency, now).await?;
                let units = Units::of(tx.units(agency.agency_id).await?);
                let mut planner = Planner::new(tx, agency.agency_id, domain, &context.addresses).await?;
                let rows = planner.rows(&table.lines, &units, context).await?;
                let ignored_columns = table.ignored_columns.clone();
                Ok(Plan { agency, rows, ignored_columns, batch_rows: context.limits.batch_rows.max(1) })
            })
        })
        .await
}

/// The agency's units by code and by name.
struct Units {
    units: Vec<Unit>,
    by_word: HashMap<String, Vec<usize>>,
}

impl Units {
    fn of(units: Vec<Unit>) -> Self {
        let mut by_word: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, unit) in units.iter().enumerate() {
            let (code, name) = (mail::text::exact(&unit.code), mail::text::exact(&unit.name));
            if code != name {
                by_word.entry(name).or_default().push(at);
            }
            by_word.entry(code).or_default().push(at);
        }
        Self { units, by_word }
    }

    fn find(&self, word: &str) -> std::result::Result<&Unit, Fault> {
        let found = self.by_word.get(&mail::text::exact(word)).map(Vec::as_slice).unwrap_or_default();
        match found {
            [one] => self.units.get(*one).ok_or_else(|| Fault::UnknownUnit(quoted(word))),
            [] => Err(Fault::UnknownUnit(quoted(word))),
            _ => Err(Fault::UnitNotClear(quoted(word))),
        }
    }
}

/// A role in the words people use.
fn role(word: &str, context: &Context) -> std::result::Result<Role, Fault> {
    let folded: String = mail::text::fold(word).chars().filter(|c| c.is_alphanumeric()).collect();
    let role = match folded.as_str() {
        "" => context.default_role,
        "clerk" | "vanthu" => Role::Clerk,
        "leader" | "lanhdao" => Role::Leader,
        "staff" | "chuyenvien" | "canbo" | "congchuc" | "vienchuc" | "nhanvien" => Role::Staff,
        "admin" | "quantri" | "quantrivien" => Role::Admin,
        _ => return Err(Fault::UnknownRole(quoted(word))),
    };
    match role == Role::Admin && !context.admins_allowed {
        true => Err(Fault::AdminByList),
        false => Ok(role),
    }
}

/// What a line says, if it is in order by itself; else everything that is wrong with it.
fn draft(
    line: u64,
    cells: &Cells,
    domain: &Domain,
    units: &Units,
    context: &Context,
) -> std::result::Result<Draft, Vec<Fault>> {
    let policy = &context.addresses;
    let mut faults = Vec::new();
    let mut note = |fault| faults.push(fault);
    let display_name = person_name(&cells.name).map_err(|f| note(Fault::Name(f))).ok();
    let unit = match cells.unit.as_str() {
        "" => None,
        word => units.find(word).map_err(&mut note).ok(),
    };
    let role = role(&cells.role, context).map_err(&mut note).ok();
    let position = title(&cells.position).map_err(|f| note(Fault::Position(f))).ok();
    let address = match cells.address.as_str() {
        "" => None,
        text => issued(text, true, policy).map_err(|f| note(Fault::Address(f))).ok(),
    };
    if let Some(other) = address.as_ref().filter(|address| address.domain() != domain) {
        note(Fault::OtherDomain { address: other.to_string(), domain: domain.to_string() });
    }
    let base = match &display_name {
        Some(name) if cells.address.is_empty() => {
            Base::new(name, unit.map(|u| u.code.as_str()), policy).map_err(|f| note(Fault::Name(f))).ok()
        }
        _ => None,
    };
    match (display_name, role, position) {
        (Some(display_name), Some(role), Some(position)) if faults.is_empty() => {
            Ok(Draft { line, display_name, address, base, unit_id: unit.map(|u| u.unit_id), position, role })
        }
        _ => Err(faults),
    }
}

/// Holds what is there while the lines are gone through.
struct Planner<'t> {
    tx: &'t mut Tx,
    agency_id: AgencyId,
    domain: &'t Domain,
    policy: &'t AddressPolicy,
    /// The agency's people, oldest first.
    people: HashMap<Known, Vec<Account>>,
    /// Accounts that a line of this list has been recognised as.
    claimed: HashSet<AccountId>,
    /// Addresses that a line of this list has or gets, and which line.
    spoken_for: HashMap<String, u64>,
    /// The next number to try behind a base: numbers below are taken.
    next_number: HashMap<Base, u32>,
    /// The first line each person of a name is made by.
    made: HashMap<Known, u64>,
}

impl<'t> Planner<'t> {
    async fn new(
        tx: &'t mut Tx,
        agency_id: AgencyId,
        domain: &'t Domain,
        policy: &'t AddressPolicy,
    ) -> Result<Self> {
        /// Accounts asked for at a time, and how often: an agency has 200,000 at most.
        const PAGE: i64 = 1_000;
        const PAGES_MAX: usize = 200;
        let mut people: HashMap<Known, Vec<Account>> = HashMap::new();
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let page = tx.accounts_of(agency_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.account_id);
            for account in page {
                people.entry(known_as(&account.display_name, account.unit_id)).or_default().push(account);
            }
        }
        Ok(Self {
            tx,
            agency_id,
            domain,
            policy,
            people,
            claimed: HashSet::new(),
            spoken_for: HashMap::new(),
            next_number: HashMap::new(),
            made: HashMap::new(),
        })
    }

    async fn rows(&mut self, lines: &[Line], units: &Units, context: &Context) -> Result<Vec<Row>> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(lines.len());
        let mut drafts: Vec<Option<Draft>> = Vec::with_capacity(lines.len());
        for Line { number, cells } in lines {
            let (outcome, found) = match cells {
                Err(LineFault::Empty) => (Some(Outcome::Empty), None),
                Err(LineFault::TooLong) => (Some(Outcome::Refused(vec![Fault::TooLong])), None),
                Err(LineFault::ExtraCells) => (Some(Outcome::Refused(vec![Fault::ExtraCells])), None),
                Ok(cells) => match draft(*number, cells, self.domain, units, context) {
                    Ok(draft) => (None, Some(draft)),
                    Err(faults) => (Some(Outcome::Refused(faults)), None),
                },
            };
            outcomes.push(outcome);
            drafts.push(found);
        }
        // Addresses that are given go first, wherever they stand: what is proposed has to keep clear of them.
        for (outcome, draft) in outcomes.iter_mut().zip(&drafts) {
            if let Some(draft) = draft
                && let Some(address) = &draft.address
            {
                *outcome = Some(self.given(draft, address).await?);
            }
        }
        let mut rows = Vec::with_capacity(lines.len());
        for ((outcome, draft), line) in outcomes.into_iter().zip(drafts).zip(lines) {
            let outcome = match (outcome, draft) {
                (Some(outcome), _) => outcome,
                (None, Some(draft)) => self.proposed(draft).await?,
                (None, None) => Outcome::Empty,
            };
            rows.push(Row { line: line.number, outcome });
        }
        Ok(rows)
    }

    /// A line that gives its address.
    async fn given(&mut self, draft: &Draft, address: &EmailAddress) -> Result<Outcome> {
        if let Some(line) = self.spoken_for.get(&address.folded()) {
            return Ok(Outcome::Refused(vec![Fault::TwiceInFile {
                address: address.to_string(),
                line: *line,
            }]));
        }
        self.spoken_for.insert(address.folded(), draft.line);
        let Some(found) = self.tx.address(address).await? else {
            return Ok(self.create(draft, address.clone()));
        };
        let account = self.tx.account(found.account_id).await?;
        let closed =
            found.valid_to.is_some() || account.as_ref().is_none_or(|a| a.state == AccountState::Closed);
        let same = account.filter(|account| {
            account.agency_id == self.agency_id
                && mail::text::exact(&account.display_name) == mail::text::exact(&draft.display_name)
        });
        Ok(match same {
            Some(account) if !closed => {
                self.claimed.insert(account.account_id);
                Outcome::There { address: found.address, differs: differs(&account, draft) }
            }
            _ => Outcome::Refused(vec![Fault::Taken { address: address.to_string(), closed }]),
        })
    }

    /// A line without an address: somebody who is there, or somebody new.
    async fn proposed(&mut self, draft: Draft) -> Result<Outcome> {
        let known = known_as(&draft.display_name, draft.unit_id);
        let people = self.people.get(&known).map(Vec::as_slice).unwrap_or_default();
        let free = || people.iter().filter(|account| !self.claimed.contains(&account.account_id));
        // Of several of that name, rather one who agrees in office and role.
        let found = free().find(|account| !differs(account, &draft)).or_else(|| free().next());
        if let Some(account) = found {
            self.claimed.insert(account.account_id);
            let address = self.tx.addresses(account.account_id).await?.into_iter().find(|a| a.is_primary);
            let address = address.ok_or(store::Error::Damaged("an account's address"))?.address;
            return Ok(match account.state {
                AccountState::Closed => Outcome::Refused(vec![Fault::ClosedBefore(address.to_string())]),
                _ => Outcome::There { differs: differs(account, &draft), address },
            });
        }
        let Some(base) = draft.base.clone() else {
            return Ok(Outcome::Refused(vec![Fault::Name(NameFault::NoLetters(quoted(
                &draft.display_name,
            )))]));
        };
        match self.next_address(base).await? {
            Some(address) => {
                self.spoken_for.insert(address.folded(), draft.line);
                Ok(self.create(&draft, address))
            }
            None => Ok(Outcome::Refused(vec![Fault::Name(NameFault::AllTaken(quoted(&draft.display_name)))])),
        }
    }

    /// The first address of a base that nobody has or ever had, here or in this list (RULES M3, M23).
    async fn next_address(&mut self, base: Base) -> Result<Option<EmailAddress>> {
        let first = self.next_number.get(&base).copied().unwrap_or(0);
        for number in first..=self.policy.number_max {
            let Some(address) = base.numbered(number, self.domain) else { continue };
            if self.spoken_for.contains_key(&address.folded()) || self.tx.address(&address).await?.is_some() {
                continue;
            }
            self.next_number.insert(base, number.saturating_add(1));
            return Ok(Some(address));
        }
        self.next_number.insert(base, self.policy.number_max.saturating_add(1));
        Ok(None)
    }

    fn create(&mut self, draft: &Draft, address: EmailAddress) -> Outcome {
        let known = known_as(&draft.display_name, draft.unit_id);
        let same_as_line = self.made.get(&known).copied();
        self.made.entry(known).or_insert(draft.line);
        Outcome::Create(Box::new(Create {
            display_name: draft.display_name.clone(),
            address,
            unit_id: draft.unit_id,
            position: draft.position.clone(),
            role: draft.role,
            same_as_line,
        }))
    }
}

fn differs(account: &Account, draft: &Draft) -> bool {
    account.role != draft.role || account.position != draft.position
}
