//! Who may act in the box of an agency (RULES M1, M26).

use std::str::FromStr;

use mail::{AccountId, AgencyId, EmailAddress, Timestamp};

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{AccountState, Audit, Tx};

/// Boxes that one person may act in, and persons who may act in one box: no list is longer.
pub const DELEGATES_MAX: i64 = 200;

/// How a delegate may send with a box's addresses (RULES M26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelegateRight {
    /// As the box: nothing in the message names the person.
    SendAs,
    /// On its behalf: `Sender` names the person (RFC 5322 §3.6.2).
    SendOnBehalf,
}

impl DelegateRight {
    /// The word the database and the interfaces know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendAs => "send_as",
            Self::SendOnBehalf => "send_on_behalf",
        }
    }
}

impl FromStr for DelegateRight {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "send_as" => Ok(Self::SendAs),
            "send_on_behalf" => Ok(Self::SendOnBehalf),
            _ => Err(Error::Refused("a delegate's right is send_as or send_on_behalf")),
        }
    }
}

/// What a delegate may do in a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelegateRights {
    /// Send as the box.
    pub send_as: bool,
    /// Send on its behalf.
    pub send_on_behalf: bool,
}

impl DelegateRights {
    /// The words, with commas.
    pub fn words(self) -> String {
        let held = [
            self.send_as.then_some(DelegateRight::SendAs),
            self.send_on_behalf.then_some(DelegateRight::SendOnBehalf),
        ];
        held.into_iter().flatten().map(DelegateRight::as_str).collect::<Vec<_>>().join(",")
    }

    /// The most that these allow: who may send as the box need not say who it was.
    fn sending(self) -> Option<DelegateRight> {
        match self {
            Self { send_as: true, .. } => Some(DelegateRight::SendAs),
            Self { send_on_behalf: true, .. } => Some(DelegateRight::SendOnBehalf),
            _ => None,
        }
    }
}

impl FromStr for DelegateRights {
    type Err = Error;

    fn from_str(words: &str) -> Result<Self> {
        let mut rights = Self::default();
        for word in words.split(',') {
            match word.trim().parse()? {
                DelegateRight::SendAs => rights.send_as = true,
                DelegateRight::SendOnBehalf => rights.send_on_behalf = true,
            }
        }
        Ok(rights)
    }
}

/// A person's rights in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// The box.
    pub box_id: AccountId,
    /// The person.
    pub person_id: AccountId,
    /// What they may do.
    pub rights: DelegateRights,
    /// Since when.
    pub valid_from: Timestamp,
    /// Until when; there is always an end.
    pub valid_to: Timestamp,
    /// The decision or ticket it rests on.
    pub decision: String,
    /// Who granted it.
    pub granted_by: String,
}

/// As whom an account sends when it uses an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendsAs {
    /// As itself.
    Itself,
    /// As the box of which it is a delegate.
    Box(AccountId),
    /// On behalf of that box.
    BoxOnBehalf(AccountId),
}

impl SendsAs {
    /// The box, if it is one's.
    pub fn box_id(self) -> Option<AccountId> {
        match self {
            Self::Itself => None,
            Self::Box(box_id) | Self::BoxOnBehalf(box_id) => Some(box_id),
        }
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT box_id, person_id, rights, valid_from, valid_to, decision, granted_by FROM delegate ",
            $rest
        )
    };
}

fn delegate(row: &Row) -> Result<Delegate> {
    Ok(Delegate {
        box_id: row.id(0)?,
        person_id: row.id(1)?,
        rights: row.text(2)?.parse().map_err(|_| Error::Damaged("a delegate's rights"))?,
        valid_from: row.moment(3)?,
        valid_to: row.moment(4)?,
        decision: row.text(5)?,
        granted_by: row.text(6)?,
    })
}

