//! The one way messages that are there already are changed: an act takes any number of them as they are, says how they are to be, and
//! writes the difference with the same few statements for one message and for a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mail::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Timestamp, Uid};

use crate::Tx;
use crate::counters::Weight;
use crate::emails::{is_unread, keywords_text};
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, among, json_list, over_list, values};

/// A message, without what reading it found.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) email_id: EmailId,
    pub(crate) thread_id: ThreadId,
    pub(crate) blob_id: BlobId,
    pub(crate) size: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) keywords: Vec<String>,
    pub(crate) created_modseq: ModSeq,
    pub(crate) modseq: ModSeq,
    pub(crate) places: Vec<Place>,
}

/// Where a message lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) mailbox_id: MailboxId,
    /// Its number there; 0 until the act is written.
    pub(crate) uid: i64,
    pub(crate) saved_at: Option<Timestamp>,
    pub(crate) is_deleted: bool,
}

impl Place {
    /// A place that gets its number when the act is written.
    pub(crate) fn new(mailbox_id: MailboxId, now: Timestamp) -> Self {
        Self { mailbox_id, uid: 0, saved_at: Some(now), is_deleted: false }
    }
}

impl Message {
    /// A message's row: the columns of [`crate::acts::message`].
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            email_id: row.id(0)?,
            thread_id: row.id(1)?,
            blob_id: row.id(2)?,
            size: row.int(3)?,
            received_at: row.moment(4)?,
            keywords: row.str(5)?.split_whitespace().map(str::to_owned).collect(),
            created_modseq: row.modseq(6)?,
            modseq: row.modseq(7)?,
            places: Vec::new(),
        })
    }

    /// Other keywords, in the order they are kept.
    pub(crate) fn set_keywords(&mut self, mut keywords: Vec<String>) {
        keywords.sort_unstable();
        keywords.dedup();
        self.keywords = keywords;
    }

    pub(crate) fn place_in(&self, mailbox_id: MailboxId) -> Option<&Place> {
        self.places.iter().find(|place| place.mailbox_id == mailbox_id)
    }

    fn weight(&self, place: &Place) -> Weight {
        Weight {
            size: self.size,
            is_unread: is_unread(&self.keywords),
            is_unseen: !self.keywords.iter().any(|keyword| keyword == "$seen"),
            is_deleted: place.is_deleted,
        }
    }
}

/// One message of an act.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// As it was.
    before: Message,
    /// As it is to be; without a place it goes.
    pub(crate) after: Message,
    /// It is a second message over the bytes of `before`, which stays what it is.
    is_copy: bool,
}

impl Change {
    /// A message that nothing has happened to yet.
    pub(crate) fn of(message: Message) -> Self {
        Self { after: message.clone(), before: message, is_copy: false }
    }

    /// A second message over the bytes of this one.
    pub(crate) fn copy(of: &Message, email_id: EmailId, place: Place) -> Self {
        let after = Message { email_id, places: vec![place], ..of.clone() };
        Self { before: of.clone(), after, is_copy: true }
    }

    /// Where it lay in a mailbox.
    pub(crate) fn old_place(&self, mailbox_id: MailboxId) -> Option<&Place> {
        self.before.place_in(mailbox_id)
    }

    /// Where it lay.
    fn old_places(&self) -> &[Place] {
        if self.is_copy { &[] } else { &self.before.places }
    }

    /// Whether something is different.
    fn is_touched(&self) -> bool {
        let same_place = |new: &Place| {
            self.old_places().iter().any(|old| {
                (old.mailbox_id, old.uid, old.is_deleted) == (new.mailbox_id, new.uid, new.is_deleted)
            })
        };
        self.is_copy
            || self.after.keywords != self.before.keywords
            || self.after.places.len() != self.before.places.len()
            || !self.after.places.iter().all(same_place)
    }

    /// Whether its conversation counts something else than before: it came, went, or changed between read and unread.
    fn counts_anew(&self) -> bool {
        let stays = |new: &Place| {
            self.old_places().iter().any(|old| (old.mailbox_id, old.uid) == (new.mailbox_id, new.uid))
        };
        is_unread(&self.before.keywords) != is_unread(&self.after.keywords)
            || self.old_places().len() != self.after.places.len()
            || !self.after.places.iter().all(stays)
    }

    fn goes(&self) -> bool {
        self.after.places.is_empty()
    }
}

