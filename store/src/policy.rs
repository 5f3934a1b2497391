//! The rules of mail as data (RULES M7–M12, M31, M32): rules, exceptions, and what was known of letters. What a rule means, the
//! directory knows; here it is a word and a text.

use mail::{AccountId, AgencyId, Findings, OwnerId, RecognisedDocument, Timestamp, UnitId};

use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Account, Tx};

words! {
    /// For whom a rule is.
    PolicyScope, "policy scope is house, agency, unit or account" {
        /// Everybody.
        House = "house",
        /// An agency's people.
        Agency = "agency",
        /// A unit's people.
        Unit = "unit",
        /// One account.
        Account = "account",
    }
}

/// A rule at a scope, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// For whom.
    pub scope: PolicyScope,
    /// The agency, unit or account; zeros for the house.
    pub owner: OwnerId,
    /// The rule's word.
    pub rule: String,
    /// Its parameters, as JSON.
    pub parameters: String,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; `None` while nobody ended it.
    pub valid_to: Option<Timestamp>,
    /// The decision that says so.
    pub decision: String,
    /// Who entered it.
    pub decided_by: String,
}

/// A rule that is not asked at a scope until a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyException {
    /// For whom.
    pub scope: PolicyScope,
    /// The agency, unit or account; zeros for the house.
    pub owner: OwnerId,
    /// The rule's word.
    pub rule: String,
    /// Since when.
    pub granted_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who granted it.
    pub granted_by: String,
}

/// What was known of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLetter {
    /// The account that sent or received it; the house when nobody received it.
    pub owner: OwnerId,
    /// When.
    pub at: Timestamp,
    /// The agency it counts for.
    pub agency_id: Option<AgencyId>,
    /// The unit it counts for.
    pub unit_id: Option<UnitId>,
    /// What became of it.
    pub outcome: String,
    /// What was known, as JSON.
    pub facts: String,
}

/// How many letters came to something, for one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCount {
    /// The agency.
    pub agency_id: Option<AgencyId>,
    /// The unit; `None` for the agency's own.
    pub unit_id: Option<UnitId>,
    /// What they came to.
    pub outcome: String,
    /// How many.
    pub letters: i64,
}

/// Rules and exceptions read in one go. A house with a rule for every account of a province stays below.
const RULES_MAX: i64 = 100_000;

/// The version lies among the settings.
const VERSION: &str = "policy.version";

fn rule(row: &Row) -> Result<PolicyRule> {
    Ok(PolicyRule {
        owner: row.id(0)?,
        rule: row.text(1)?,
        valid_from: row.moment(2)?,
        valid_to: row.opt_moment(3)?,
        scope: row.text(4)?.parse()?,
        parameters: row.text(5)?,
        decision: row.text(6)?,
        decided_by: row.text(7)?,
    })
}

fn exception(row: &Row) -> Result<PolicyException> {
    Ok(PolicyException {
        owner: row.id(0)?,
        rule: row.text(1)?,
        granted_at: row.moment(2)?,
        expires_at: row.moment(3)?,
        scope: row.text(4)?.parse()?,
        reason: row.text(5)?,
        granted_by: row.text(6)?,
    })
}