impl Tx {
    /// Gives a person rights in a box in place of those they had there; audited for the agency of the box. Whether they may have them is
    /// asked before.
    ///
    /// # Errors
    /// [`Error::Full`] when the box or the person has [`DELEGATES_MAX`] already.
    pub async fn put_delegate(&mut self, new: &Delegate, audited: AgencyId, now: Timestamp) -> Result<()> {
        let others = self
            .row(
                "SELECT COUNT(*) FROM delegate WHERE (box_id = $1 AND person_id <> $2) \
                 OR (person_id = $2 AND box_id <> $1)",
                values![&new.box_id, &new.person_id],
            )
            .await?;
        if others.map_or(Ok(0), |row| row.int(0))? >= DELEGATES_MAX {
            return Err(Error::Full("the list of delegates"));
        }
        let rights = new.rights.words();
        self.exec(
            "INSERT INTO delegate (box_id, person_id, rights, valid_from, valid_to, decision, granted_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (box_id, person_id) DO UPDATE SET \
             rights = excluded.rights, valid_from = excluded.valid_from, valid_to = excluded.valid_to, \
             decision = excluded.decision, granted_by = excluded.granted_by",
            values![
                &new.box_id,
                &new.person_id,
                &rights,
                new.valid_from,
                new.valid_to,
                &new.decision,
                &new.granted_by
            ],
        )
        .await?;
        let detail = serde_json::json!({
            "what": "delegate", "person": new.person_id, "rights": rights,
            "until": new.valid_to.to_rfc3339_utc(), "decision": new.decision,
        });
        self.audit_box(new.box_id, audited, &new.granted_by, &detail, now).await
    }

    /// Takes all of a person's rights in a box away; audited for the agency of the box.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there are none.
    pub async fn remove_delegate(
        &mut self,
        box_id: AccountId,
        person_id: AccountId,
        audited: AgencyId,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        let gone = self
            .exec("DELETE FROM delegate WHERE box_id = $1 AND person_id = $2", values![&box_id, &person_id])
            .await?;
        if gone == 0 {
            return Err(Error::NotFound("the delegate"));
        }
        let detail = serde_json::json!({ "what": "delegate", "person": person_id, "removed": true });
        self.audit_box(box_id, audited, actor, &detail, now).await
    }

    async fn audit_box(
        &mut self,
        box_id: AccountId,
        audited: AgencyId,
        actor: &str,
        detail: &serde_json::Value,
        now: Timestamp,
    ) -> Result<()> {
        let subject = box_id.to_string();
        self.audit(audited, now, actor, Audit::AccountChanged, &subject, &detail.to_string()).await
    }

    /// Who has rights in a box, those whose time is over too.
    pub async fn delegates_of(&mut self, box_id: AccountId) -> Result<Vec<Delegate>> {
        let sql = select!("WHERE box_id = $1 ORDER BY person_id LIMIT $2");
        self.rows(sql, values![&box_id, DELEGATES_MAX]).await?.iter().map(delegate).collect()
    }

    /// In which boxes a person has rights, those whose time is over too.
    pub async fn delegations_of(&mut self, person_id: AccountId) -> Result<Vec<Delegate>> {
        let sql = select!("WHERE person_id = $1 ORDER BY box_id LIMIT $2");
        self.rows(sql, values![&person_id, DELEGATES_MAX]).await?.iter().map(delegate).collect()
    }

    /// How a person may send with a box's addresses now, if at all. Nobody sends for a box that is not in use.
    pub async fn delegated(
        &mut self,
        box_id: AccountId,
        person_id: AccountId,
        now: Timestamp,
    ) -> Result<Option<DelegateRight>> {
        let row = self
            .row(
                "SELECT d.rights FROM delegate d JOIN account a ON a.account_id = d.box_id \
                 WHERE d.box_id = $1 AND d.person_id = $2 AND d.valid_from <= $3 AND d.valid_to > $3 AND a.state = $4",
                values![&box_id, &person_id, now, AccountState::Active.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let rights: DelegateRights =
            row.text(0)?.parse().map_err(|_| Error::Damaged("a delegate's rights"))?;
        Ok(rights.sending())
    }

    /// As whom an account sends when it uses this address (RFC 6409 §6.1); `None` when it may not. The one place that decides it for
    /// every door.
    pub async fn sends_as(
        &mut self,
        account_id: AccountId,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<SendsAs>> {
        let Some(found) = self.address_by_any_name(address).await? else { return Ok(None) };
        if !found.is_valid(now) {
            return Ok(None);
        }
        if found.account_id == account_id {
            return Ok(Some(SendsAs::Itself));
        }
        let right = self.delegated(found.account_id, account_id, now).await?;
        Ok(right.map(|right| match right {
            DelegateRight::SendAs => SendsAs::Box(found.account_id),
            DelegateRight::SendOnBehalf => SendsAs::BoxOnBehalf(found.account_id),
        }))
    }
}
