//! What people say about the addresses they send from (RFC 8621 §6). Which addresses those are is not kept here.

use mail::{AccountId, IdentityId};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// Identities that one account may make or change.
const IDENTITIES_MAX: i64 = 200;

/// What is kept of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIdentity {
    /// Its id.
    pub identity_id: IdentityId,
    /// The address of one that was made; empty for the changed identity of an address, which the id says.
    pub email: String,
    /// The name before the address.
    pub name: String,
    /// `replyTo`, as JSON.
    pub reply_to: String,
    /// `bcc`, as JSON.
    pub bcc: String,
    /// Signature of plain texts.
    pub text_signature: String,
    /// Signature of HTML texts.
    pub html_signature: String,
}

fn identity(row: &Row) -> Result<KeptIdentity> {
    Ok(KeptIdentity {
        identity_id: row.id(0)?,
        email: row.text(1)?,
        name: row.text(2)?,
        reply_to: row.text(3)?,
        bcc: row.text(4)?,
        text_signature: row.text(5)?,
        html_signature: row.text(6)?,
    })
}

impl Tx {
    /// Everything kept of an account's identities, in one order.
    pub async fn kept_identities(&mut self, account_id: AccountId) -> Result<Vec<KeptIdentity>> {
        let rows = self
            .rows(
                "SELECT identity_id, email, name, reply_to, bcc, text_signature, html_signature FROM identity \
                 WHERE account_id = $1 ORDER BY identity_id LIMIT $2",
                values![&account_id, IDENTITIES_MAX],
            )
            .await?;
        rows.iter().map(identity).collect()
    }

    /// Keeps an identity as it is now.
    ///
    /// # Errors
    /// [`Error::Full`] when the account has all it may have.
    pub async fn keep_identity(&mut self, account_id: AccountId, kept: &KeptIdentity) -> Result<()> {
        // Whoever changes an account's identities holds its row, so they are counted one after the other.
        self.next_modseq(account_id, 0).await?;
        let others = self.kept_identities(account_id).await?;
        let others = others.iter().filter(|other| other.identity_id != kept.identity_id).count();
        if i64::try_from(others).unwrap_or(i64::MAX) >= IDENTITIES_MAX {
            return Err(Error::Full("the list of identities"));
        }
        self.exec(
            "INSERT INTO identity (account_id, identity_id, email, name, reply_to, bcc, text_signature, html_signature) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id, identity_id) DO UPDATE SET \
             name = excluded.name, reply_to = excluded.reply_to, bcc = excluded.bcc, \
             text_signature = excluded.text_signature, html_signature = excluded.html_signature",
            values![
                &account_id,
                &kept.identity_id,
                &kept.email,
                &kept.name,
                &kept.reply_to,
                &kept.bcc,
                &kept.text_signature,
                &kept.html_signature
            ],
        )
        .await
        .map(drop)
    }

    /// Forgets an identity that was made; `false` when there is none.
    pub async fn forget_identity(&mut self, account_id: AccountId, identity_id: IdentityId) -> Result<bool> {
        self.next_modseq(account_id, 0).await?;
        let gone = self
            .exec(
                "DELETE FROM identity WHERE account_id = $1 AND identity_id = $2 AND email <> ''",
                values![&account_id, &identity_id],
            )
            .await?;
        Ok(gone == 1)
    }
}
