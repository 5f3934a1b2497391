//! Copying, moving and expunging messages of a mailbox.

use mail::{AccountId, EmailId, MailboxId, ModSeq, Timestamp, Uid, UidSet};

use crate::Tx;
use crate::acts::{Act, Change, Place};
use crate::error::{Error, Result};
use crate::sql::{Sql, json_list, over_list, values};
use crate::views::MESSAGES_PER_ACT;

/// What came of a copy or a move (RFC 4315 §3, RFC 6851).
#[derive(Clone, Debug)]
pub struct Copied {
    /// The state after it.
    pub modseq: ModSeq,
    /// Where each lay, and where it lies now, in ascending order of both.
    pub pairs: Vec<(Uid, Uid)>,
}

/// What came of an expunge.
#[derive(Clone, Debug)]
pub struct Expunged {
    /// The state after it.
    pub modseq: ModSeq,
    /// The UIDs that went.
    pub uids: UidSet,
    /// Those of them that lay nowhere else, and are destroyed.
    pub destroyed: Vec<EmailId>,
    /// Whether more are marked: [`MESSAGES_PER_ACT`] go at a time.
    pub has_more: bool,
}

macro_rules! marked {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "SELECT p.uid FROM ",
            $list,
            " CROSS JOIN placement p WHERE p.account_id = $1 AND p.mailbox_id = $3 AND p.is_deleted = 1 \
             AND p.uid BETWEEN CAST(t.value ->> 0 AS BIGINT) AND CAST(t.value ->> 1 AS BIGINT) ORDER BY p.uid LIMIT $4"
        )
    };
}

pub(crate) const MARKED: Sql = over_list!(marked);

impl Tx {
    /// Puts messages into another mailbox too, as one act. What lies there already becomes a second message over the same bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the mailbox is not there, [`Error::Full`] when the quota does not allow second messages,
    /// [`Error::Refused`] for more than [`MESSAGES_PER_ACT`].
    pub async fn copy_messages(
        &mut self,
        account_id: AccountId,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        now: Timestamp,
    ) -> Result<Copied> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let found = self.changes_at(account_id, from, uids).await?;
        self.put(Act { account_id, modseq, now }, from, to, found).await
    }

    /// Puts messages into another mailbox instead, as one act (RFC 6851). They are moved whether they are marked or not.
    ///
    /// # Errors
    /// As [`Tx::copy_messages`].
    pub async fn move_messages(
        &mut self,
        account_id: AccountId,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        now: Timestamp,
    ) -> Result<Copied> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let mut found = self.changes_at(account_id, from, uids).await?;
        for change in &mut found {
            change.after.places.retain(|place| place.mailbox_id != from);
        }
        self.put(Act { account_id, modseq, now }, from, to, found).await
    }

    /// Puts messages that lay in `from` into `to`. `\\Deleted` comes along, as the other flags do (RFC 9051 §6.4.7).
    async fn put(&mut self, act: Act, from: MailboxId, to: MailboxId, found: Vec<Change>) -> Result<Copied> {
        self.mailbox(act.account_id, to).await?.ok_or(Error::NotFound("the mailbox"))?;
        let mut changes = Vec::with_capacity(found.len());
        let mut old_uids = Vec::with_capacity(found.len());
        let mut holders = Vec::with_capacity(found.len());
        for mut change in found {
            let old = change.old_place(from).ok_or(Error::Damaged("a place without a message"))?;
            old_uids.push(Tx::uid(old.uid)?);
            let place = Place { is_deleted: old.is_deleted, ..Place::new(to, act.now) };
            let second = change.after.place_in(to).is_some();
            if second {
                let email_id = EmailId::new(act.now, &*self.shared.chance);
                let copy = Change::copy(&change.after, email_id, place);
                changes.push(change);
                changes.push(copy);
            } else {
                change.after.places.push(place);
                changes.push(change);
            }
            holders.push(changes.len() - 1);
        }
        self.write_act(act, &mut changes).await?;
        let new_uid = |at: &usize| {
            let place =
                changes.get(*at).and_then(|change| change.after.places.iter().rfind(|p| p.mailbox_id == to));
            Tx::uid(place.ok_or(Error::Damaged("a place without a message"))?.uid)
        };
        let new_uids = holders.iter().map(new_uid).collect::<Result<Vec<Uid>>>()?;
        Ok(Copied { modseq: act.modseq, pairs: old_uids.into_iter().zip(new_uids).collect() })
    }

    /// Takes what is marked `\\Deleted` out of a mailbox, all of it or only these (UID EXPUNGE, RFC 4315 §2.1), as one act:
    /// [`MESSAGES_PER_ACT`] at a time. What lies nowhere else is destroyed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account is not there.
    pub async fn expunge(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        only: Option<&UidSet>,
        now: Timestamp,
    ) -> Result<Expunged> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let all = UidSet::run(1, u32::MAX);
        let list = json_list(only.unwrap_or(&all).runs())?;
        let limit = MESSAGES_PER_ACT as i64 + 1;
        let rows = self.rows(MARKED, values![&account_id, &list, &mailbox_id, limit]).await?;
        let has_more = rows.len() > MESSAGES_PER_ACT;
        let uids = rows.iter().take(MESSAGES_PER_ACT).map(|row| Ok(Tx::uid(row.int(0)?)?.0));
        let uids: UidSet = uids.collect::<Result<Vec<u32>>>()?.into_iter().collect();
        let changes = self.changes_at(account_id, mailbox_id, &uids).await?;
        let destroyed = self.take_from(Act { account_id, modseq, now }, mailbox_id, changes).await?;
        Ok(Expunged { modseq, uids, destroyed, has_more })
    }

    /// Takes everything out of a mailbox, marked or not, as one act: [`MESSAGES_PER_ACT`] at a time. What lies nowhere else is destroyed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account is not there.
    pub async fn empty_mailbox(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        now: Timestamp,
    ) -> Result<Expunged> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let all = UidSet::run(1, u32::MAX);
        let mut places = self.lying_at(account_id, mailbox_id, &all, MESSAGES_PER_ACT as i64 + 1).await?;
        let has_more = places.len() > MESSAGES_PER_ACT;
        places.truncate(MESSAGES_PER_ACT);
        let uids = places.iter().map(|(_, place)| Ok(Tx::uid(place.uid)?.0)).collect::<Result<Vec<u32>>>()?;
        let ids: Vec<EmailId> = places.into_iter().map(|(email_id, _)| email_id).collect();
        let changes = self.changes_of(account_id, &ids).await?;
        let destroyed = self.take_from(Act { account_id, modseq, now }, mailbox_id, changes).await?;
        Ok(Expunged { modseq, uids: uids.into_iter().collect(), destroyed, has_more })
    }

    /// Takes messages out of a mailbox; answers those that lay nowhere else.
    async fn take_from(
        &mut self,
        act: Act,
        mailbox_id: MailboxId,
        mut changes: Vec<Change>,
    ) -> Result<Vec<EmailId>> {
        for change in &mut changes {
            change.after.places.retain(|place| place.mailbox_id != mailbox_id);
        }
        self.write_act(act, &mut changes).await?;
        Ok(changes.iter().filter(|c| c.after.places.is_empty()).map(|c| c.after.email_id).collect())
    }
}
