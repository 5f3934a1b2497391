//! Messages in mailboxes: adding, listing, changing, destroying, and what changed since.

use mail::message::Facts;
use mail::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Timestamp, Uid};

use crate::Tx;
use crate::blobs::Sealed;
use crate::error::{Error, Result};
use crate::mailboxes::ThreadShape;
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

/// Whether a message counts as unread (RFC 8621 §2): neither seen nor a draft.
fn is_unread(keywords: &[String]) -> bool {
    !keywords.iter().any(|keyword| keyword == "$seen" || keyword == "$draft")
}

/// One text for all keywords, each between blanks, so that one of them can be looked for.
fn keywords_text(keywords: &[String]) -> Result<String> {
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

/// Multiparts in one another that are kept. The reader of JSON goes 128 levels deep and each takes two: a message
/// that a stranger nested deeper could be written and never read again, and its whole mailbox with it.
const STRUCTURE_DEPTH_MAX: usize = 40;

/// The facts as they are kept: what lies deeper than can be read back is left out of the structure (the bytes stay).
fn facts_text(facts: &Facts) -> Result<String> {
    let internal = |e: serde_json::Error| Error::Internal(e.to_string());
    let mut level = vec![&facts.body];
    for _ in 0..STRUCTURE_DEPTH_MAX {
        level = level.into_iter().flat_map(|part| &part.parts).collect();
    }
    if level.is_empty() {
        return serde_json::to_string(facts).map_err(internal);
    }
    let mut facts = facts.clone();
    let mut level = vec![&mut facts.body];
    for _ in 1..STRUCTURE_DEPTH_MAX {
        level = level.into_iter().flat_map(|part| &mut part.parts).collect();
    }
    level.into_iter().for_each(|part| part.parts.clear());
    serde_json::to_string(&facts).map_err(internal)
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
        keywords: row.text(5)?.split_whitespace().map(str::to_owned).collect(),
        facts: serde_json::from_str(&row.text(6)?).map_err(|_| Error::Damaged("a message's facts"))?,
        created_modseq: row.modseq(7)?,
        modseq: row.modseq(8)?,
    })
}

