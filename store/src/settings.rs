//! Facts about the installation, and leases: who may do what only one may do at a time.

use std::time::Duration;

use mail::Timestamp;

use crate::error::Result;
use crate::sql::values;
use crate::{Backend, Store, Tx};

impl Tx {
    /// A setting's value, if it has been set.
    pub async fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        self.row("SELECT value FROM setting WHERE name = $1", values![name])
            .await?
            .map(|row| row.bytes(0))
            .transpose()
    }

    /// Sets a setting.
    pub async fn set_setting(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.exec(
            "INSERT INTO setting (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            values![name, value],
        )
        .await
        .map(drop)
    }

    /// Takes or prolongs a lease; `false` when somebody else holds it.
    pub async fn take_lease(
        &mut self,
        name: &str,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
                 WHERE lease.holder = excluded.holder OR lease.until <= $4",
                values![name, holder, now.plus(lasts), now],
            )
            .await?;
        Ok(touched == 1)
    }
}

impl Store {
    /// Asks the database a question, for the readiness page.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when it does not answer.
    pub async fn ping(&self) -> Result<()> {
        self.read((), |tx, ()| Box::pin(async move { tx.row("SELECT 1", &[]).await.map(drop) })).await?;
        match &self.backend {
            Backend::Sqlite { writer, .. } if writer.is_closed() => {
                Err(crate::Error::Unavailable("the writer has stopped".to_owned()))
            }
            _ => Ok(()),
        }
    }
}