/// What an act is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) account_id: AccountId,
    pub(crate) modseq: ModSeq,
    pub(crate) now: Timestamp,
}

macro_rules! rewrite {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE email SET keywords = j.keywords, modseq = $3 FROM (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " AS id, t.value ->> 1 AS keywords FROM ",
            $list,
            ") j WHERE email.account_id = $1 AND email.email_id = j.id"
        )
    };
}
macro_rules! mark {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE placement SET is_unread = j.is_unread, is_deleted = j.is_deleted FROM (SELECT ",
            $id, "t.value ->> 0", $end, " AS mailbox_id, CAST(t.value ->> 1 AS BIGINT) AS uid, \
             CAST(t.value ->> 2 AS BIGINT) AS is_unread, CAST(t.value ->> 3 AS BIGINT) AS is_deleted FROM ", $list,
            ") j WHERE placement.account_id = $1 AND placement.mailbox_id = j.mailbox_id AND placement.uid = j.uid"
        )
    };
}
macro_rules! displace {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "DELETE FROM placement WHERE account_id = $1 AND (mailbox_id, uid) IN (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            ", CAST(t.value ->> 1 AS BIGINT) FROM ",
            $list,
            ")"
        )
    };
}
macro_rules! forget_uids {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO expunged (account_id, mailbox_id, uid, modseq) SELECT $1, ",
            $id,
            "t.value ->> 0",
            $end,
            ", CAST(t.value ->> 1 AS BIGINT), $3 FROM ",
            $list
        )
    };
}
macro_rules! double {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO email (account_id, email_id, thread_id, blob_id, size, received_at, sent_at, subject, preview, \
             has_attachment, keywords, facts, created_modseq, modseq, legal_hold, retain_until) \
             SELECT e.account_id, j.copy_id, e.thread_id, e.blob_id, e.size, e.received_at, e.sent_at, e.subject, e.preview, \
             e.has_attachment, j.keywords, e.facts, $3, $3, e.legal_hold, e.retain_until FROM (SELECT ",
            $id, "t.value ->> 0", $end, " AS copy_id, ", $id, "t.value ->> 1", $end,
            " AS id, t.value ->> 2 AS keywords FROM ", $list,
            ") j JOIN email e ON e.account_id = $1 AND e.email_id = j.id"
        )
    };
}
macro_rules! place {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread, is_deleted, saved_at) \
             SELECT $1, ",
            $id, "t.value ->> 0", $end, ", CAST(t.value ->> 1 AS BIGINT), ", $id, "t.value ->> 2", $end, ", ",
            $id, "t.value ->> 3", $end, ", CAST(t.value ->> 4 AS BIGINT), CAST(t.value ->> 5 AS BIGINT), \
             CAST(t.value ->> 6 AS BIGINT), $3 FROM ", $list
        )
    };
}
macro_rules! touch_threads {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE thread SET modseq = $3 WHERE account_id = $1 AND thread_id IN (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " FROM ",
            $list,
            ")"
        )
    };
}

pub(crate) const MESSAGES: Sql = among!(
    "SELECT email_id, thread_id, blob_id, size, received_at, keywords, created_modseq, modseq FROM email \
     WHERE account_id = $1 AND email_id",
    ""
);
pub(crate) const PLACES: Sql = among!(
    "SELECT email_id, mailbox_id, uid, saved_at, is_deleted FROM placement WHERE account_id = $1 AND email_id",
    ""
);
pub(crate) const REWRITE: Sql = over_list!(rewrite);
pub(crate) const MARK: Sql = over_list!(mark);
pub(crate) const DISPLACE: Sql = over_list!(displace);
const FORGET_UIDS: Sql = over_list!(forget_uids);
pub(crate) const DOUBLE: Sql = over_list!(double);
const PLACE: Sql = over_list!(place);
pub(crate) const TOUCH_THREADS: Sql = over_list!(touch_threads);

impl Tx {
    /// Messages by id, in any order, without their places; those that are not there are left out.
    pub(crate) async fn messages(
        &mut self,
        account_id: AccountId,
        ids: &[EmailId],
    ) -> Result<HashMap<EmailId, Message>> {
        let list = json_list(ids.iter().map(|id| [id]))?;
        let rows = self.rows(MESSAGES, values![&account_id, &list]).await?;
        rows.iter().map(|row| Message::read(row).map(|message| (message.email_id, message))).collect()
    }

