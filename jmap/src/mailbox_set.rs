//! `Mailbox/set` (RFC 8621 §2.5).

use mail::{AccountId, MailboxId, ModSeq, UidValidity};
use serde_json::{Map, Value};
use store::{Audit, MESSAGES_PER_ACT, Mailbox, MailboxRole, NewMailbox, Tx};

use crate::args::Args;
use crate::call::Context;
use crate::error::SetError;
use crate::mailbox_get;
use crate::set::{SetAnswer, SetRequest};
use crate::{Error, Limits};

impl Context<'_> {
    /// `Mailbox/set` (RFC 8621 §2.5).
    pub(crate) async fn mailbox_set(&mut self, mut args: Args) -> Result<Value, Error> {
        let request = SetRequest::read(self, &mut args)?;
        let empties = args.flag("onDestroyRemoveEmails")?;
        args.finish()?;
        let mut answer = request.begin(self).await?;
        let account_id = request.account_id;
        self.create_mailboxes(account_id, request.create, &mut answer).await;
        for (id, patch) in request.update {
            let outcome = self.update_mailbox(account_id, &id, patch, &mut answer).await;
            answer.update(id, outcome);
        }
        self.destroy_mailboxes(account_id, request.destroy, empties, &mut answer).await;
        Ok(answer.into_value(account_id))
    }

    /// Creates parents before their children: each turn creates what waits for nothing that is still to come.
    async fn create_mailboxes(
        &mut self,
        account_id: AccountId,
        mut waiting: Vec<(String, Map<String, Value>)>,
        answer: &mut SetAnswer,
    ) {
        while !waiting.is_empty() {
            let names: Vec<String> = waiting.iter().map(|(creation, _)| format!("#{creation}")).collect();
            let waits = |object: &Map<String, Value>| {
                let parent = object.get("parentId").and_then(Value::as_str);
                parent.is_some_and(|parent| names.iter().any(|name| name == parent))
            };
            let (later, ready): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, object)| waits(object));
            if ready.is_empty() {
                for (creation, _) in later {
                    let error = SetError::invalid("parentId", "mailboxes lie in one another");
                    answer.create(self, creation, Err(error));
                }
                return;
            }
            for (creation, object) in ready {
                let outcome = self.create_mailbox(account_id, object, answer).await;
                answer.create(self, creation, outcome);
            }
            waiting = later;
        }
    }

    async fn create_mailbox(
        &mut self,
        account_id: AccountId,
        object: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<Value, SetError> {
        let mut mailbox = Mailbox {
            mailbox_id: MailboxId::new(self.now, &*self.api.chance),
            parent_id: None,
            name: String::new(),
            role: None,
            sort_order: 0,
            is_subscribed: false,
            // Seconds since 1970, as RFC 9051 §2.3.1.1 suggests.
            uid_validity: UidValidity(u32::try_from(self.now.secs()).unwrap_or(1).max(1)),
            uid_next: 1,
            total_emails: 0,
            unread_emails: 0,
            total_threads: 0,
            unread_threads: 0,
            created_modseq: ModSeq(0),
            modseq: ModSeq(0),
        };
        self.fill(&mut mailbox, object, true)?;
        if mailbox.name.is_empty() {
            return Err(SetError::invalid("name", "a mailbox has a name"));
        }
        let depth_max = self.api.limits.mailbox_depth_max;
        let made = mailbox.clone();
        let (modseq, steps) = self
            .api
            .store
            .write("create a mailbox", made, move |tx, made| {
                Box::pin(async move { create(tx, account_id, made, depth_max).await })
            })
            .await?;
        answer.moved(modseq, steps);
        Ok(mailbox_get::object(&mailbox, None))
    }

    async fn update_mailbox(
        &mut self,
        account_id: AccountId,
        id: &str,
        patch: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<Value, SetError> {
        let mailbox_id: MailboxId = self.real_id(id)?;
        let api = self.api;
        let found = api
            .store
            .read((), |tx, ()| Box::pin(async move { tx.mailbox(account_id, mailbox_id).await }))
            .await?;
        let before = found.ok_or_else(SetError::not_found)?;
        let mut after = before.clone();
        self.fill(&mut after, patch, false)?;
        let is_renamed = (&after.name, after.parent_id) != (&before.name, before.parent_id);
        if is_renamed && before.role == Some(MailboxRole::Inbox) {
            return Err(SetError::new("forbidden", "the inbox stays where mail arrives"));
        }
        if is_renamed && before.role.is_some() && after.parent_id != before.parent_id {
            return Err(SetError::new("forbidden", "a mailbox with a role stays where it is"));
        }
        let depth_max = api.limits.mailbox_depth_max;
        let modseq = api
            .store
            .write("change a mailbox", after, move |tx, after| {
                Box::pin(async move {
                    check_place(tx, account_id, after, depth_max).await?;
                    tx.change_mailbox(account_id, after).await.map_err(named)
                })
            })
            .await?;
        answer.moved(modseq, 1);
        Ok(Value::Null)
    }

    /// Fills in what a client gives. `is_new` opens the properties that are fixed later.
    fn fill(&self, mailbox: &mut Mailbox, object: Map<String, Value>, is_new: bool) -> Result<(), SetError> {
        for (name, value) in object {
            match (name.as_str(), value) {
                ("name", Value::String(text)) => mailbox.name = mailbox_name(&text, &self.api.limits)?,
                ("parentId", Value::Null) => mailbox.parent_id = None,
                ("parentId", Value::String(id)) => {
                    let parent = self.real_id(&id);
                    mailbox.parent_id =
                        Some(parent.map_err(|_| SetError::invalid("parentId", "no such mailbox"))?);
                }
                ("sortOrder", value) => {
                    let number = value.as_i64().filter(|n| (0..1 << 31).contains(n));
                    mailbox.sort_order =
                        number.ok_or_else(|| SetError::invalid("sortOrder", "a number from 0 to 2^31-1"))?;
                }
                ("isSubscribed", Value::Bool(flag)) => mailbox.is_subscribed = flag,
                ("role", Value::Null) if is_new => mailbox.role = None,
                ("role", Value::String(role)) if is_new => {
                    let role = role.parse().map_err(|_| SetError::invalid("role", "no such role here"))?;
                    mailbox.role = Some(role);
                }
                // Whatever is fixed may be given as it is (RFC 8620 §5.3).
                (fixed, value)
                    if !is_new && mailbox_get::object(mailbox, None).get(fixed) == Some(&value) => {}
                ("name" | "parentId" | "isSubscribed", _) => {
                    return Err(SetError::invalid(name, "of a wrong type"));
                }
                _ if name.contains('/') => {
                    return Err(SetError::new("invalidPatch", "no such path in a mailbox"));
                }
                _ => return Err(SetError::invalid(name, "cannot be set")),
            }
        }
        Ok(())
    }

    /// Destroys children before their parents, in whatever order they are named.
    async fn destroy_mailboxes(
        &mut self,
        account_id: AccountId,
        mut waiting: Vec<String>,
        empties: bool,
        answer: &mut SetAnswer,
    ) {
        loop {
            let mut kept = Vec::new();
            let before = waiting.len();
            for id in std::mem::take(&mut waiting) {
                match self.destroy_mailbox(account_id, &id, empties, answer).await {
                    Err(error) if error.kind() == "mailboxHasChild" => kept.push((id, error)),
                    outcome => answer.destroy(id, outcome),
                }
            }
            if kept.is_empty() || kept.len() == before {
                for (id, error) in kept {
                    answer.destroy(id, Err(error));
                }
                return;
            }
            waiting = kept.into_iter().map(|(id, _)| id).collect();
        }
    }

    async fn destroy_mailbox(
        &mut self,
        account_id: AccountId,
        id: &str,
        empties: bool,
        answer: &mut SetAnswer,
    ) -> Result<(), SetError> {
        let mailbox_id: MailboxId = self.real_id(id)?;
        let api = self.api;
        api.store
            .read((), |tx, ()| Box::pin(async move { check_goes(tx, account_id, mailbox_id, empties).await }))
            .await?;
        if empties {
            self.empty_mailbox(account_id, mailbox_id, answer).await?;
        }
        let modseq = api
            .store
            .write("destroy a mailbox", (), move |tx, ()| {
                Box::pin(async move {
                    check_goes(tx, account_id, mailbox_id, false).await?;
                    tx.destroy_mailbox(account_id, mailbox_id).await.map_err(SetError::from)
                })
            })
            .await?;
        answer.moved(modseq, 1);
        Ok(())
    }

    /// Takes every message out of a mailbox; those that lie nowhere else are destroyed (RFC 8621 §2.5).
    async fn empty_mailbox(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        answer: &mut SetAnswer,
    ) -> Result<(), SetError> {
        let (api, now) = (self.api, self.now);
        for _ in 0..api.limits.emptied_max.div_ceil(MESSAGES_PER_ACT) {
            let emptied = api
                .store
                .write("empty a mailbox", (), move |tx, ()| {
                    Box::pin(async move {
                        let emptied = tx.empty_mailbox(account_id, mailbox_id, now).await?;
                        let actor = account_id.to_string();
                        tx.audit_each(account_id, now, &actor, Audit::MailDestroyed, &emptied.destroyed)
                            .await?;
                        Ok::<_, SetError>(emptied)
                    })
                })
                .await?;
            answer.moved(emptied.modseq, 1);
            if !emptied.has_more {
                return Ok(());
            }
        }
        Err(SetError::new("mailboxHasEmail", "more messages than one call takes out; ask again"))
    }
}

/// Whether a mailbox may go.
async fn check_goes(
    tx: &mut Tx,
    account_id: AccountId,
    mailbox_id: MailboxId,
    empties: bool,
) -> Result<(), SetError> {
    let all = tx.mailboxes(account_id).await?;
    let gone = all.iter().find(|m| m.mailbox_id == mailbox_id).ok_or_else(SetError::not_found)?;
    if gone.role.is_some() {
        return Err(SetError::new("forbidden", "a mailbox with a role is part of the account"));
    }
    if all.iter().any(|m| m.parent_id == Some(mailbox_id)) {
        return Err(SetError::new("mailboxHasChild", "the mailbox has mailboxes in it"));
    }
    if gone.total_emails > 0 && !empties {
        return Err(SetError::new("mailboxHasEmail", "the mailbox has messages in it"));
    }
    Ok(())
}

async fn create(
    tx: &mut Tx,
    account_id: AccountId,
    made: &Mailbox,
    depth_max: usize,
) -> Result<(ModSeq, i64), SetError> {
    check_place(tx, account_id, made, depth_max).await?;
    let new = NewMailbox {
        account_id,
        mailbox_id: made.mailbox_id,
        parent_id: made.parent_id,
        name: made.name.clone(),
        role: made.role,
        sort_order: made.sort_order,
        uid_validity: made.uid_validity,
    };
    let modseq = tx.add_mailbox(&new).await.map_err(named)?;
    if made.is_subscribed {
        return Ok((modseq, 1));
    }
    // New mailboxes are subscribed until somebody says otherwise.
    Ok((tx.change_mailbox(account_id, made).await.map_err(named)?, 2))
}

/// Whether the mailbox above is there, and not too deep already.
async fn check_place(
    tx: &mut Tx,
    account_id: AccountId,
    mailbox: &Mailbox,
    depth_max: usize,
) -> Result<(), SetError> {
    let all = tx.mailboxes(account_id).await?;
    let (mut above, mut depth) = (mailbox.parent_id, 1);
    while let Some(id) = above {
        let parent = all.iter().find(|m| m.mailbox_id == id);
        above = parent.ok_or_else(|| SetError::invalid("parentId", "no such mailbox"))?.parent_id;
        depth += 1;
        if depth > depth_max {
            return Err(SetError::invalid("parentId", "deeper than maxMailboxDepth, or in itself"));
        }
    }
    Ok(())
}

/// The memory's refusals in the words of properties.
fn named(error: store::Error) -> SetError {
    match error {
        store::Error::Conflict(what) if what.contains("role") => {
            SetError::invalid("role", "another mailbox has that role")
        }
        store::Error::Conflict(_) => SetError::invalid("name", "a mailbox beside it has that name"),
        store::Error::Refused(_) => SetError::invalid("parentId", "a mailbox cannot lie in itself"),
        other => other.into(),
    }
}

fn mailbox_name(text: &str, limits: &Limits) -> Result<String, SetError> {
    let name = mail::text::nfc(text);
    let fits = matches!(name.len(), 1..) && name.len() <= limits.mailbox_name_max;
    // RFC 8621 §2: Net-Unicode (RFC 5198), so no control characters; blanks at the ends only confuse.
    if !fits || name.chars().any(char::is_control) || name.trim() != name {
        return Err(SetError::invalid("name", "1 to maxSizeMailboxName bytes, no control characters"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn names_of_mailboxes() {
        let long = "ă".repeat(101);
        let rows = [
            ("Công văn đến", true), ("a/b", true), ("", false), (" a", false), ("a\r\nb", false), (&long, false),
        ];
        for (name, is_good) in rows {
            assert_eq!(mailbox_name(name, &Limits::default()).is_ok(), is_good, "{name:?}");
        }
        // NFD comes in, NFC is kept (RULES M4).
        assert_eq!(mailbox_name("Va\u{306}n", &Limits::default()).unwrap(), "Văn");
    }
}
