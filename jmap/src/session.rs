//! The session object: what a client finds here (RFC 8620 §2, RFC 8621 §1.3).

use serde_json::{Map, Value, json};

use crate::blob_get::DIGESTS;
use crate::extras::SMIME_VERIFY;
use crate::held_mail::HELD_MAIL;
use crate::official_documents::OFFICIAL_DOCUMENTS;
use crate::request::{BLOB, CAPABILITIES, CORE, MAIL, QUOTA, SUBMISSION, VACATION};
use crate::subscription::VAPID;
use crate::websocket::WEBSOCKET;
use crate::{Api, Caller, Error};

impl Api {
    /// The session object. URLs are absolute; what stands in braces is for the client to fill in (RFC 6570 level 1).
    ///
    /// # Errors
    /// [`Error::AccountNotFound`] when the account is gone since the caller signed in.
    pub async fn session(&self, caller: &Caller) -> Result<Value, Error> {
        let account_id = caller.account_id;
        let found = self
            .store
            .read(account_id, |tx, account_id| {
                Box::pin(async move {
                    let account = tx.account(*account_id).await?;
                    let addresses = tx.addresses(*account_id).await?;
                    Ok::<_, store::Error>(account.map(|account| (account, addresses)))
                })
            })
            .await?;
        let (account, addresses) = found.ok_or(Error::AccountNotFound)?;
        let username = addresses.first().map(|first| first.address.to_string()).unwrap_or_default();
        let mut capabilities = self.account_capabilities();
        capabilities[SMIME_VERIFY] = json!({});
        capabilities[HELD_MAIL] = json!({});
        // The records office keeps the incoming book (RULES R75).
        let may_register = account.role == store::Role::Clerk;
        capabilities[OFFICIAL_DOCUMENTS] = json!({ "mayRegister": may_register });
        let base = &self.base_url;
        let mut offered: Map<String, Value> =
            CAPABILITIES.iter().map(|uri| ((*uri).to_owned(), json!({}))).collect();
        offered.insert(CORE.to_owned(), self.core_capability());
        offered.insert(WEBSOCKET.to_owned(), self.websocket_capability());
        offered.insert(VAPID.to_owned(), self.vapid_capability());
        // What is the server's own belongs to no account.
        let primary = CAPABILITIES.iter().filter(|uri| ![CORE, WEBSOCKET, VAPID].contains(uri));
        let primary: Map<String, Value> = primary.map(|uri| ((*uri).to_owned(), json!(account_id))).collect();
        let mut session = json!({
            "capabilities": offered,
            "accounts": { account_id.to_string(): {
                "name": if username.is_empty() { &account.display_name } else { &username },
                "isPersonal": account.kind == store::AccountKind::Person,
                "isReadOnly": false,
                "accountCapabilities": capabilities,
            }},
            "primaryAccounts": primary,
            "username": username,
            "apiUrl": format!("{base}/jmap/api"),
            "downloadUrl": format!("{base}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?accept={{type}}"),
            "uploadUrl": format!("{base}/jmap/upload/{{accountId}}"),
            "eventSourceUrl": format!("{base}/jmap/eventsource?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"),
        });
        let digest = blake3::hash(session.to_string().as_bytes());
        session["state"] = digest.to_hex().as_str()[..16].into();
        Ok(session)
    }

    /// The session's state, which every answer names.
    pub(crate) async fn session_state(&self, caller: &Caller) -> Result<Value, Error> {
        Ok(self.session(caller).await?["state"].take())
    }

    fn core_capability(&self) -> Value {
        let l = &self.limits;
        json!({
            "maxSizeUpload": l.size_upload_max,
            "maxConcurrentUpload": l.concurrent_upload_max,
            "maxSizeRequest": l.size_request_max,
            "maxConcurrentRequests": l.concurrent_requests_max,
            "maxCallsInRequest": l.calls_max,
            "maxObjectsInGet": l.objects_in_get_max,
            "maxObjectsInSet": l.objects_in_set_max,
            "collationAlgorithms": ["i;unicode-casemap"],
        })
    }

    fn account_capabilities(&self) -> Value {
        let l = &self.limits;
        json!({
            CORE: {},
            MAIL: {
                "maxMailboxesPerEmail": l.mailboxes_per_email_max,
                "maxMailboxDepth": l.mailbox_depth_max,
                "maxSizeMailboxName": l.mailbox_name_max,
                "maxSizeAttachmentsPerEmail": l.attachments_bytes_max,
                "emailQuerySortOptions": crate::filter::SORT_OPTIONS,
                "mayCreateTopLevelMailbox": true,
            },
            SUBMISSION: { "maxDelayedSend": l.hold_seconds_max, "submissionExtensions": {
                "DSN": ["RET", "ENVID", "NOTIFY", "ORCPT"], "SMTPUTF8": [], "SIZE": [], "REQUIRETLS": [],
                "MT-PRIORITY": [], "FUTURERELEASE": [l.hold_seconds_max.to_string()],
            }},
            VACATION: {},
            BLOB: {
                "maxSizeBlobSet": l.size_upload_max,
                "maxDataSources": l.data_sources_max,
                "supportedTypeNames": crate::blob_lookup::TYPES,
                "supportedDigestAlgorithms": DIGESTS,
            },
            QUOTA: {},
        })
    }
}
