//! Conversations (RFC 8621 §3), and `/changes` of everything that has one counter (RFC 8620 §5.2).

use mail::{EmailId, MailboxId, ModSeq, SubmissionId, ThreadId};
use serde_json::{Value, json};
use store::{Changes, Changing};

use crate::Error;
use crate::args::{self, Args, read_state, state};
use crate::call::Context;

impl Context<'_> {
    /// `Thread/get` (RFC 8621 §3.1).
    pub(crate) async fn thread_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !["id", "emailIds"].contains(&p.as_str()))
        {
            return Err(Error::InvalidArguments(format!(
                "a Thread has no property `{}`",
                mail::text::clip(unknown, 100)
            )));
        }
        let ids = args::ids::<ThreadId>(given, &self.created, self.api.limits.objects_in_get_max)?;
        let mut ids =
            ids.ok_or(Error::RequestTooLarge("all conversations at once are too many; ask for ids"))?;
        let wanted = std::mem::take(&mut ids.valid);
        let (modseq, found) = self
            .api
            .store
            .read(wanted, |tx, wanted| {
                Box::pin(async move {
                    let mut found = Vec::with_capacity(wanted.len());
                    for thread_id in wanted {
                        found.push((*thread_id, tx.thread(account_id, *thread_id).await?));
                    }
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, found))
                })
            })
            .await?;
        let with_emails = properties.is_none_or(|p| p.iter().any(|name| name == "emailIds"));
        let mut list = Vec::with_capacity(found.len());
        for (thread_id, emails) in found {
            match emails {
                Some(emails) if with_emails => list.push(json!({ "id": thread_id, "emailIds": emails })),
                Some(_) => list.push(json!({ "id": thread_id })),
                None => ids.not_found.push(thread_id.to_string()),
            }
        }
        Ok(
            json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": ids.not_found }),
        )
    }

    /// `Foo/changes` (RFC 8620 §5.2).
    pub(crate) async fn changes(&mut self, mut args: Args, what: Changing) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let since = args.text("sinceState")?.ok_or_else(|| args::invalid("sinceState", "state"))?;
        let asked = args.unsigned("maxChanges")?;
        args.finish()?;
        if asked == Some(0) {
            return Err(Error::InvalidArguments("`maxChanges` is greater than 0".to_owned()));
        }
        let page = i64::try_from(self.api.limits.page_max).unwrap_or(i64::MAX);
        let limit = asked.map_or(page, |asked| asked.min(page));
        let since = read_state(&since).ok_or(Error::CannotCalculateChanges("not a state of this account"))?;
        let (now, changes) = self
            .api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    Ok::<_, store::Error>((
                        tx.modseq(account_id).await?,
                        tx.changes(account_id, what, since, limit).await?,
                    ))
                })
            })
            .await?;
        if since > now || since < self.api.store.first_state() {
            return Err(Error::CannotCalculateChanges("not a state of this account"));
        }
        let count = changes.created.len() + changes.updated.len() + changes.destroyed.len();
        if asked.is_some_and(|asked| i64::try_from(count).unwrap_or(i64::MAX) > asked) {
            // One act changed more than the client wants to hear of at once, and there is no state within an act.
            return Err(Error::CannotCalculateChanges("one act changed more than `maxChanges`"));
        }
        let ids = |ids: &[[u8; 16]]| ids.iter().map(|id| id_text(what, *id)).collect::<Vec<_>>();
        let Changes { created, updated, destroyed, new_state, has_more } = &changes;
        let mut answer = json!({
            "accountId": account_id,
            "oldState": state(since),
            "newState": state(ModSeq(*new_state)),
            "hasMoreChanges": has_more,
            "created": ids(created),
            "updated": ids(updated),
            "destroyed": ids(destroyed),
        });
        if what == Changing::Mailbox {
            // Not told apart here whether only counters changed (RFC 8621 §2.2 allows null).
            answer["updatedProperties"] = Value::Null;
        }
        Ok(answer)
    }
}

fn id_text(what: Changing, id: [u8; 16]) -> String {
    match what {
        Changing::Email => EmailId::from_bytes(id).to_string(),
        Changing::Mailbox => MailboxId::from_bytes(id).to_string(),
        Changing::Thread => ThreadId::from_bytes(id).to_string(),
        Changing::Submission => SubmissionId::from_bytes(id).to_string(),
    }
}