    /// Messages by id with all their places, in the order asked; those that are not there are left out.
    pub(crate) async fn changes_of(&mut self, account_id: AccountId, ids: &[EmailId]) -> Result<Vec<Change>> {
        let mut found = self.messages(account_id, ids).await?;
        let list = json_list(ids.iter().map(|id| [id]))?;
        for row in self.rows(PLACES, values![&account_id, &list]).await? {
            if let Some(message) = found.get_mut(&row.id::<EmailId>(0)?) {
                message.places.push(Place {
                    mailbox_id: row.id(1)?,
                    uid: row.int(2)?,
                    saved_at: row.opt_moment(3)?,
                    is_deleted: row.flag(4)?,
                });
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).map(Change::of).collect())
    }

    /// Writes an act: what is different is written, and nothing else. New places get their numbers, in the order of the list; what changed
    /// gets the act's modseq.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a mailbox is not there, [`Error::Full`] when its numbers or the quota run out, [`Error::Refused`] for a
    /// keyword that is none.
    pub(crate) async fn write_act(&mut self, act: Act, changes: &mut [Change]) -> Result<()> {
        let touched = |change: &Change| change.is_touched();
        if !changes.iter().any(touched) {
            return Ok(());
        }
        let anew: BTreeSet<ThreadId> =
            changes.iter().filter(|c| c.counts_anew()).map(|c| c.before.thread_id).collect();
        let mut counting = self.counting(act.account_id, &anew).await?;
        self.number_places(act, changes).await?;
        self.take_out(act, changes).await?;
        self.double(act, changes).await?;
        self.put_in(act, changes).await?;
        self.rewrite(act, changes).await?;
        let gone: Vec<&Message> = changes.iter().filter(|c| c.goes()).map(|c| &c.before).collect();
        self.destroy_messages(act, &gone).await?;
        for change in changes.iter_mut().filter(|change| change.is_touched()) {
            for place in change.old_places() {
                counting.weigh(place.mailbox_id, change.before.thread_id, &change.before.weight(place), -1);
            }
            for place in &change.after.places {
                counting.weigh(place.mailbox_id, change.after.thread_id, &change.after.weight(place), 1);
            }
            change.after.modseq = act.modseq;
        }
        self.recount(act.account_id, &counting, act.modseq).await
    }

    /// Gives the new places their numbers.
    async fn number_places(&mut self, act: Act, changes: &mut [Change]) -> Result<()> {
        let mut wanted: BTreeMap<MailboxId, i64> = BTreeMap::new();
        for place in changes.iter().flat_map(|c| &c.after.places).filter(|place| place.uid == 0) {
            *wanted.entry(place.mailbox_id).or_default() += 1;
        }
        let mut next = BTreeMap::new();
        for (mailbox_id, count) in wanted {
            next.insert(mailbox_id, self.take_uids(act.account_id, mailbox_id, count).await?);
        }
        for place in changes.iter_mut().flat_map(|c| &mut c.after.places).filter(|place| place.uid == 0) {
            if let Some(next) = next.get_mut(&place.mailbox_id) {
                place.uid = *next;
                *next += 1;
            }
        }
        Ok(())
    }

    /// Gives out the next UIDs of a mailbox: the first of them.
    pub(crate) async fn take_uids(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        count: i64,
    ) -> Result<i64> {
        let row = self
            .row(
                "UPDATE mailbox SET uid_next = uid_next + $3 WHERE account_id = $1 AND mailbox_id = $2 RETURNING uid_next",
                values![&account_id, &mailbox_id, count],
            )
            .await?;
        let uid_next = row.ok_or(Error::NotFound("the mailbox"))?.int(0)?;
        // The next one has to be a number as well (RFC 9051 §2.3.1.1).
        match u32::try_from(uid_next) {
            Ok(_) => Ok(uid_next - count),
            Err(_) => Err(Error::Full("the mailbox's UIDs")),
        }
    }

