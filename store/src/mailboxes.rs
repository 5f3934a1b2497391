//! Mailboxes (folders) and their exact counters.

use mail::{AccountId, MailboxId, ModSeq, UidValidity};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

words! {
    /// What a mailbox is for (RFC 8621 §2, RFC 6154).
    MailboxRole, "mailbox role" {
        /// Where mail arrives.
        Inbox = "inbox",
        /// What is being written.
        Drafts = "drafts",
        /// What was sent.
        Sent = "sent",
        /// What is put away.
        Archive = "archive",
        /// What is thrown away.
        Trash = "trash",
        /// What is not wanted.
        Junk = "junk",
    }
}

/// A mailbox to add.
#[derive(Clone, Debug)]
pub struct NewMailbox {
    /// Its account.
    pub account_id: AccountId,
    /// Its id.
    pub mailbox_id: MailboxId,
    /// The mailbox it lies in.
    pub parent_id: Option<MailboxId>,
    /// Its name, NFC.
    pub name: String,
    /// What it is for.
    pub role: Option<MailboxRole>,
    /// Where it stands among its siblings.
    pub sort_order: i64,
    /// Its UIDVALIDITY at least, never 0: it gets the next one that no mailbox of the account ever had (RFC 9051 §2.3.1.1).
    pub uid_validity: UidValidity,
}

/// A mailbox with its counters.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Its id.
    pub mailbox_id: MailboxId,
    /// The mailbox it lies in.
    pub parent_id: Option<MailboxId>,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Option<MailboxRole>,
    /// Where it stands among its siblings.
    pub sort_order: i64,
    /// Whether clients that ask show it.
    pub is_subscribed: bool,
    /// Changes when its UIDs start anew.
    pub uid_validity: UidValidity,
    /// The next UID to be given.
    pub uid_next: i64,
    /// Messages in it.
    pub total_emails: i64,
    /// Messages in it that are neither seen nor drafts.
    pub unread_emails: i64,
    /// Conversations with a message in it.
    pub total_threads: i64,
    /// Those of them with an unread message anywhere (RFC 8621 §2).
    pub unread_threads: i64,
    /// When it was made.
    pub created_modseq: ModSeq,
    /// When it last changed, counters included.
    pub modseq: ModSeq,
}

/// Mailboxes of an account, at most: enough for any tree people make, and every list of them is bounded.
const MAILBOXES_MAX: i64 = 2_000;

macro_rules! select_mailbox {
    ($tail:literal) => {
        concat!(
            "SELECT mailbox_id, parent_id, name, role, sort_order, is_subscribed, uid_validity, uid_next, total_emails, \
             unread_emails, total_threads, unread_threads, created_modseq, modseq FROM mailbox WHERE account_id = $1 ",
            $tail
        )
    };
}

fn mailbox(row: &Row) -> Result<Mailbox> {
    Ok(Mailbox {
        mailbox_id: row.id(0)?,
        parent_id: row.opt_id(1)?,
        name: row.text(2)?,
        role: row.opt_text(3)?.map(|word| word.parse()).transpose()?,
        sort_order: row.int(4)?,
        is_subscribed: row.flag(5)?,
        uid_validity: UidValidity(u32::try_from(row.int(6)?).map_err(|_| Error::Damaged("a UIDVALIDITY"))?),
        uid_next: row.int(7)?,
        total_emails: row.int(8)?,
        unread_emails: row.int(9)?,
        total_threads: row.int(10)?,
        unread_threads: row.int(11)?,
        created_modseq: row.modseq(12)?,
        modseq: row.modseq(13)?,
    })
}

impl Tx {
    /// Adds a mailbox.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a sibling has the name or another mailbox the role; [`Error::NotFound`] when there is no such
    /// parent; [`Error::Full`] when the account has all it may have.
    pub async fn add_mailbox(&mut self, new: &NewMailbox) -> Result<ModSeq> {
        let modseq = self.next_modseq(new.account_id, 0).await?;
        let existing = self.mailboxes(new.account_id).await?;
        if existing.len() as i64 >= MAILBOXES_MAX {
            return Err(Error::Full("the list of mailboxes"));
        }
        if existing.iter().any(|m| m.parent_id == new.parent_id && m.name == new.name) {
            return Err(Error::Conflict("a mailbox of that name".to_owned()));
        }
        if new.role.is_some() && existing.iter().any(|m| m.role == new.role) {
            return Err(Error::Conflict("a mailbox of that role".to_owned()));
        }
        if new.parent_id.is_some_and(|parent| existing.iter().all(|m| m.mailbox_id != parent)) {
            return Err(Error::NotFound("the parent mailbox"));
        }
        let uid_validity = self.next_uid_validity(new.account_id, new.uid_validity).await?;
        self.exec(
            "INSERT INTO mailbox (account_id, mailbox_id, parent_id, name, role, sort_order, is_subscribed, uid_validity, \
             uid_next, total_emails, unread_emails, total_threads, unread_threads, created_modseq, modseq) \
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7, 1, 0, 0, 0, 0, $8, $8)",
            values![
                &new.account_id,
                &new.mailbox_id,
                new.parent_id.as_ref(),
                &new.name,
                new.role.map(MailboxRole::as_str),
                new.sort_order,
                uid_validity,
                modseq
            ],
        )
        .await?;
        Ok(modseq)
    }

