//! The consistency checker: counts what is counted once more, opens what is sealed, and names what is not as it must be.
//!
//! It only reads. Each owner is looked at on one view of the data, so a house at work is checked as well as one that sleeps; memory does
//! not grow with the data.

mod checks;
mod files;

use mail::envelope::OutboundMail;
use mail::{OwnerId, Timestamp};

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Store, Tx};
use checks::{Check, OF_ACCOUNTS, OF_OWNERS, OF_THE_HOUSE};

/// Owners named at a time.
const OWNERS: i64 = 200;
/// Rows of the outbox looked at in one transaction.
const ROWS: i64 = 500;

/// Something that must not be: a stable code, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code; it never changes its meaning.
    pub code: &'static str,
    /// In Vietnamese.
    pub vi: &'static str,
    /// In English.
    pub en: &'static str,
}

/// A fault, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// Whose: an account, an agency, or zeroes for the house.
    pub owner: OwnerId,
    /// Of what: an id.
    pub subject: String,
    /// What stands there.
    pub found: i64,
    /// What should.
    pub expected: i64,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Owners of blobs, accounts among them.
    pub owners: u64,
    /// Blobs that were opened.
    pub blobs_opened: u64,
    /// Files of large blobs.
    pub files: u64,
    /// Rows of the outbox.
    pub outbox: u64,
}

const OUTBOX_PAYLOAD: Fault = Fault {
    code: "outbox-payload",
    vi: "Mục của hàng đợi gửi không đọc được.",
    en: "A row of the outbox cannot be read.",
};

/// Everybody who owns something, in order, a page at a time.
const OWNER_PAGE: &str = "SELECT id FROM (\
    SELECT id FROM (SELECT account_id AS id FROM account WHERE account_id > $1 ORDER BY account_id LIMIT 200) a \
    UNION SELECT id FROM (SELECT DISTINCT owner_id AS id FROM blob WHERE owner_id > $1 ORDER BY owner_id LIMIT 200) b \
    UNION SELECT id FROM (SELECT DISTINCT owner_id AS id FROM blob_bytes WHERE owner_id > $1 ORDER BY owner_id LIMIT 200) y \
    UNION SELECT id FROM (SELECT DISTINCT owner_id AS id FROM outbox WHERE owner_id > $1 ORDER BY owner_id LIMIT 200) x \
    UNION SELECT id FROM (SELECT DISTINCT agency_id AS id FROM document WHERE agency_id > $1 ORDER BY agency_id LIMIT 200) d \
    UNION SELECT id FROM (SELECT DISTINCT agency_id AS id FROM exchange_fact WHERE agency_id > $1 ORDER BY agency_id LIMIT 200) f \
    ) o ORDER BY id LIMIT $2";

