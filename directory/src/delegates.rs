//! Who may act in the box of an agency (RULES M1, M26): named persons, for a time, on the word of a decision.

use std::time::Duration;

use mail::{AgencyId, EmailAddress, Timestamp};
use store::{Account, AccountKind, AccountState, Delegate, DelegateRights, Store, Tx};

use crate::address::title;
use crate::agencies::called;
use crate::{Error, Result, Said, Sentence};

/// How many superiors are followed; ministry, province, commune and their units are fewer.
const LEVELS_MAX: usize = 16;

/// Why somebody is not made a delegate, or is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DelegateFault {
    /// The box is a person's: nobody else acts in it (RULES M1).
    NotAnAgencys(String),
    /// The delegate is not a person.
    NotAPerson(String),
    /// The person is of another agency than the box's and those below it.
    OfAnotherAgency {
        /// Name and code of the agency of the box.
        of: String,
    },
    /// The end is not in the future.
    Over,
    /// Longer than the configuration lets it be.
    TooLong {
        /// The most, in days.
        days_max: u64,
    },
    /// The person is no delegate of the box.
    None,
}

impl Said for DelegateFault {
    fn said(&self) -> Sentence {
        match self {
            Self::NotAnAgencys(address) => Sentence::new(
                "delegate_box_personal",
                format!("{address} là hộp thư cá nhân; chỉ hộp thư cơ quan, đơn vị được ủy quyền sử dụng."),
                format!("{address} is a person's mailbox; only an agency's or unit's box can be delegated."),
            ),
            Self::NotAPerson(address) => Sentence::new(
                "delegate_not_person",
                format!("{address} không phải tài khoản của một người đang làm việc."),
                format!("{address} is not the account of a person in office."),
            ),
            Self::OfAnotherAgency { of } => Sentence::new(
                "delegate_other_agency",
                format!("Chỉ người của {of} và các cơ quan trực thuộc được ủy quyền sử dụng hộp thư này."),
                format!("Only persons of {of} and the agencies below it can be delegates of this box."),
            ),
            Self::Over => Sentence::new(
                "delegate_over",
                "Thời hạn ủy quyền phải ở sau thời điểm hiện tại.",
                "The delegation must end in the future.",
            ),
            Self::TooLong { days_max } => Sentence::new(
                "delegate_too_long",
                format!("Thời hạn ủy quyền dài nhất là {days_max} ngày; hết hạn thì ủy quyền lại."),
                format!("A delegation lasts {days_max} days at most; grant it again when it ends."),
            ),
            Self::None => Sentence::new(
                "delegate_unknown",
                "Người này không được ủy quyền sử dụng hộp thư đó.",
                "This person is no delegate of that box.",
            ),
        }
    }
}

/// Rights to give to a person in a box.
#[derive(Clone, Debug)]
pub struct DelegateToAdd {
    /// An address of the box.
    pub a_box: EmailAddress,
    /// An address of the person.
    pub person: EmailAddress,
    /// What they may do.
    pub rights: DelegateRights,
    /// Until when.
    pub until: Timestamp,
    /// The decision or ticket it rests on.
    pub decision: String,
    /// The longest time, in days.
    pub days_max: u64,
}

/// Gives a person rights in a box, in place of those they had there.
///
/// # Errors
/// [`Error::NoAccount`], [`Error::Closed`], [`Error::NoDecision`], [`Error::Delegation`].
pub async fn add_delegate(store: &Store, add: &DelegateToAdd, actor: &str, now: Timestamp) -> Result<()> {
    let decision = title(&add.decision)?;
    if decision.is_empty() {
        return Err(Error::NoDecision);
    }
    if add.until <= now {
        return Err(DelegateFault::Over.into());
    }
    let longest = Duration::from_secs(add.days_max.saturating_mul(86_400));
    if add.until > now.plus(longest) {
        return Err(DelegateFault::TooLong { days_max: add.days_max }.into());
    }
    let input = (DelegateToAdd { decision, ..add.clone() }, actor.to_owned());
    store
        .write("add a delegate", input, move |tx, (add, actor)| {
            Box::pin(async move {
                let a_box = need_account(tx, &add.a_box, now).await?;
                let person = need_account(tx, &add.person, now).await?;
                may_be(tx, &a_box, &person, add, now).await?;
                let new = Delegate {
                    box_id: a_box.account_id,
                    person_id: person.account_id,
                    rights: add.rights,
                    valid_from: now,
                    valid_to: add.until,
                    decision: add.decision.clone(),
                    granted_by: actor.clone(),
                };
                Ok(tx.put_delegate(&new, a_box.agency_id, now).await?)
            })
        })
        .await
}

/// Takes all of a person's rights in a box away. It holds for the next message already.
///
/// # Errors
/// [`Error::NoAccount`], [`Error::Delegation`] when there are none.
pub async fn remove_delegate(
    store: &Store,
    a_box: &EmailAddress,
    person: &EmailAddress,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let input = (a_box.clone(), person.clone(), actor.to_owned());
    store
        .write("remove a delegate", input, move |tx, (a_box, person, actor)| {
            Box::pin(async move {
                let a_box = need_account(tx, a_box, now).await?;
                let person_id = need_account(tx, person, now).await?.account_id;
                match tx.remove_delegate(a_box.account_id, person_id, a_box.agency_id, actor, now).await {
                    Err(store::Error::NotFound(_)) => Err(DelegateFault::None.into()),
                    removed => Ok(removed?),
                }
            })
        })
        .await
}

async fn need_account(tx: &mut Tx, address: &EmailAddress, now: Timestamp) -> Result<Account> {
    tx.account_at(address, now).await?.ok_or_else(|| Error::NoAccount(address.to_string()))
}

async fn may_be(
    tx: &mut Tx,
    a_box: &Account,
    person: &Account,
    add: &DelegateToAdd,
    now: Timestamp,
) -> Result<()> {
    if a_box.kind != AccountKind::Agency {
        return Err(DelegateFault::NotAnAgencys(add.a_box.to_string()).into());
    }
    if a_box.state == AccountState::Closed {
        return Err(Error::Closed);
    }
    if person.kind != AccountKind::Person || person.state != AccountState::Active {
        return Err(DelegateFault::NotAPerson(add.person.to_string()).into());
    }
    if is_within(tx, person.agency_id, a_box.agency_id, now).await? {
        return Ok(());
    }
    let agency =
        tx.agency(a_box.agency_id, now).await?.ok_or(store::Error::Damaged("an account's agency"))?;
    Err(DelegateFault::OfAnotherAgency { of: called(&agency) }.into())
}

/// Whether an agency is another, or below it.
async fn is_within(tx: &mut Tx, below: AgencyId, above: AgencyId, now: Timestamp) -> Result<bool> {
    let mut at = Some(below);
    for _ in 0..LEVELS_MAX {
        match at {
            Some(agency_id) if agency_id == above => return Ok(true),
            Some(agency_id) => at = tx.agency(agency_id, now).await?.and_then(|agency| agency.parent_id),
            None => return Ok(false),
        }
    }
    Ok(false)
}
