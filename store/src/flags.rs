//! Flags of messages in a mailbox (RFC 9051 §2.3.2): keywords are of the message, `\\Deleted` of the message in this mailbox.

use mail::{AccountId, MailboxId, ModSeq, Timestamp, UidSet};

use crate::Tx;
use crate::acts::{Act, Change};
use crate::error::{Error, Result};
use crate::views::{MESSAGES_PER_ACT, ViewRow};

/// How flags are changed (RFC 9051 §6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagMode {
    /// These and no others.
    Replace,
    /// These too.
    Add,
    /// These no longer.
    Remove,
}

/// A change of flags.
#[derive(Clone, Debug)]
pub struct FlagEdit {
    /// How.
    pub mode: FlagMode,
    /// Keywords, lower case.
    pub keywords: Vec<String>,
    /// Whether `\Deleted` is among them.
    pub deleted: bool,
}

/// What came of a change of flags.
#[derive(Clone, Debug)]
pub struct FlagsEdited {
    /// The state after it.
    pub modseq: ModSeq,
    /// The messages it was for, as they are now, by UID.
    pub rows: Vec<ViewRow>,
    /// Those that had changed since the state that was named, and were left alone (RFC 7162 §3.1.3).
    pub modified: UidSet,
}

impl FlagEdit {
    fn apply(&self, change: &mut Change, mailbox_id: MailboxId) {
        let message = &mut change.after;
        let mut keywords = match self.mode {
            FlagMode::Replace => Vec::new(),
            FlagMode::Add => message.keywords.clone(),
            FlagMode::Remove => {
                message.keywords.iter().filter(|keyword| !self.keywords.contains(keyword)).cloned().collect()
            }
        };
        if self.mode != FlagMode::Remove {
            keywords.extend(self.keywords.iter().cloned());
        }
        message.set_keywords(keywords);
        if let Some(place) = message.places.iter_mut().find(|place| place.mailbox_id == mailbox_id) {
            place.is_deleted = match self.mode {
                FlagMode::Replace => self.deleted,
                FlagMode::Add => place.is_deleted || self.deleted,
                FlagMode::Remove => place.is_deleted && !self.deleted,
            };
        }
    }
}

impl Tx {
    /// The messages at these UIDs, ascending, with all their places: what an act begins with.
    ///
    /// # Errors
    /// [`Error::Refused`] for more than [`MESSAGES_PER_ACT`].
    pub(crate) async fn changes_at(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
    ) -> Result<Vec<Change>> {
        let places = self.lying_at(account_id, mailbox_id, uids, MESSAGES_PER_ACT as i64 + 1).await?;
        if places.len() > MESSAGES_PER_ACT {
            return Err(Error::Refused("more messages than one act takes"));
        }
        let ids: Vec<_> = places.into_iter().map(|(email_id, _)| email_id).collect();
        self.changes_of(account_id, &ids).await
    }

    /// Changes the flags of messages in a mailbox, as one act. With `unchanged_since`, those that changed after that state are left
    /// alone. What is as it is to be already does not change.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account is not there, [`Error::Refused`] for a keyword that is none or more than
    /// [`MESSAGES_PER_ACT`].
    pub async fn edit_flags(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        edit: &FlagEdit,
        unchanged_since: Option<ModSeq>,
    ) -> Result<FlagsEdited> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let mut changes = Vec::new();
        let mut modified = Vec::new();
        for mut change in self.changes_at(account_id, mailbox_id, uids).await? {
            let place =
                change.after.place_in(mailbox_id).ok_or(Error::Damaged("a place without a message"))?;
            if unchanged_since.is_some_and(|since| change.after.modseq > since) {
                modified.push(Tx::uid(place.uid)?.0);
                continue;
            }
            edit.apply(&mut change, mailbox_id);
            changes.push(change);
        }
        // Nothing is put anywhere, so nobody asks when.
        let now = Timestamp::from_millis(0);
        self.write_act(Act { account_id, modseq, now }, &mut changes).await?;
        let row = |change: &Change| {
            let place =
                change.after.place_in(mailbox_id).ok_or(Error::Damaged("a place without a message"))?;
            ViewRow::of(&change.after, place)
        };
        let rows = changes.iter().map(row).collect::<Result<Vec<_>>>()?;
        Ok(FlagsEdited { modseq, rows, modified: modified.into_iter().collect() })
    }
}
