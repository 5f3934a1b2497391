//! What takes two persons (RULES R13, R43): each one's word, and the refusals it can be about.

use mail::{AccountId, AgencyId, Timestamp};

use crate::Tx;
use crate::accounts::{Role, words};
use crate::error::Result;
use crate::sql::values;

words! {
    /// An act that takes two persons.
    TwoPersonAct, "two-person act is secrecy-release, mail-release or recall-reversal" {
        /// Letting through a package that was wrongly refused as a state secret (R13).
        SecrecyRelease = "secrecy-release",
        /// Letting a mail through that was wrongly refused as a state secret (R13).
        MailRelease = "mail-release",
        /// Reversing a mistaken recall before its copies are shredded (R43).
        RecallReversal = "recall-reversal",
    }
}

/// One person's word.
#[derive(Clone, Debug)]
pub struct NewConsent {
    /// The agency both belong to.
    pub agency_id: AgencyId,
    /// To what.
    pub act: TwoPersonAct,
    /// What the act is about: a digest, an id.
    pub subject: Vec<u8>,
    /// Who.
    pub account_id: AccountId,
    /// As what.
    pub role: Role,
    /// Why.
    pub reason: String,
}

/// A person's word, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub account_id: AccountId,
    /// As what.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Tx {
    /// Keeps a person's word; a second one of the same person changes nothing.
    pub async fn add_consent(&mut self, new: &NewConsent, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO consent (agency_id, act, subject, account_id, role, reason, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (agency_id, act, subject, account_id) DO NOTHING",
            values![
                &new.agency_id,
                new.act.as_str(),
                &new.subject,
                &new.account_id,
                new.role.as_str(),
                &new.reason,
                now
            ],
        )
        .await
        .map(drop)
    }

    /// Whose word there is, oldest first.
    pub async fn consents(
        &mut self,
        agency_id: AgencyId,
        act: TwoPersonAct,
        subject: &[u8],
    ) -> Result<Vec<Consent>> {
        let rows = self
            .rows(
                "SELECT account_id, role, reason, at FROM consent \
                 WHERE agency_id = $1 AND act = $2 AND subject = $3 ORDER BY at, account_id LIMIT 100",
                values![&agency_id, act.as_str(), subject],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Consent {
                    account_id: row.id(0)?,
                    role: row.text(1)?.parse()?,
                    reason: row.text(2)?,
                    at: row.moment(3)?,
                })
            })
            .collect()
    }

    /// Keeps that a package was refused as a state secret: its digest and what found it, nothing else (R12).
    pub async fn add_secrecy_refusal(
        &mut self,
        agency_id: AgencyId,
        package_sha256: &[u8; 32],
        detector: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO secrecy_refusal (agency_id, package_sha256, detector, refused_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (agency_id, package_sha256) DO NOTHING",
            values![&agency_id, package_sha256, detector, now],
        )
        .await
        .map(drop)
    }

    /// What found a state secret in a package of an agency; `None` when none was refused.
    pub async fn secrecy_refusal(
        &mut self,
        agency_id: AgencyId,
        package_sha256: &[u8; 32],
    ) -> Result<Option<String>> {
        let row = self
            .row(
                "SELECT detector FROM secrecy_refusal WHERE agency_id = $1 AND package_sha256 = $2",
                values![&agency_id, package_sha256],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Lays aside the words about a subject that were given before a moment: they do not count any more, and may be given again. They stay,
    /// under the subject followed by that moment (RULES R94).
    pub async fn lay_consents_aside(
        &mut self,
        agency_id: AgencyId,
        act: TwoPersonAct,
        subject: &[u8],
        before: Timestamp,
    ) -> Result<()> {
        let aside = [subject, &before.millis().to_be_bytes()].concat();
        self.exec(
            "UPDATE consent SET subject = $5 WHERE agency_id = $1 AND act = $2 AND subject = $3 AND at <= $4",
            values![&agency_id, act.as_str(), subject, before, &aside],
        )
        .await
        .map(drop)
    }

    /// Keeps that a mail was refused as a state secret: a digest of its content and sender, and what found it (R12).
    pub async fn add_mail_secrecy_refusal(
        &mut self,
        agency_id: AgencyId,
        reference: &[u8; 32],
        detector: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO mail_secrecy_refusal (agency_id, reference, detector, refused_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (agency_id, reference) DO UPDATE SET refused_at = excluded.refused_at",
            values![&agency_id, reference, detector, now],
        )
        .await
        .map(drop)
    }

    /// What found a state secret in a mail of an agency; `None` when none was refused lately.
    pub async fn mail_secrecy_refusal(
        &mut self,
        agency_id: AgencyId,
        reference: &[u8; 32],
    ) -> Result<Option<String>> {
        let row = self
            .row(
                "SELECT detector FROM mail_secrecy_refusal WHERE agency_id = $1 AND reference = $2",
                values![&agency_id, reference],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Forgets mails that were refused before a moment; `limit` at a time. Answers how many there were.
    pub async fn forget_mail_secrecy_refusals(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        self.exec(
            "DELETE FROM mail_secrecy_refusal WHERE (agency_id, reference) IN \
             (SELECT agency_id, reference FROM mail_secrecy_refusal WHERE refused_at < $1 LIMIT $2)",
            values![before, limit],
        )
        .await
    }
}
