//! Accounts: added with their mailboxes, given passwords, moved on in their lives (RULES M1, M4, M20–M25).

use mail::{AccountId, AgencyCode, Chance, EmailAddress, MailboxId, Secret, Timestamp, UidValidity, UnitId};
use store::{
    Account, AccountKind, AccountState, Audit, MailboxRole, NewAccount, NewMailbox, Role, Store, Tx,
};

use crate::address::{AddressPolicy, NameFault, issued, person_name, title};
use crate::agencies::{agency_code, may_use_domain, need_agency};
use crate::passwords::PasswordHash;
use crate::words::quoted;
use crate::{Error, Result};

/// The mailboxes every account begins with. The inbox is called "Inbox" because IMAP has that one name fixed (RFC 9051 §5.1);
/// pages show their own word for it by its role.
pub const MAILBOXES: [(MailboxRole, &str); 6] = [
    (MailboxRole::Inbox, "Inbox"),
    (MailboxRole::Drafts, "Thư nháp"),
    (MailboxRole::Sent, "Thư đã gửi"),
    (MailboxRole::Archive, "Lưu trữ"),
    (MailboxRole::Junk, "Thư rác"),
    (MailboxRole::Trash, "Thùng rác"),
];

/// Bytes an account may hold until somebody says otherwise (RULES M31): person 5 GB, leader 10 GB, agency 20 GB.
pub const fn quota(kind: AccountKind, role: Role) -> i64 {
    const GB: i64 = 1_000_000_000;
    match (kind, role) {
        (AccountKind::Agency, _) => 20 * GB,
        (AccountKind::Person, Role::Leader) => 10 * GB,
        (AccountKind::Person, _) => 5 * GB,
    }
}

/// An account to add, as an administrator writes it.
#[derive(Clone, Debug)]
pub struct AccountToAdd {
    /// Its first address.
    pub address: String,
    /// A code of its agency.
    pub agency: String,
    /// The code of its unit, if any.
    pub unit: Option<String>,
    /// Whose it is.
    pub kind: AccountKind,
    /// What its holder may do.
    pub role: Role,
    /// Name in Vietnamese; without one the local part of the address stands in.
    pub display_name: Option<String>,
    /// Office held, or empty.
    pub position: String,
    /// The hash of its password; `None` forbids signing in (an agency's mailbox has delegates, RULES M1).
    pub password: Option<PasswordHash>,
    /// Whether the first sign-in must change the password: always for one that was handed out (RULES M25).
    pub must_change_password: bool,
}

/// An account ready to be written: checked, and with its ids drawn, so that the transaction may be run again.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) new: NewAccount,
    pub(crate) mailbox_ids: [MailboxId; MAILBOXES.len()],
    /// What SCRAM needs of the password.
    pub(crate) scram: Option<Secret<String>>,
}

impl Ready {
    /// Draws the ids of an account's mailboxes.
    pub(crate) fn new(new: NewAccount, now: Timestamp, chance: &dyn Chance) -> Self {
        let mailbox_ids = std::array::from_fn(|_| MailboxId::new(now, chance));
        Self { new, mailbox_ids, scram: None }
    }

    /// The account with a password.
    pub(crate) fn with_password(mut self, password: Option<&PasswordHash>) -> Self {
        self.new.password_hash = password.map(PasswordHash::to_stored);
        self.scram = password.and_then(PasswordHash::scram_stored);
        self
    }

