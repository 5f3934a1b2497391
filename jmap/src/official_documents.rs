//! Our own capability: official documents recognised in mails (RULES R3–R5), what they are worth, and the one act upon them, entering
//! one into the agency's incoming book. `docs/JMAP.md` describes it for those who write clients.

use std::collections::HashMap;

use mail::{AccountId, BlobId, DocumentId, DocumentVerdict, EmailId, RecognisedDocument, Timestamp};
use serde_json::{Value, json};
use store::{Email, Tx};

use crate::Error;
use crate::args::{Args, invalid};
use crate::call::Context;
use crate::extras::{is_old, judged_max};
use crate::judge::{NotRegistered, Registration};

/// The capability. A public specification may keep the name.
pub(crate) const OFFICIAL_DOCUMENTS: &str = "https://congvan.vn/jmap/official-documents";

/// Documents of the exchange with one file that are looked at.
const KNOWN_MAX: i64 = 50;

/// What a copy in a mail is worth (QĐ 28/2018 Đ4.2, RULES R5).
const LABEL: (&str, &str) = ("để biết, tham khảo", "for information");

/// A document of the exchange with the same file that the caller's agency sent or received.
async fn exchanged(
    tx: &mut Tx,
    agency_id: mail::AgencyId,
    sha256: &[u8; 32],
) -> Result<Option<(DocumentId, bool)>, store::Error> {
    for file in tx.documents_with_file(sha256, KNOWN_MAX).await? {
        if tx.receiver(agency_id, file.document_id).await?.is_some() {
            return Ok(Some((file.document_id, true)));
        }
        if file.agency_id == agency_id {
            return Ok(Some((file.document_id, false)));
        }
    }
    Ok(None)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A document as clients see it.
fn object(document: &RecognisedDocument, doc_id: Option<DocumentId>) -> Value {
    json!({
        "sha256": hex(&document.sha256),
        "symbol": if document.symbol.is_empty() { Value::Null } else { json!(document.symbol) },
        "verdict": document.verdict.as_str(),
        "class": if document.class.is_empty() { Value::Null } else { json!(document.class) },
        // Whatever its signatures are: a mail is not the way by which an original comes.
        "legalValue": "information",
        "isOriginalByExchange": document.is_original && document.verdict == DocumentVerdict::Valid,
        "label": { "vi": LABEL.0, "en": LABEL.1 },
        "reasons": document.reasons,
        "judgedAt": document.judged_at.map(Timestamp::to_rfc3339_utc),
        "docId": doc_id,
    })
}

impl Context<'_> {
    /// `officialDocuments` of messages, judged anew where that is too old.
    pub(crate) async fn official_documents(
        &self,
        account_id: AccountId,
        emails: &[Email],
    ) -> Result<HashMap<EmailId, Value>, Error> {
        let agency_id = self.caller.agency_id;
        let mut known = self.documents_of(account_id, emails).await?;
        let mut all = HashMap::new();
        for email in emails {
            let documents = known.remove(&email.blob_id).unwrap_or_default();
            let read = self.api.store.read(documents, move |tx, documents| {
                Box::pin(async move {
                    let mut objects = Vec::with_capacity(documents.len());
                    for document in documents {
                        let there = exchanged(tx, agency_id, &document.sha256).await?;
                        objects.push(object(document, there.map(|(id, _)| id)));
                    }
                    Ok::<_, store::Error>(objects)
                })
            });
            all.insert(email.email_id, Value::Array(read.await?));
        }
        Ok(all)
    }

    /// The documents in messages. Where nothing is attached, nobody looks.
    async fn documents_of(
        &self,
        account_id: AccountId,
        emails: &[Email],
    ) -> Result<HashMap<BlobId, Vec<RecognisedDocument>>, Error> {
        let blobs: Vec<BlobId> = emails
            .iter()
            .filter(|email| !email.facts.attachments.is_empty())
            .map(|email| email.blob_id)
            .collect();
        let read = async || {
            self.api
                .store
                .read(blobs.clone(), move |tx, blobs| {
                    Box::pin(async move { tx.email_documents(account_id, blobs).await })
                })
                .await
        };
        let mut known = read().await?;
        let is_old = |blob_id: &&BlobId| match known.get(blob_id) {
            // Where there was none there will be none.
            Some((documents, at)) => !documents.is_empty() && is_old(Some(*at), self.now),
            None => true,
        };
        let old: Vec<BlobId> = blobs.iter().filter(is_old).take(judged_max()).copied().collect();
        if !old.is_empty() {
            for blob_id in old {
                self.api.judge.documents(account_id, blob_id).await;
            }
            known = read().await?;
        }
        Ok(known.into_iter().map(|(blob_id, (documents, _))| (blob_id, documents)).collect())
    }

    /// `OfficialDocument/register`: enters a document of a message into the incoming book of the caller's agency, once.
    pub(crate) async fn official_document_register(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let email_id = args.text("emailId")?.ok_or_else(|| invalid("emailId", "id"))?;
        let email_id = crate::args::resolve_id(&email_id, &self.created).and_then(|id| id.parse().ok());
        let email_id: EmailId = email_id.ok_or(Error::NotFound)?;
        let sha256 = args.text("sha256")?.ok_or_else(|| invalid("sha256", "digest"))?;
        args.finish()?;
        let email = self
            .api
            .store
            .read((), move |tx, ()| Box::pin(async move { tx.email(account_id, email_id).await }))
            .await?
            .ok_or(Error::NotFound)?;
        let found = self.documents_of(account_id, std::slice::from_ref(&email)).await?;
        let document = found.into_values().flatten().find(|document| hex(&document.sha256) == sha256);
        let document = document.ok_or(Error::NotFound)?;
        let (agency_id, digest) = (self.caller.agency_id, document.sha256);
        let there = self
            .api
            .store
            .read((), move |tx, ()| Box::pin(async move { exchanged(tx, agency_id, &digest).await }))
            .await?;
        let registration = Registration {
            sha256: digest,
            symbol: document.symbol,
            subject: email.facts.subject.clone(),
            from: email.facts.from.first().map(|from| from.email.clone()).unwrap_or_default(),
            document_id: there.filter(|(_, is_received)| *is_received).map(|(id, _)| id),
        };
        let done = self.api.judge.register(self.caller, registration, self.now).await;
        match done {
            Ok(line) => Ok(json!({
                "accountId": account_id, "emailId": email_id, "sha256": sha256, "book": line.book,
                "year": line.year, "number": line.number, "line": line.line,
            })),
            Err(NotRegistered::Forbidden) => Err(Error::Forbidden("only the records office registers")),
            Err(NotRegistered::Refused(code, why)) => Err(Error::Refused(code, why)),
            Err(NotRegistered::Unavailable) => {
                Err(Error::Unavailable(store::Error::Unavailable("the registry".to_owned())))
            }
        }
    }
}
