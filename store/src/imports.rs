//! Messages that are brought in from elsewhere, once.

use std::collections::HashSet;

use mail::{AccountId, MailboxId, Timestamp, UidSet};

use crate::emails::{NewEmail, Placed};
use crate::error::{Error, Result};
use crate::flags::{FlagEdit, FlagMode};
use crate::sql::{Sql, json_list, over_list, values};
use crate::{Store, Tx};

/// Names a message that is brought in: its bytes, and how many like it came before in the same folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImportMark([u8; 16]);

/// A message to bring in, into one mailbox.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// The message.
    pub email: NewEmail,
    /// Its name.
    pub mark: ImportMark,
    /// Whether it is marked `\Deleted` where it comes from.
    pub is_deleted: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Imported {
    /// It is there now.
    Added(Placed),
    /// An earlier run had brought it.
    Already,
    /// The account's quota does not allow it.
    NoRoom,
}

macro_rules! known {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "SELECT mark FROM imported WHERE account_id = $1 AND mailbox_id = $3 AND mark IN (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " FROM ",
            $list,
            ")"
        )
    };
}

pub(crate) const KNOWN: Sql = over_list!(known);

impl Store {
    /// The name of a message that is brought in as the `occurrence`th of its kind, the first being 0.
    pub fn import_mark(&self, account_id: AccountId, bytes: &[u8], occurrence: u32) -> ImportMark {
        // The blob's name is keyed by its owner, so that equal messages of two accounts look different here too.
        let name = self.shared.keyring.name_blob(account_id.into(), bytes);
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(&occurrence.to_le_bytes());
        let mut mark = [0; 16];
        hasher.finalize_xof().fill(&mut mark);
        ImportMark(mark)
    }
}

impl Tx {
    /// Which of these an earlier run has brought into a mailbox.
    pub async fn imported(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        marks: &[ImportMark],
    ) -> Result<HashSet<ImportMark>> {
        let hex = |mark: &ImportMark| mark.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let list = json_list(marks.iter().map(|mark| [hex(mark)]))?;
        let rows = self.rows(KNOWN, values![&account_id, &list, &mailbox_id]).await?;
        let mark =
            |bytes: Vec<u8>| bytes.try_into().map(ImportMark).map_err(|_| Error::Damaged("an import mark"));
        rows.iter().map(|row| mark(row.bytes(0)?)).collect()
    }

    /// Brings a message in, unless an earlier run has.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account or the mailbox is not there, [`Error::Refused`] for a keyword that is none.
    pub async fn import_email(&mut self, new: &NewImport, now: Timestamp) -> Result<Imported> {
        let (email, mark) = (&new.email, new.mark.0);
        let [mailbox_id] = email.mailbox_ids[..] else {
            return Err(Error::Refused("an import goes into one mailbox"));
        };
        let account = self.account(email.account_id).await?.ok_or(Error::NotFound("the account"))?;
        let size = i64::try_from(email.blob.size()).map_err(|_| Error::Refused("too large"))?;
        if account.used_bytes.saturating_add(size) > account.quota_bytes {
            return Ok(Imported::NoRoom);
        }
        let is_new = self
            .exec(
                "INSERT INTO imported (account_id, mailbox_id, mark) VALUES ($1, $2, $3) \
                 ON CONFLICT (account_id, mailbox_id, mark) DO NOTHING",
                values![&email.account_id, &mailbox_id, &mark],
            )
            .await?;
        if is_new == 0 {
            return Ok(Imported::Already);
        }
        let placed = self.add_email(email, now).await?;
        if new.is_deleted {
            let uids: UidSet = placed.uids.iter().map(|(_, uid)| uid.0).collect();
            let deleted = FlagEdit { mode: FlagMode::Add, keywords: Vec::new(), deleted: true };
            self.edit_flags(email.account_id, mailbox_id, &uids, &deleted, None).await?;
        }
        Ok(Imported::Added(placed))
    }
}