    /// Writes the account, its mailboxes and its audit row.
    pub(crate) async fn add(&self, tx: &mut Tx, actor: &str, now: Timestamp) -> Result<()> {
        let Self { new, mailbox_ids, scram } = self;
        need_free(tx, &new.address, now).await?;
        tx.add_account(new, now).await?;
        if let Some(scram) = scram {
            tx.set_scram_verifier(new.account_id, scram).await?;
        }
        for ((role, name), (mailbox_id, sort_order)) in MAILBOXES.into_iter().zip(mailbox_ids.iter().zip(1..))
        {
            tx.add_mailbox(&NewMailbox {
                account_id: new.account_id,
                mailbox_id: *mailbox_id,
                parent_id: None,
                name: name.to_owned(),
                role: Some(role),
                sort_order,
                uid_validity: uid_validity(now),
            })
            .await?;
        }
        let detail = format!(r#"{{"what":"added","role":"{}"}}"#, new.role.as_str());
        tx.audit(new.agency_id, now, actor, Audit::AccountChanged, &new.account_id.to_string(), &detail)
            .await?;
        Ok(())
    }
}

/// Seconds since 1970, as RFC 9051 §2.3.1.1 suggests; never 0.
fn uid_validity(now: Timestamp) -> UidValidity {
    UidValidity(u32::try_from(now.secs()).unwrap_or(u32::MAX).max(1))
}

/// That nobody has or ever had an address (RULES M23).
async fn need_free(tx: &mut Tx, address: &EmailAddress, now: Timestamp) -> Result<()> {
    let Some(found) = tx.address(address).await? else { return Ok(()) };
    let account = tx.account(found.account_id).await?;
    let ended = found.valid_to.is_some_and(|end| end <= now);
    let closed = ended || account.is_some_and(|account| account.state == AccountState::Closed);
    Err(Error::AddressTaken { address: address.to_string(), closed })
}

struct Checked {
    agency: AgencyCode,
    unit: Option<String>,
    ready: Ready,
    actor: String,
    now: Timestamp,
}

/// Adds an account with its address and mailboxes.
///
/// # Errors
/// [`Error::Address`], [`Error::AddressTaken`], [`Error::NoAgency`], [`Error::NoUnit`], [`Error::NoDomain`],
/// [`Error::DomainTaken`], [`Error::Name`].
pub async fn add_account(
    store: &Store,
    policy: &AddressPolicy,
    add: &AccountToAdd,
    actor: &str,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<Account> {
    let is_person = add.kind == AccountKind::Person;
    let address = issued(&add.address, is_person, policy)?;
    let display_name = match &add.display_name {
        Some(name) if is_person => person_name(name)?,
        Some(name) => title(name)?,
        None => address.local().as_str().to_owned(),
    };
    if display_name.is_empty() {
        return Err(NameFault::Missing.into());
    }
    let new = NewAccount {
        account_id: AccountId::new(now, chance),
        // Found in the transaction.
        agency_id: mail::AgencyId::from_bytes([0; 16]),
        unit_id: None,
        kind: add.kind,
        role: add.role,
        display_name,
        position: title(&add.position)?,
        password_hash: None,
        must_change_password: add.must_change_password,
        quota_bytes: quota(add.kind, add.role),
        address,
    };
    let checked = Checked {
        agency: agency_code(&add.agency)?,
        unit: add.unit.clone(),
        ready: Ready::new(new, now, chance).with_password(add.password.as_ref()),
        actor: actor.to_owned(),
        now,
    };
    store
        .write("add an account", checked, |tx, checked| {
            Box::pin(async move { add_checked(tx, checked).await })
        })
        .await
}

async fn add_checked(tx: &mut Tx, checked: &Checked) -> Result<Account> {
    let Checked { agency, unit, ready, actor, now } = checked;
    let agency = need_agency(tx, agency, *now).await?;
    may_use_domain(tx, ready.new.address.domain(), &agency, *now).await?;
    let mut ready = ready.clone();
    ready.new.agency_id = agency.agency_id;
    if let Some(code) = unit {
        let unit = tx.unit_by_code(agency.agency_id, code).await?;
        let unit_id: UnitId = unit.ok_or_else(|| Error::NoUnit(quoted(code)))?.unit_id;
        ready.new.unit_id = Some(unit_id);
    }
    ready.add(tx, actor, *now).await?;
    let address = || ready.new.address.to_string();
    tx.account(ready.new.account_id).await?.ok_or_else(|| Error::NoAccount(address()))
}

/// Gives an account a password. `must_change` when it was handed out by somebody (RULES M25). Whether it is a good one was
/// asked before ([`passwords::Policy`](crate::passwords::Policy)).
///
/// # Errors
/// [`Error::NoAccount`], [`Error::Closed`].
pub async fn set_password(
    store: &Store,
    account_id: AccountId,
    password: &PasswordHash,
    must_change: bool,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let input = (account_id, password.clone(), must_change, actor.to_owned(), now);
    store
        .write("set a password", input, |tx, (account_id, password, must_change, actor, now)| {
            Box::pin(async move {
                let account = need_open(tx, *account_id).await?;
                tx.set_password_hash(*account_id, &password.to_stored(), *must_change, *now).await?;
                if let Some(scram) = password.scram_stored() {
                    tx.set_scram_verifier(*account_id, &scram).await?;
                }
                let subject = account_id.to_string();
                let detail = r#"{"what":"password"}"#;
                Ok(tx.audit(account.agency_id, *now, actor, Audit::AccountChanged, &subject, detail).await?)
            })
        })
        .await
}

/// Moves an account on in its life (RULES M20, M21). It takes effect at once: sign-in asks for the state each time.
/// `decision` is the decision number or ticket.
///
/// # Errors
/// [`Error::NoAccount`], [`Error::Closed`] (nothing leaves that state), [`Error::BadTransition`] (only a locked account
/// is closed), [`Error::NoDecision`].
pub async fn set_state(
    store: &Store,
    account_id: AccountId,
    state: AccountState,
    decision: &str,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let decision = title(decision)?;
    if decision.is_empty() {
        return Err(Error::NoDecision);
    }
    let input = (account_id, state, decision, actor.to_owned(), now);
    store
        .write("move an account on", input, |tx, (account_id, state, decision, actor, now)| {
            Box::pin(async move {
                let account = need_open(tx, *account_id).await?;
                if *state == AccountState::Closed && account.state != AccountState::Locked {
                    return Err(Error::BadTransition { from: account.state, to: *state });
                }
                tx.set_account_state(*account_id, *state, *now).await?;
                let detail = serde_json::json!({ "what": state.as_str(), "decision": decision }).to_string();
                let subject = account_id.to_string();
                Ok(tx.audit(account.agency_id, *now, actor, Audit::AccountChanged, &subject, &detail).await?)
            })
        })
        .await
}

/// An account that is not closed.
async fn need_open(tx: &mut Tx, account_id: AccountId) -> Result<Account> {
    let account = tx.account(account_id).await?.ok_or_else(|| Error::NoAccount(account_id.to_string()))?;
    if account.state == AccountState::Closed { Err(Error::Closed) } else { Ok(account) }
}