impl Tx {
    /// Puts a rule in force from its moment on; what was in force there ends with it. Rules that were to begin later are taken back.
    pub async fn put_policy_rule(&mut self, new: &PolicyRule) -> Result<()> {
        self.end_policy_rule(new.owner, &new.rule, new.valid_from).await?;
        self.exec(
            "INSERT INTO policy_rule (owner_id, rule, valid_from, valid_to, scope, parameters, decision, decided_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                &new.owner,
                &new.rule,
                new.valid_from,
                new.valid_to,
                new.scope.as_str(),
                &new.parameters,
                &new.decision,
                &new.decided_by
            ],
        )
        .await?;
        self.policy_changed().await
    }

    /// Ends a rule at a moment; one that was to begin then or later is taken back. `false` when there is none.
    pub async fn end_policy_rule(&mut self, owner: OwnerId, rule: &str, at: Timestamp) -> Result<bool> {
        let back = self
            .exec(
                "DELETE FROM policy_rule WHERE owner_id = $1 AND rule = $2 AND valid_from >= $3",
                values![&owner, rule, at],
            )
            .await?;
        let ended = self
            .exec(
                "UPDATE policy_rule SET valid_to = $3 WHERE owner_id = $1 AND rule = $2 \
                 AND (valid_to IS NULL OR valid_to > $3)",
                values![&owner, rule, at],
            )
            .await?;
        self.policy_changed().await?;
        Ok(back + ended > 0)
    }

    /// Grants an exception.
    ///
    /// # Errors
    /// [`Error::Refused`] when it would end before it begins.
    pub async fn put_policy_exception(&mut self, new: &PolicyException) -> Result<()> {
        if new.expires_at <= new.granted_at {
            return Err(Error::Refused("an exception ends after it begins"));
        }
        self.exec(
            "INSERT INTO policy_exception (owner_id, rule, granted_at, expires_at, scope, reason, granted_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner_id, rule, granted_at) DO UPDATE SET \
             expires_at = excluded.expires_at, reason = excluded.reason, granted_by = excluded.granted_by",
            values![
                &new.owner,
                &new.rule,
                new.granted_at,
                new.expires_at,
                new.scope.as_str(),
                &new.reason,
                &new.granted_by
            ],
        )
        .await?;
        self.policy_changed().await
    }

    /// Rules that are in force or will be, in no order that means anything.
    pub async fn policy_rules(&mut self, now: Timestamp) -> Result<Vec<PolicyRule>> {
        let rows = self
            .rows(
                "SELECT owner_id, rule, valid_from, valid_to, scope, parameters, decision, decided_by FROM policy_rule \
                 WHERE valid_to IS NULL OR valid_to > $1 ORDER BY owner_id, rule, valid_from LIMIT $2",
                values![now, RULES_MAX],
            )
            .await?;
        rows.iter().map(rule).collect()
    }

    /// Exceptions that have not expired.
    pub async fn policy_exceptions(&mut self, now: Timestamp) -> Result<Vec<PolicyException>> {
        let rows = self
            .rows(
                "SELECT owner_id, rule, granted_at, expires_at, scope, reason, granted_by FROM policy_exception \
                 WHERE expires_at > $1 ORDER BY owner_id, rule, granted_at LIMIT $2",
                values![now, RULES_MAX],
            )
            .await?;
        rows.iter().map(exception).collect()
    }

    /// Differs after every change of rules and exceptions: one lookup by key.
    pub async fn policy_version(&mut self) -> Result<i64> {
        let value = self.setting(VERSION).await?;
        Ok(value.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes))
    }

    /// Drawn, not counted: two that change at the same moment must not come to the same version.
    async fn policy_changed(&mut self) -> Result<()> {
        let mut next = [0; 8];
        self.shared.chance.fill(&mut next);
        self.set_setting(VERSION, &next).await
    }

    /// Keeps what the rules found out about a letter, in the transaction that takes it in.
    pub async fn put_findings(
        &mut self,
        owner: impl Into<OwnerId>,
        trace: &str,
        findings: &Findings,
        now: Timestamp,
    ) -> Result<()> {
        let owner = owner.into();
        for document in &findings.documents {
            self.put_mail_document(owner, trace, document, now).await?;
        }
        match &findings.policy {
            Some(record) => self.put_policy_letter(owner, trace, record, now).await,
            None => Ok(()),
        }
    }

    /// Keeps what was known of a letter, under the account that sends or receives it, or the house.
    pub async fn put_policy_letter(
        &mut self,
        owner: OwnerId,
        trace: &str,
        record: &mail::PolicyRecord,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO policy_letter (owner_id, at, trace, agency_id, unit_id, outcome, facts) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner_id, at, trace) DO NOTHING",
            values![
                &owner,
                now,
                trace,
                record.agency_id.as_ref(),
                record.unit_id.as_ref(),
                &record.outcome,
                &record.facts
            ],
        )
        .await
        .map(drop)
    }

    async fn put_mail_document(
        &mut self,
        owner: OwnerId,
        trace: &str,
        document: &RecognisedDocument,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO mail_document (owner_id, trace, sha256, symbol, verdict, is_original, reasons, found_at, judged_at, class) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (owner_id, trace, sha256) DO NOTHING",
            values![
                &owner,
                trace,
                &document.sha256,
                &document.symbol,
                document.verdict.as_str(),
                document.is_original,
                &document.reasons.join(" "),
                now,
                document.judged_at,
                &document.class
            ],
        )
        .await
        .map(drop)
    }

    /// The official documents found in a mail.
    pub async fn mail_documents(
        &mut self,
        owner: impl Into<OwnerId>,
        trace: &str,
    ) -> Result<Vec<RecognisedDocument>> {
        let owner = owner.into();
        let rows = self
            .rows(
                "SELECT sha256, symbol, verdict, is_original, reasons, judged_at, class FROM mail_document \
                 WHERE owner_id = $1 AND trace = $2 ORDER BY sha256 LIMIT 100",
                values![&owner, trace],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let sha256 = row.bytes(0)?.try_into().map_err(|_| Error::Damaged("a digest"))?;
                let verdict = mail::DocumentVerdict::of_word(row.str(2)?);
                Ok(RecognisedDocument {
                    sha256,
                    symbol: row.text(1)?,
                    verdict: verdict.ok_or(Error::Damaged("a verdict"))?,
                    class: row.text(6)?,
                    is_original: row.flag(3)?,
                    reasons: row.str(4)?.split_whitespace().map(str::to_owned).collect(),
                    judged_at: row.opt_moment(5)?,
                })
            })
            .collect()
    }

    /// Letters since a moment, oldest first, those after the first `skip`; `limit` at most.
    pub async fn policy_letters(
        &mut self,
        since: Timestamp,
        skip: i64,
        limit: i64,
    ) -> Result<Vec<PolicyLetter>> {
        let rows = self
            .rows(
                "SELECT owner_id, at, agency_id, unit_id, outcome, facts FROM policy_letter WHERE at >= $1 \
                 ORDER BY at, owner_id, trace LIMIT $2 OFFSET $3",
                values![since, limit, skip],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(PolicyLetter {
                    owner: row.id(0)?,
                    at: row.moment(1)?,
                    agency_id: row.opt_id(2)?,
                    unit_id: row.opt_id(3)?,
                    outcome: row.text(4)?,
                    facts: row.text(5)?,
                })
            })
            .collect()
    }

    /// What letters came to since a moment, by agency and unit.
    pub async fn policy_counts(&mut self, since: Timestamp) -> Result<Vec<PolicyCount>> {
        let rows = self
            .rows(
                "SELECT agency_id, unit_id, outcome, COUNT(*) FROM policy_letter WHERE at >= $1 \
                 GROUP BY agency_id, unit_id, outcome ORDER BY agency_id, unit_id, outcome LIMIT 100000",
                values![since],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(PolicyCount {
                    agency_id: row.opt_id(0)?,
                    unit_id: row.opt_id(1)?,
                    outcome: row.text(2)?,
                    letters: row.int(3)?,
                })
            })
            .collect()
    }

    /// Lets go what was known of letters before a moment, `limit` rows at most; answers how many.
    pub async fn drop_policy_letters(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        self.exec(
            "DELETE FROM policy_letter WHERE (owner_id, at, trace) IN \
             (SELECT owner_id, at, trace FROM policy_letter WHERE at < $1 ORDER BY at LIMIT $2)",
            values![before, limit],
        )
        .await
    }

    /// The oldest living account of a person with this folded name (RULES M9).
    pub async fn account_named(&mut self, name_folded: &str) -> Result<Option<Account>> {
        let row = self
            .row(
                "SELECT account_id FROM account WHERE name_folded = $1 AND kind = 'person' AND state <> 'closed' \
                 ORDER BY account_id LIMIT 1",
                values![name_folded],
            )
            .await?;
        match row {
            Some(row) => self.account(row.id(0)?).await,
            None => Ok(None),
        }
    }

    /// Folds names that are not folded yet, `limit` at most; answers how many.
    pub async fn fold_names(&mut self, limit: i64) -> Result<usize> {
        let rows = self
            .rows(
                "SELECT account_id, display_name FROM account WHERE name_folded IS NULL ORDER BY account_id LIMIT $1",
                values![limit],
            )
            .await?;
        for row in &rows {
            let (account_id, name): (AccountId, _) = (row.id(0)?, row.text(1)?);
            self.exec(
                "UPDATE account SET name_folded = $2 WHERE account_id = $1",
                values![&account_id, &mail::text::fold_name(&name)],
            )
            .await?;
        }
        Ok(rows.len())
    }

    /// Accounts that fill up or have stopped to, with what their holders were last warned of (RULES M31): those at `percent` or
    /// more, and those that were warned before. After `after`, by id.
    pub async fn filling_accounts(
        &mut self,
        percent: i64,
        after: AccountId,
        limit: i64,
    ) -> Result<Vec<(Account, i64)>> {
        let rows = self
            .rows(
                "SELECT account_id, quota_warned FROM account WHERE account_id > $1 AND state <> 'closed' \
                 AND (quota_warned > 0 OR used_bytes * 100 >= quota_bytes * $2) ORDER BY account_id LIMIT $3",
                values![&after, percent, limit],
            )
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(account) = self.account(row.id(0)?).await? {
                found.push((account, row.int(1)?));
            }
        }
        Ok(found)
    }

    /// Notes what the holder was warned of; `false` when somebody else did meanwhile.
    pub async fn note_quota_warning(
        &mut self,
        account_id: AccountId,
        was: i64,
        percent: i64,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE account SET quota_warned = $3 WHERE account_id = $1 AND quota_warned = $2",
                values![&account_id, was, percent],
            )
            .await?;
        Ok(touched == 1)
    }
}
