//! Messages in mailboxes: adding, listing, changing, destroying, and what changed since.

use mail::message::Facts;
use mail::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Timestamp, Uid};

use crate::Tx;
use crate::acts::{Act, Change, Place};
use crate::blobs::Sealed;
use crate::counters::{Counting, Weight};
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};

/// A message to add.
#[derive(Clone, Debug)]
pub struct NewEmail {
    /// Its account.
    pub account_id: AccountId,
    /// Its bytes, sealed for the account.
    pub blob: Sealed,
    /// What reading it once found.
    pub facts: Facts,
    /// Where it goes; at least one.
    pub mailbox_ids: Vec<MailboxId>,
    /// Keywords, lower case (RFC 8621 §4.1.1).
    pub keywords: Vec<String>,
    /// Legal receipt time (RULES M36), or what an importer says.
    pub received_at: Timestamp,
    /// Whether the account's quota is asked.
    pub ask_quota: bool,
}

/// Where a message came to lie.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its id.
    pub email_id: EmailId,
    /// Its conversation.
    pub thread_id: ThreadId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// Its length, bytes.
    pub size: u64,
    /// The change that added it.
    pub modseq: ModSeq,
    /// Its numbers in its mailboxes.
    pub uids: Vec<(MailboxId, Uid)>,
}

/// A message as lists and readers want it.
#[derive(Clone, Debug)]
pub struct Email {
    /// Its id.
    pub email_id: EmailId,
    /// Its conversation.
    pub thread_id: ThreadId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// Its length, bytes.
    pub size: u64,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Where it lies.
    pub mailbox_ids: Vec<MailboxId>,
    /// Its keywords, in order.
    pub keywords: Vec<String>,
    /// What reading it once found.
    pub facts: Facts,
    /// When it was added.
    pub created_modseq: ModSeq,
    /// When it last changed.
    pub modseq: ModSeq,
}

/// Keywords of one message, at most; each is 255 characters at most (RFC 8621 §4.1.1).
const KEYWORDS_MAX: usize = 100;

/// Other keywords or other mailboxes for a message.
#[derive(Clone, Debug)]
pub struct EmailChange {
    /// The message.
    pub email_id: EmailId,
    /// Its keywords from now on, lower case; `None` leaves them as they are.
    pub keywords: Option<Vec<String>>,
    /// The mailboxes it lies in from now on, at least one; `None` leaves them as they are.
    pub mailbox_ids: Option<Vec<MailboxId>>,
}

/// Whether a message counts as unread (RFC 8621 §2): neither seen nor a draft.
pub(crate) fn is_unread(keywords: &[String]) -> bool {
    !keywords.iter().any(|keyword| keyword == "$seen" || keyword == "$draft")
}

/// One text for all keywords, each between blanks, so that one of them can be looked for.
pub(crate) fn keywords_text(keywords: &[String]) -> Result<String> {
    let mut sorted: Vec<&str> = keywords.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let fits = sorted.len() <= KEYWORDS_MAX
        && sorted.iter().all(|k| {
            matches!(k.len(), 1..=255)
                && k.bytes()
                    .all(|b| b.is_ascii_graphic() && !b"(){]%*\"\\".contains(&b) && !b.is_ascii_uppercase())
        });
    if !fits {
        return Err(Error::Refused("a keyword is not valid"));
    }
    Ok(format!(" {} ", sorted.join(" ")))
}

/// The facts as they are kept. The reader of JSON goes 128 levels deep, and each multipart takes two: [`mail::message::Limits`] lets
/// thirty be in one another.
fn facts_text(facts: &Facts) -> Result<String> {
    serde_json::to_string(facts).map_err(|e| Error::Internal(e.to_string()))
}

/// The facts read back.
pub(crate) fn read_facts(text: &str) -> Result<Facts> {
    serde_json::from_str(text).map_err(|_| Error::Damaged("a message's facts"))
}

macro_rules! select_email {
    ($tail:literal) => {
        concat!(
            "SELECT email_id, thread_id, blob_id, size, received_at, keywords, facts, created_modseq, modseq FROM email e \
             WHERE account_id = $1 ",
            $tail
        )
    };
}

fn email(row: &Row) -> Result<Email> {
    Ok(Email {
        email_id: row.id(0)?,
        thread_id: row.id(1)?,
        blob_id: row.id(2)?,
        size: row.int(3)?.unsigned_abs(),
        received_at: row.moment(4)?,
        mailbox_ids: Vec::new(),
        keywords: row.str(5)?.split_whitespace().map(str::to_owned).collect(),
        facts: read_facts(row.str(6)?)?,
        created_modseq: row.modseq(7)?,
        modseq: row.modseq(8)?,
    })
}