/// Ids as a JSON list of hexadecimal texts: the one form both engines can unfold into rows.
fn id_list<I: std::fmt::Display>(ids: &[I]) -> String {
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
        let before = match is_new {
            true => ThreadShape::default(),
            false => self.thread_shape(account_id, thread_id).await?,
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
        let mut after = before.clone();
        let mut uids = Vec::with_capacity(new.mailbox_ids.len());
        if new.mailbox_ids.is_empty() {
            return Err(Error::Refused("a message lies in a mailbox"));
        }
        for mailbox_id in &new.mailbox_ids {
            let placement = Placement {
                account_id,
                mailbox_id: *mailbox_id,
                email_id,
                thread_id,
                received_at: new.received_at,
                is_unread: is_unread(&new.keywords),
            };
            uids.push((*mailbox_id, self.place(&placement).await?));
            after.add(*mailbox_id, placement.is_unread);
        }
        self.recount(account_id, &before, &after, modseq).await?;
        Ok(Placed { email_id, thread_id, blob_id: new.blob.blob_id(), size: new.blob.size(), modseq, uids })
    }

    async fn ask_quota(&mut self, account_id: AccountId) -> Result<()> {
        let row = self
            .row(
                "SELECT 1 FROM account WHERE account_id = $1 AND used_bytes > quota_bytes",
                values![&account_id],
            )
            .await?;
        if row.is_some() { Err(Error::Full("the mailbox account")) } else { Ok(()) }
    }

    async fn place(&mut self, p: &Placement) -> Result<Uid> {
        let uid = self.next_uid(p.account_id, p.mailbox_id).await?;
        self.exec(
            "INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                &p.account_id,
                &p.mailbox_id,
                uid,
                &p.email_id,
                &p.thread_id,
                p.received_at,
                p.is_unread
            ],
        )
        .await?;
        u32::try_from(uid).map(Uid).map_err(|_| Error::Full("the mailbox's UIDs"))
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

    /// Gives a message other keywords or other mailboxes; `None` leaves them as they are.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the message or a mailbox is not there.
    pub async fn change_email(
        &mut self,
        account_id: AccountId,
        email_id: EmailId,
        keywords: Option<&[String]>,
        mailbox_ids: Option<&[MailboxId]>,
    ) -> Result<ModSeq> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let email = self.email(account_id, email_id).await?.ok_or(Error::NotFound("the message"))?;
        let before = self.thread_shape(account_id, email.thread_id).await?;
        let keywords = keywords.unwrap_or(&email.keywords);
        self.exec(
            "UPDATE email SET keywords = $3, modseq = $4 WHERE account_id = $1 AND email_id = $2",
            values![&account_id, &email_id, &keywords_text(keywords)?, modseq],
        )
        .await?;
        self.exec(
            "UPDATE placement SET is_unread = $3 WHERE account_id = $1 AND email_id = $2 AND is_unread <> $3",
            values![&account_id, &email_id, is_unread(keywords)],
        )
        .await?;
        if let Some(wanted) = mailbox_ids {
            if wanted.is_empty() {
                return Err(Error::Refused("a message lies in a mailbox"));
            }
            for gone in email.mailbox_ids.iter().filter(|id| !wanted.contains(id)) {
                self.displace(account_id, *gone, email_id, modseq).await?;
            }
            for mailbox_id in wanted.iter().filter(|id| !email.mailbox_ids.contains(id)) {
                let placement = Placement {
                    account_id,
                    mailbox_id: *mailbox_id,
                    email_id,
                    thread_id: email.thread_id,
                    received_at: email.received_at,
                    is_unread: is_unread(keywords),
                };
                self.place(&placement).await?;
            }
        }
        let after = self.thread_shape(account_id, email.thread_id).await?;
        self.recount(account_id, &before, &after, modseq).await?;
        Ok(modseq)
    }

    /// Takes a message out of one mailbox and remembers its UID as gone.
    async fn displace(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        email_id: EmailId,
        modseq: ModSeq,
    ) -> Result<()> {
        let row = self
            .row(
                "DELETE FROM placement WHERE account_id = $1 AND mailbox_id = $2 AND email_id = $3 RETURNING uid",
                values![&account_id, &mailbox_id, &email_id],
            )
            .await?;
        if let Some(row) = row {
            self.exec(
                "INSERT INTO expunged (account_id, mailbox_id, uid, modseq) VALUES ($1, $2, $3, $4)",
                values![&account_id, &mailbox_id, row.int(0)?, modseq],
            )
            .await?;
        }
        Ok(())
    }

    /// Destroys a message. Its bytes stay while a legal hold or a retention says so, out of everybody's sight.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there.
    pub async fn destroy_email(
        &mut self,
        account_id: AccountId,
        email_id: EmailId,
        now: Timestamp,
    ) -> Result<ModSeq> {
        let email = self.email(account_id, email_id).await?.ok_or(Error::NotFound("the message"))?;
        let size = i64::try_from(email.size).map_err(|_| Error::Damaged("a message's size"))?;
        let modseq = self.next_modseq(account_id, -size).await?;
        let before = self.thread_shape(account_id, email.thread_id).await?;
        for mailbox_id in &email.mailbox_ids {
            self.displace(account_id, *mailbox_id, email_id, modseq).await?;
        }
        self.hold_bytes(account_id, &email).await?;
        self.exec(
            "DELETE FROM email WHERE account_id = $1 AND email_id = $2",
            values![&account_id, &email_id],
        )
        .await?;
        self.drop_blob(account_id, email.blob_id, now).await?;
        self.bury(account_id, "email", email_id.as_bytes(), email.created_modseq, modseq).await?;
        let after = self.thread_shape(account_id, email.thread_id).await?;
        self.recount(account_id, &before, &after, modseq).await?;
        self.thread_shrank(account_id, email.thread_id, modseq).await?;
        Ok(modseq)
    }

    /// Before a message goes: what holds it, holds its bytes from now on.
    async fn hold_bytes(&mut self, account_id: AccountId, email: &Email) -> Result<()> {
        self.exec(
            "UPDATE blob SET hold_until = (SELECT CASE WHEN e.legal_hold = 1 OR a.legal_hold = 1 \
             THEN 9223372036854775807 ELSE e.retain_until END \
             FROM email e JOIN account a ON a.account_id = e.account_id WHERE e.account_id = $1 AND e.email_id = $3) \
             WHERE owner_id = $1 AND blob_id = $2 AND EXISTS (SELECT 1 FROM email e \
             JOIN account a ON a.account_id = e.account_id WHERE e.account_id = $1 AND e.email_id = $3 \
             AND (e.legal_hold = 1 OR a.legal_hold = 1 OR e.retain_until IS NOT NULL))",
            values![&account_id, &email.blob_id, &email.email_id],
        )
        .await
        .map(drop)
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

struct Placement {
    account_id: AccountId,
    mailbox_id: MailboxId,
    email_id: EmailId,
    thread_id: ThreadId,
    received_at: Timestamp,
    is_unread: bool,
}
