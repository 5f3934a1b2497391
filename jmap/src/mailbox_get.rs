//! Mailboxes as clients see them (RFC 8621 §2).

use mail::MailboxId;
use serde_json::{Map, Value, json};
use store::{Mailbox, MailboxRole};

use crate::Error;
use crate::args::{self, Args, state};
use crate::call::Context;

/// The properties of a mailbox.
pub(crate) const PROPERTIES: [&str; 11] = [
    "id",
    "name",
    "parentId",
    "role",
    "sortOrder",
    "totalEmails",
    "unreadEmails",
    "totalThreads",
    "unreadThreads",
    "myRights",
    "isSubscribed",
];

impl Context<'_> {
    /// `Mailbox/get` (RFC 8621 §2.1).
    pub(crate) async fn mailbox_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            return Err(Error::InvalidArguments(format!(
                "a Mailbox has no property `{}`",
                mail::text::clip(unknown, 100)
            )));
        }
        let ids = args::ids::<MailboxId>(given, &self.created, self.api.limits.objects_in_get_max)?;
        let (modseq, mailboxes) = self
            .api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, tx.mailboxes(account_id).await?))
                })
            })
            .await?;
        // All of an account's mailboxes are few by the memory's own bound, so asking for all is always answered.
        let (list, not_found) = match ids {
            None => {
                (mailboxes.iter().map(|m| object(m, properties.as_deref())).collect::<Vec<_>>(), Vec::new())
            }
            Some(args::Ids { valid, mut not_found }) => {
                let mut list = Vec::with_capacity(valid.len());
                for id in valid {
                    match mailboxes.iter().find(|m| m.mailbox_id == id) {
                        Some(mailbox) => list.push(object(mailbox, properties.as_deref())),
                        None => not_found.push(id.to_string()),
                    }
                }
                (list, not_found)
            }
        };
        Ok(json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": not_found }))
    }
}

/// A mailbox with the properties asked for; `id` is always among them (RFC 8620 §5.1).
pub(crate) fn object(mailbox: &Mailbox, properties: Option<&[String]>) -> Value {
    let wanted = |name: &str| name == "id" || properties.is_none_or(|list| list.iter().any(|p| p == name));
    let mut object = Map::new();
    for name in PROPERTIES.into_iter().filter(|name| wanted(name)) {
        object.insert(name.to_owned(), property(mailbox, name));
    }
    Value::Object(object)
}

fn property(mailbox: &Mailbox, name: &str) -> Value {
    match name {
        "id" => json!(mailbox.mailbox_id),
        "name" => json!(mailbox.name),
        "parentId" => json!(mailbox.parent_id),
        "role" => json!(mailbox.role.map(MailboxRole::as_str)),
        "sortOrder" => json!(mailbox.sort_order),
        "totalEmails" => json!(mailbox.total_emails),
        "unreadEmails" => json!(mailbox.unread_emails),
        "totalThreads" => json!(mailbox.total_threads),
        "unreadThreads" => json!(mailbox.unread_threads),
        "isSubscribed" => json!(mailbox.is_subscribed),
        "myRights" => {
            // A mailbox with a role is part of the account: mail must find it under its name.
            let is_plain = mailbox.role.is_none();
            json!({
                "mayReadItems": true, "mayAddItems": true, "mayRemoveItems": true, "maySetSeen": true,
                "maySetKeywords": true, "mayCreateChild": true, "mayRename": is_plain, "mayDelete": is_plain,
                "maySubmit": true,
            })
        }
        _ => Value::Null,
    }
}
