//! `Blob/lookup` (RFC 9404 §4.3): what a blob is part of.

use std::collections::BTreeSet;

use mail::{BlobId, EmailId, MailboxId, ThreadId};
use serde_json::{Map, Value, json};
use store::BlobUse;

use crate::Error;
use crate::args::{Args, invalid, resolve_id};
use crate::body::read_blob_id;
use crate::call::Context;

/// The types that are told (`supportedTypeNames`, RFC 9404 §3): messages, and what those lie in.
pub(crate) const TYPES: [&str; 3] = ["Email", "Mailbox", "Thread"];

/// Messages that are told of one blob: the same bytes were put away that often by hand at most.
const USES_MAX: i64 = 1_000;

impl Context<'_> {
    /// `Blob/lookup` (RFC 9404 §4.3). A blob of a part belongs to the messages that its message is; what names no blob of the account is not found,
    /// whosever it is.
    pub(crate) async fn blob_lookup(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let types = args.texts("typeNames")?.ok_or_else(|| invalid("typeNames", "list of types"))?;
        let ids = args.texts("ids")?.ok_or_else(|| invalid("ids", "list of ids"))?;
        args.finish()?;
        let types: BTreeSet<&str> = types
            .iter()
            .map(|name| TYPES.into_iter().find(|known| *known == name).ok_or(Error::UnknownDataType))
            .collect::<Result<_, _>>()?;
        if ids.len() > self.api.limits.objects_in_get_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
        }
        let named = |id: &String| {
            let real = resolve_id(id, &self.created).unwrap_or(id);
            read_blob_id(real).map(|(blob_id, _)| (real.to_owned(), blob_id))
        };
        let named: Vec<(String, Option<(String, BlobId)>)> =
            ids.into_iter().collect::<BTreeSet<_>>().into_iter().map(|id| (id.clone(), named(&id))).collect();
        let found = self
            .api
            .store
            .read(named, |tx, named| {
                Box::pin(async move {
                    let mut found = Vec::with_capacity(named.len());
                    for (id, blob) in named {
                        let uses = match blob {
                            Some((_, blob_id)) if tx.may_read_blob(account_id, *blob_id).await? => {
                                Some(tx.blob_uses(account_id, *blob_id, USES_MAX).await?)
                            }
                            _ => None,
                        };
                        let real = blob.as_ref().map_or(id, |(real, _)| real);
                        found.push((id.clone(), real.clone(), uses));
                    }
                    Ok::<_, store::Error>(found)
                })
            })
            .await?;
        let (mut list, mut not_found) = (Vec::new(), Vec::new());
        for (id, real, uses) in found {
            match uses {
                Some(uses) => list.push(json!({ "id": real, "matchedIds": matched(&uses, &types) })),
                None => not_found.push(id),
            }
        }
        Ok(json!({ "accountId": account_id, "list": list, "notFound": not_found }))
    }
}

/// The ids of each type that was asked for, each once.
fn matched(uses: &[BlobUse], types: &BTreeSet<&str>) -> Map<String, Value> {
    let ids = |name: &str| match name {
        "Email" => json!(uses.iter().map(|one| one.email_id).collect::<BTreeSet<EmailId>>()),
        "Thread" => json!(uses.iter().map(|one| one.thread_id).collect::<BTreeSet<ThreadId>>()),
        _ => json!(uses.iter().map(|one| one.mailbox_id).collect::<BTreeSet<MailboxId>>()),
    };
    types.iter().map(|name| ((*name).to_owned(), ids(name))).collect()
}