    /// A UIDVALIDITY that no mailbox of the account ever had: this one, or the next.
    async fn next_uid_validity(&mut self, account_id: AccountId, least: UidValidity) -> Result<i64> {
        let row = self
            .row(
                "UPDATE account SET uid_validity = CASE WHEN uid_validity >= $2 THEN uid_validity + 1 ELSE $2 END \
                 WHERE account_id = $1 RETURNING uid_validity",
                values![&account_id, i64::from(least.0)],
            )
            .await?
            .ok_or(Error::NotFound("the account"))?;
        row.int(0)
    }

    /// All mailboxes of an account, in their order.
    pub async fn mailboxes(&mut self, account_id: AccountId) -> Result<Vec<Mailbox>> {
        let rows = self.rows(select_mailbox!("ORDER BY sort_order, name"), values![&account_id]).await?;
        rows.iter().map(mailbox).collect()
    }

    /// One mailbox.
    pub async fn mailbox(&mut self, account_id: AccountId, mailbox_id: MailboxId) -> Result<Option<Mailbox>> {
        let row = self.row(select_mailbox!("AND mailbox_id = $2"), values![&account_id, &mailbox_id]).await?;
        row.as_ref().map(mailbox).transpose()
    }

    /// The mailbox with a role.
    pub async fn mailbox_with_role(
        &mut self,
        account_id: AccountId,
        role: MailboxRole,
    ) -> Result<Option<Mailbox>> {
        let row = self.row(select_mailbox!("AND role = $2"), values![&account_id, role.as_str()]).await?;
        row.as_ref().map(mailbox).transpose()
    }

    /// Renames, moves, orders or (un)subscribes a mailbox.
    ///
    /// # Errors
    /// As [`Tx::add_mailbox`]; [`Error::Refused`] when it would lie in itself.
    pub async fn change_mailbox(&mut self, account_id: AccountId, changed: &Mailbox) -> Result<ModSeq> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let existing = self.mailboxes(account_id).await?;
        let others = || existing.iter().filter(|m| m.mailbox_id != changed.mailbox_id);
        if others().any(|m| m.parent_id == changed.parent_id && m.name == changed.name) {
            return Err(Error::Conflict("a mailbox of that name".to_owned()));
        }
        let mut above = changed.parent_id;
        for _ in 0..=existing.len() {
            match above {
                None => break,
                Some(id) if id == changed.mailbox_id => {
                    return Err(Error::Refused("a mailbox cannot lie in itself"));
                }
                Some(id) => {
                    let parent = existing.iter().find(|m| m.mailbox_id == id);
                    above = parent.ok_or(Error::NotFound("the parent mailbox"))?.parent_id;
                }
            }
        }
        let touched = self
            .exec(
                "UPDATE mailbox SET parent_id = $3, name = $4, sort_order = $5, is_subscribed = $6, modseq = $7 \
                 WHERE account_id = $1 AND mailbox_id = $2",
                values![
                    &account_id,
                    &changed.mailbox_id,
                    changed.parent_id.as_ref(),
                    &changed.name,
                    changed.sort_order,
                    changed.is_subscribed,
                    modseq
                ],
            )
            .await?;
        if touched == 1 { Ok(modseq) } else { Err(Error::NotFound("the mailbox")) }
    }

    /// Destroys an empty mailbox that has no mailbox in it.
    ///
    /// # Errors
    /// [`Error::Refused`] when something lies in it.
    pub async fn destroy_mailbox(&mut self, account_id: AccountId, mailbox_id: MailboxId) -> Result<ModSeq> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let existing = self.mailboxes(account_id).await?;
        let gone =
            existing.iter().find(|m| m.mailbox_id == mailbox_id).ok_or(Error::NotFound("the mailbox"))?;
        if gone.total_emails > 0 {
            return Err(Error::Refused("the mailbox has messages in it"));
        }
        if existing.iter().any(|m| m.parent_id == Some(mailbox_id)) {
            return Err(Error::Refused("the mailbox has mailboxes in it"));
        }
        for rows in [
            "DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2",
            "DELETE FROM imported WHERE account_id = $1 AND mailbox_id = $2",
            "DELETE FROM mailbox WHERE account_id = $1 AND mailbox_id = $2",
        ] {
            self.exec(rows, values![&account_id, &mailbox_id]).await?;
        }
        self.exec(
            "INSERT INTO tombstone (account_id, kind, object_id, created_modseq, modseq) VALUES ($1, 'mailbox', $2, $3, $4)",
            values![&account_id, mailbox_id.as_bytes(), gone.created_modseq, modseq],
        )
        .await?;
        Ok(modseq)
    }
}
