//! The release of a mail that was wrongly refused as a state secret (RULES R13). Nothing of it was kept (R12), so what two persons give is a
//! pass: the same content, from the same sender, is let through for some days when it comes again.

use std::time::Duration;

use mail::{AgencyId, Timestamp};
use serde_json::json;
use store::{Audit, Role, Store, TwoPersonAct, Tx};

use super::{Agreement, Word, account, keep_word, may_speak};
use crate::Error;
use crate::vxp::hash::full_hex;

/// How long a person's word for a mail counts; ours. Both have to be within it when the mail comes again.
pub const MAIL_PASS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What is released: a digest of what a mail says and of who sends it. It is told in the refusal, and says nothing of either.
pub type MailReference = [u8; 32];

const ACT: TwoPersonAct = TwoPersonAct::MailRelease;

/// Whether a records officer and a head of the agency have given their words in time.
async fn has_pass(
    tx: &mut Tx,
    agency_id: AgencyId,
    reference: &MailReference,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let since = now.minus(MAIL_PASS);
    let words = tx.consents(agency_id, ACT, reference).await?;
    let has = |role: Role| words.iter().any(|word| word.role == role && word.at > since);
    Ok(has(Role::Clerk) && has(Role::Leader))
}

/// What becomes of a mail in which a mark was found: `true` when two persons have released it, and that is written down each time. If not,
/// the refusal is kept, so that it can be released: which detector hit, and nothing else.
///
/// # Errors
/// The store's trouble.
pub async fn admit_mail(
    tx: &mut Tx,
    agency_id: AgencyId,
    (reference, detector): (&MailReference, &str),
    actor: &str,
    now: Timestamp,
) -> Result<bool, store::Error> {
    if !has_pass(tx, agency_id, reference, now).await? {
        tx.add_mail_secrecy_refusal(agency_id, reference, detector, now).await?;
        return Ok(false);
    }
    let detail = json!({ "detector": detector }).to_string();
    tx.audit(agency_id, now, actor, Audit::SecrecyPassed, &full_hex(reference.as_slice()), &detail).await?;
    Ok(true)
}

/// One person's word that a refused mail is no state secret. With the second one that content is let through from that sender for
/// [`MAIL_PASS`].
///
/// # Errors
/// [`Error::Denied`] for who may not speak; [`Error::NoSuchDocument`] when no such mail was refused for his agency; or the store's
/// trouble.
pub async fn release_mail(
    store: &Store,
    reference: MailReference,
    word: Word,
    now: Timestamp,
) -> Result<Agreement, Error> {
    store
        .write("release a refused mail", (reference, word), move |tx, (reference, word)| {
            Box::pin(async move {
                let account = account(tx, word.account_id).await?;
                may_speak(&account)?;
                let agency_id = account.agency_id;
                tx.hold_identifiers(agency_id, &[&full_hex(reference.as_slice())]).await?;
                let refused = tx.mail_secrecy_refusal(agency_id, reference).await?;
                let detector = refused.ok_or(Error::NoSuchDocument)?;
                // Whose word ran out may give it again.
                tx.lay_consents_aside(agency_id, ACT, reference, now.minus(MAIL_PASS)).await?;
                if has_pass(tx, agency_id, reference, now).await? {
                    return Ok(Agreement::Done);
                }
                keep_word(tx, &account, ACT, reference, &word.reason, now).await?;
                if !has_pass(tx, agency_id, reference, now).await? {
                    return Ok(Agreement::Waiting);
                }
                let detail = json!({ "detector": detector, "mail": true }).to_string();
                let (actor, subject) = (account.account_id.to_string(), full_hex(reference.as_slice()));
                tx.audit(agency_id, now, &actor, Audit::SecrecyReleased, &subject, &detail).await?;
                Ok(Agreement::Done)
            })
        })
        .await
}