/// Ids as a JSON list of hexadecimal texts: the one form both engines can unfold into rows.
pub(crate) fn id_list<I: std::fmt::Display>(ids: &[I]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", quoted.join(","))
}

impl Tx {
    /// Adds a message to an account: blob, conversation, row, places, counters.
    ///
    /// # Errors
    /// [`Error::Full`] when the quota is reached, [`Error::NotFound`] when a mailbox is not there.
    pub async fn add_email(&mut self, new: &NewEmail, now: Timestamp) -> Result<Placed> {
        let account_id = new.account_id;
        let size = i64::try_from(new.blob.size()).map_err(|_| Error::Refused("too large"))?;
        let modseq = self.next_modseq(account_id, size).await?;
        if new.ask_quota {
            self.ask_quota(account_id).await?;
        }
        self.put_blob(&new.blob, now).await?;
        let (thread_id, is_new) = self
            .thread_for(account_id, &new.facts.thread_message_ids(), &new.facts.subject, modseq, now)
            .await?;
        let mut counting = match is_new {
            true => Counting::default(),
            false => self.counting(account_id, &[thread_id].into()).await?,
        };
        let email_id = EmailId::new(now, &*self.shared.chance);
        let facts = facts_text(&new.facts)?;
        self.exec(
            "INSERT INTO email (account_id, email_id, thread_id, blob_id, size, received_at, sent_at, subject, preview, \
             has_attachment, keywords, facts, created_modseq, modseq, legal_hold) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, 0)",
            values![
                &account_id,
                &email_id,
                &thread_id,
                &new.blob.blob_id(),
                size,
                new.received_at,
                new.facts.sent_at,
                &new.facts.subject,
                &new.facts.preview,
                new.facts.has_attachment,
                &keywords_text(&new.keywords)?,
                &facts,
                modseq
            ],
        )
        .await?;
        if crate::smime::is_smime(&new.facts) {
            self.await_smime(account_id, new.blob.blob_id(), email_id, now).await?;
        }
        let mut uids = Vec::with_capacity(new.mailbox_ids.len());
        if new.mailbox_ids.is_empty() {
            return Err(Error::Refused("a message lies in a mailbox"));
        }
        let weight = Weight {
            size,
            is_unread: is_unread(&new.keywords),
            is_unseen: !new.keywords.iter().any(|keyword| keyword == "$seen"),
            is_deleted: false,
        };
        for mailbox_id in &new.mailbox_ids {
            let uid = self.take_uids(account_id, *mailbox_id, 1).await?;
            self.exec(
                "INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread, saved_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                values![
                    &account_id,
                    mailbox_id,
                    uid,
                    &email_id,
                    &thread_id,
                    new.received_at,
                    weight.is_unread,
                    now
                ],
            )
            .await?;
            uids.push((*mailbox_id, Tx::uid(uid)?));
            counting.weigh(*mailbox_id, thread_id, &weight, 1);
        }
        self.recount(account_id, &counting, modseq).await?;
        Ok(Placed { email_id, thread_id, blob_id: new.blob.blob_id(), size: new.blob.size(), modseq, uids })
    }

    pub(crate) async fn ask_quota(&mut self, account_id: AccountId) -> Result<()> {
        let row = self
            .row(
                "SELECT 1 FROM account WHERE account_id = $1 AND used_bytes > quota_bytes",
                values![&account_id],
            )
            .await?;
        if row.is_some() { Err(Error::Full("the mailbox account")) } else { Ok(()) }
    }

    /// Messages by id, in the order asked; those that are not there are left out.
    pub async fn emails(&mut self, account_id: AccountId, ids: &[EmailId]) -> Result<Vec<Email>> {
        let list = id_list(ids);
        let rows = self
            .rows(
                Sql {
                    sqlite: select_email!("AND email_id IN (SELECT unhex(value) FROM json_each($2))"),
                    postgres: select_email!(
                        "AND email_id IN (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value))"
                    ),
                },
                values![&account_id, &list],
            )
            .await?;
        let mut found = std::collections::HashMap::with_capacity(rows.len());
        for row in &rows {
            let email = email(row)?;
            found.insert(email.email_id, email);
        }
        let places = self
            .rows(
                Sql {
                    sqlite: "SELECT email_id, mailbox_id FROM placement WHERE account_id = $1 \
                             AND email_id IN (SELECT unhex(value) FROM json_each($2))",
                    postgres: "SELECT email_id, mailbox_id FROM placement WHERE account_id = $1 AND email_id IN \
                               (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value))",
                },
                values![&account_id, &list],
            )
            .await?;
        for row in &places {
            if let Some(email) = found.get_mut(&row.id::<EmailId>(0)?) {
                email.mailbox_ids.push(row.id(1)?);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// One message.
    pub async fn email(&mut self, account_id: AccountId, email_id: EmailId) -> Result<Option<Email>> {
        Ok(self.emails(account_id, &[email_id]).await?.into_iter().next())
    }

    /// Whether a blob can be read by the account: it is a message of its own, or an upload.
    pub async fn may_read_blob(&mut self, account_id: AccountId, blob_id: BlobId) -> Result<bool> {
        // Blob names are keyed by owner, so a row under this owner is this account's own. One that nothing refers to any
        // more is only held, out of everybody's sight.
        let row = self
            .row(
                "SELECT 1 FROM blob WHERE owner_id = $1 AND blob_id = $2 AND refs > 0",
                values![&account_id, &blob_id],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Gives messages other keywords or other mailboxes, as one act.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a message or a mailbox is not there, [`Error::Refused`] for a message that would lie nowhere, twice the
    /// same message, or a keyword that is none.
    pub async fn change_emails(
        &mut self,
        account_id: AccountId,
        wanted: &[EmailChange],
        now: Timestamp,
    ) -> Result<ModSeq> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let ids: Vec<EmailId> = wanted.iter().map(|change| change.email_id).collect();
        let mut changes = self.changes_of(account_id, &ids).await?;
        if changes.len() < ids.len() {
            return Err(Error::NotFound("the message"));
        }
        for (change, wanted) in changes.iter_mut().zip(wanted) {
            wanted.apply(change, now)?;
        }
        self.write_act(Act { account_id, modseq, now }, &mut changes).await?;
        Ok(modseq)
    }

    /// [`Tx::change_emails`] of one message.
    ///
    /// # Errors
    /// As there.
    pub async fn change_email(
        &mut self,
        account_id: AccountId,
        email_id: EmailId,
        keywords: Option<&[String]>,
        mailbox_ids: Option<&[MailboxId]>,
        now: Timestamp,
    ) -> Result<ModSeq> {
        let (keywords, mailbox_ids) = (keywords.map(<[_]>::to_vec), mailbox_ids.map(<[_]>::to_vec));
        self.change_emails(account_id, &[EmailChange { email_id, keywords, mailbox_ids }], now).await
    }

    /// Destroys messages, as one act; says which, for those that are not there are left out. Their bytes stay while a legal hold or a
    /// retention says so, out of everybody's sight.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account is not there.
    pub async fn destroy_emails(
        &mut self,
        account_id: AccountId,
        ids: &[EmailId],
        now: Timestamp,
    ) -> Result<(ModSeq, Vec<EmailId>)> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let mut changes = self.changes_of(account_id, ids).await?;
        changes.iter_mut().for_each(|change| change.after.places.clear());
        self.write_act(Act { account_id, modseq, now }, &mut changes).await?;
        Ok((modseq, changes.iter().map(|change| change.after.email_id).collect()))
    }

    /// [`Tx::destroy_emails`] of one message.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there.
    pub async fn destroy_email(
        &mut self,
        account_id: AccountId,
        email_id: EmailId,
        now: Timestamp,
    ) -> Result<ModSeq> {
        match self.destroy_emails(account_id, &[email_id], now).await? {
            (modseq, destroyed) if !destroyed.is_empty() => Ok(modseq),
            _ => Err(Error::NotFound("the message")),
        }
    }

    /// Remembers what is gone.
    pub(crate) async fn bury(
        &mut self,
        account_id: AccountId,
        kind: &str,
        object_id: &[u8; 16],
        created: ModSeq,
        modseq: ModSeq,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO tombstone (account_id, kind, object_id, created_modseq, modseq) VALUES ($1, $2, $3, $4, $5)",
            values![&account_id, kind, object_id, created, modseq],
        )
        .await
        .map(drop)
    }
}

impl EmailChange {
    fn apply(&self, change: &mut Change, now: Timestamp) -> Result<()> {
        if let Some(keywords) = &self.keywords {
            change.after.set_keywords(keywords.clone());
        }
        let Some(wanted) = &self.mailbox_ids else { return Ok(()) };
        if wanted.is_empty() {
            return Err(Error::Refused("a message lies in a mailbox"));
        }
        let places = &mut change.after.places;
        places.retain(|place| wanted.contains(&place.mailbox_id));
        for mailbox_id in wanted {
            if places.iter().all(|place| place.mailbox_id != *mailbox_id) {
                places.push(Place::new(*mailbox_id, now));
            }
        }
        Ok(())
    }
}