impl Store {
    /// Looks at everything that is kept, and tells what is not as it must be. `all` opens every blob; otherwise one in sixteen.
    ///
    /// # Errors
    /// The store's own trouble: then nothing is known.
    pub async fn examine(
        &self,
        all: bool,
        now: Timestamp,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<Examined> {
        let mut examined = Examined::default();
        for finding in self.read((), |tx, ()| Box::pin(tx.examine_house())).await? {
            tell(finding);
        }
        self.examine_outbox(&mut examined, tell).await?;
        let mut after: Option<OwnerId> = None;
        loop {
            // Zeroes own something too, and come before everything.
            let owners: Vec<OwnerId> = match after {
                None => vec![crate::NOBODY],
                Some(after) => self.read(after, |tx, after| Box::pin(tx.owners_after(*after))).await?,
            };
            let Some(last) = owners.last() else { break };
            after = Some(*last);
            for owner in owners {
                let found = self.read(owner, |tx, owner| Box::pin(tx.examine_owner(*owner))).await?;
                found.into_iter().for_each(&mut *tell);
                self.examine_blobs(owner, all, &mut examined, tell).await?;
                examined.owners += 1;
            }
        }
        self.examine_files(now, &mut examined, tell).await?;
        Ok(examined)
    }

    /// Every row of the outbox is one that its carrier can read.
    async fn examine_outbox(
        &self,
        examined: &mut Examined,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<()> {
        let mut after = vec![0; 16];
        loop {
            let page = self
                .read(after.clone(), |tx, after| {
                    Box::pin(async move {
                        let rows = tx
                            .rows(
                                "SELECT outbox_id, owner_id, kind, destination, payload FROM outbox WHERE outbox_id > $1 \
                                 ORDER BY outbox_id LIMIT $2",
                                values![after, ROWS],
                            )
                            .await?;
                        let read = |row: &Row| Ok((row.bytes(0)?, row.id(1)?, fits(row)?));
                        rows.iter().map(read).collect::<Result<Vec<_>>>()
                    })
                })
                .await?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for (id, owner, fits) in page {
                examined.outbox += 1;
                if !fits {
                    let subject = hex(&id);
                    tell(Finding { fault: OUTBOX_PAYLOAD, owner, subject, found: 0, expected: 1 });
                }
            }
        }
    }
}

/// Whether a row's payload is one that its kind's carrier can read, and leads where the row says.
fn fits(row: &Row) -> Result<bool> {
    let (kind, destination, payload) = (row.text(2)?, row.text(3)?, row.text(4)?);
    if kind == "package" {
        return Ok(serde_json::from_str::<serde_json::Value>(&payload).is_ok());
    }
    let Ok(mail) = serde_json::from_str::<OutboundMail>(&payload) else { return Ok(false) };
    let leads_there = mail.recipients.iter().all(|recipient| {
        kind != "local" || recipient.local_account.is_none_or(|account| account.to_string() == destination)
    });
    Ok(leads_there && !mail.recipients.is_empty())
}

impl Tx {
    async fn owners_after(&mut self, after: OwnerId) -> Result<Vec<OwnerId>> {
        let rows = self.rows(OWNER_PAGE, values![&after, OWNERS]).await?;
        rows.iter().map(|row| row.id(0)).collect()
    }

    async fn examine_house(&mut self) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        for check in &OF_THE_HOUSE {
            let rows = self.rows(check.sql, &[]).await?;
            take(check, crate::NOBODY, &rows, &mut found)?;
        }
        Ok(found)
    }

    async fn examine_owner(&mut self, owner: OwnerId) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        // An owner without an account has no rows there, and nothing is found.
        for check in OF_OWNERS.iter().chain(&OF_ACCOUNTS) {
            let rows = self.rows(check.sql, values![&owner]).await?;
            take(check, owner, &rows, &mut found)?;
        }
        Ok(found)
    }

    /// Since when the oldest row that may go waits for somebody to carry it, and the newest moment that anything was written at.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn vital_signs(&mut self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
        let waits = self
            .row(
                "SELECT MIN(due_at) FROM outbox WHERE is_held = 0 AND due_at <= $1 AND lease_until <= $1",
                values![now],
            )
            .await?;
        let newest = self
            .row(
                "SELECT MAX(at) FROM (SELECT at FROM (SELECT at FROM mail_trace ORDER BY seq DESC LIMIT 100) t \
                 UNION ALL SELECT signed_at FROM (SELECT signed_at FROM ledger_checkpoint ORDER BY tree_size DESC LIMIT 1) c \
                 UNION ALL SELECT applied_at FROM migration) m",
                &[],
            )
            .await?;
        let moment = |row: Option<Row>| row.map(|row| row.opt_moment(0)).transpose().map(Option::flatten);
        Ok((moment(waits)?, moment(newest)?))
    }
}

fn take(check: &Check, owner: OwnerId, rows: &[Row], found: &mut Vec<Finding>) -> Result<()> {
    for row in rows {
        found.push(Finding {
            fault: check.fault,
            owner,
            subject: hex(&row.bytes(0)?),
            found: row.int(1)?,
            expected: row.int(2)?,
        });
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every fault that can be found, for documents and tests.
pub fn faults() -> Vec<Fault> {
    let checks = OF_THE_HOUSE.iter().chain(&OF_OWNERS).chain(&OF_ACCOUNTS).map(|check| check.fault);
    checks.chain([OUTBOX_PAYLOAD]).chain(files::FAULTS).collect()
}

/// The schema's number: what the database has, and what this program makes. Reads only, and opens nothing else.
///
/// # Errors
/// [`Error::Unavailable`] when the database cannot be reached.
pub async fn schema(place: &crate::Place) -> Result<(i64, i64)> {
    use sqlx::ConnectOptions;
    let (sql, newest) = ("SELECT COALESCE(MAX(number), 0) FROM migration", crate::migrate::newest());
    let have = match place {
        crate::Place::Sqlite(file) => {
            let conn = crate::sqlite::open_to_read(file, std::time::Duration::from_secs(5))?;
            conn.query_one(sql, [], |row| row.get::<_, i64>(0))?
        }
        crate::Place::Postgres(url) => {
            let options: sqlx::postgres::PgConnectOptions = url.expose_secret().parse()?;
            let mut conn = options.connect().await?;
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut conn).await?
        }
    };
    Ok::<_, Error>((have, newest))
}