    /// Takes messages out of the mailboxes they are no longer to lie in, and remembers their UIDs as gone.
    async fn take_out(&mut self, act: Act, changes: &[Change]) -> Result<()> {
        let gone = changes.iter().flat_map(|change| {
            let stays = |old: &&Place| {
                !change.after.places.iter().any(|new| (new.mailbox_id, new.uid) == (old.mailbox_id, old.uid))
            };
            change.old_places().iter().filter(stays)
        });
        let gone: Vec<_> = gone.map(|place| (place.mailbox_id, place.uid)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let list = json_list(gone.into_iter())?;
        self.exec(DISPLACE, values![&act.account_id, &list]).await?;
        self.exec(FORGET_UIDS, values![&act.account_id, &list, act.modseq]).await.map(drop)
    }

    /// Adds the second messages, and counts their bytes.
    async fn double(&mut self, act: Act, changes: &[Change]) -> Result<()> {
        let copies: Vec<&Change> = changes.iter().filter(|change| change.is_copy).collect();
        if copies.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(copies.len());
        for copy in &copies {
            rows.push((copy.after.email_id, copy.before.email_id, keywords_text(&copy.after.keywords)?));
        }
        let list = json_list(rows.into_iter())?;
        self.exec(DOUBLE, values![&act.account_id, &list, act.modseq]).await?;
        let threads: BTreeSet<ThreadId> = copies.iter().map(|copy| copy.after.thread_id).collect();
        let list = json_list(threads.iter().map(|id| [id]))?;
        self.touch_threads(act.account_id, &list, act.modseq).await?;
        self.count_blobs(act.account_id, copies.iter().map(|copy| copy.after.blob_id), 1).await?;
        self.use_bytes(act.account_id, copies.iter().map(|copy| copy.after.size).sum()).await?;
        self.ask_quota(act.account_id).await
    }

    /// These conversations have changed.
    pub(crate) async fn touch_threads(
        &mut self,
        account_id: AccountId,
        list: &str,
        modseq: ModSeq,
    ) -> Result<()> {
        self.exec(TOUCH_THREADS, values![&account_id, list, modseq]).await.map(drop)
    }

    /// More or fewer bytes of an account are used.
    pub(crate) async fn use_bytes(&mut self, account_id: AccountId, more: i64) -> Result<()> {
        self.exec(
            "UPDATE account SET used_bytes = used_bytes + $2 WHERE account_id = $1",
            values![&account_id, more],
        )
        .await
        .map(drop)
    }

    /// Writes the new places, and what the old ones repeat of a message that changed.
    async fn put_in(&mut self, act: Act, changes: &[Change]) -> Result<()> {
        let (mut new, mut marked) = (Vec::new(), Vec::new());
        for change in changes {
            let (m, is_read) =
                (&change.after, is_unread(&change.before.keywords) != is_unread(&change.after.keywords));
            let unread = i64::from(is_unread(&m.keywords));
            for place in &m.places {
                let deleted = i64::from(place.is_deleted);
                let old = change
                    .old_places()
                    .iter()
                    .find(|old| (old.mailbox_id, old.uid) == (place.mailbox_id, place.uid));
                match old {
                    None => new.push((
                        place.mailbox_id,
                        place.uid,
                        m.email_id,
                        m.thread_id,
                        m.received_at.millis(),
                        unread,
                        deleted,
                    )),
                    Some(old) if is_read || old.is_deleted != place.is_deleted => {
                        marked.push((place.mailbox_id, place.uid, unread, deleted));
                    }
                    Some(_) => {}
                }
            }
        }
        if !marked.is_empty() {
            let list = json_list(marked.into_iter())?;
            self.exec(MARK, values![&act.account_id, &list]).await?;
        }
        if !new.is_empty() {
            let list = json_list(new.into_iter())?;
            self.exec(PLACE, values![&act.account_id, &list, act.now]).await?;
        }
        Ok(())
    }

    /// Writes the keywords of what stays, and that it changed.
    async fn rewrite(&mut self, act: Act, changes: &[Change]) -> Result<()> {
        let mut rows = Vec::new();
        for change in changes.iter().filter(|c| c.is_touched() && !c.is_copy && !c.goes()) {
            rows.push((change.after.email_id, keywords_text(&change.after.keywords)?));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let list = json_list(rows.into_iter())?;
        self.exec(REWRITE, values![&act.account_id, &list, act.modseq]).await.map(drop)
    }

    /// The numbers of a place, as IMAP has them.
    pub(crate) fn uid(number: i64) -> Result<Uid> {
        u32::try_from(number).map(Uid).map_err(|_| Error::Damaged("a UID"))
    }
}
