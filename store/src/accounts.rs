//! Mailbox accounts and the addresses that lead to them.

use mail::{AccountId, AgencyId, EmailAddress, ModSeq, Secret, Timestamp, UnitId};

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Signal, Tx};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word the database and the interfaces know it by.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(word: &str) -> $crate::Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::Error::Refused($what)),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Whose mailbox it is (RULES M1).
    AccountKind, "account kind is person or agency" {
        /// Of one person.
        Person = "person",
        /// Of an agency or unit; delegates act in it, each under their own name.
        Agency = "agency",
    }
}

words! {
    /// What its holder may do (RULES A21).
    Role, "role is clerk, leader, staff or admin" {
        /// Văn thư: registers, seals, sends and receives documents.
        Clerk = "clerk",
        /// Lãnh đạo: signs.
        Leader = "leader",
        /// Chuyên viên: reads and writes mail.
        Staff = "staff",
        /// Quản trị: provisions; reads nobody's content.
        Admin = "admin",
    }
}

words! {
    /// Where an account is in its life (RULES M20).
    AccountState, "account state" {
        /// In use.
        Active = "active",
        /// On leave, under discipline or seconded: mail arrives, nobody signs in.
        Suspended = "suspended",
        /// On the way out: mail still arrives, nobody signs in.
        Locked = "locked",
        /// Gone: its addresses answer 5.1.6 and are never given away (RULES M23).
        Closed = "closed",
    }
}

/// An account to add.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub account_id: AccountId,
    /// Its agency.
    pub agency_id: AgencyId,
    /// Its unit, if any.
    pub unit_id: Option<UnitId>,
    /// Whose it is.
    pub kind: AccountKind,
    /// What its holder may do.
    pub role: Role,
    /// Name in Vietnamese, NFC (RULES M4).
    pub display_name: String,
    /// Office held (chức vụ), or empty.
    pub position: String,
    /// Argon2id in PHC form; `None` forbids signing in.
    pub password_hash: Option<Secret<String>>,
    /// The first sign-in must change the password (RULES M25).
    pub must_change_password: bool,
    /// Bytes it may hold.
    pub quota_bytes: i64,
    /// Its first address.
    pub address: EmailAddress,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Its agency.
    pub agency_id: AgencyId,
    /// Its unit, if any.
    pub unit_id: Option<UnitId>,
    /// Whose it is.
    pub kind: AccountKind,
    /// What its holder may do.
    pub role: Role,
    /// Where it is in its life.
    pub state: AccountState,
    /// Name in Vietnamese.
    pub display_name: String,
    /// Office held, or empty.
    pub position: String,
    /// Argon2id in PHC form.
    pub password_hash: Option<Secret<String>>,
    /// The first sign-in must change the password.
    pub must_change_password: bool,
    /// The change counter.
    pub modseq: ModSeq,
    /// Bytes it may hold.
    pub quota_bytes: i64,
    /// Bytes it holds.
    pub used_bytes: i64,
}

/// An address and where it leads.
#[derive(Clone, Debug)]
pub struct Address {
    /// In the spelling it was given.
    pub address: EmailAddress,
    /// To which account.
    pub account_id: AccountId,
    /// Whether it is the account's first address.
    pub is_primary: bool,
    /// From when it leads there.
    pub valid_from: Timestamp,
    /// When it stopped leading there (RULES M5, M23).
    pub valid_to: Option<Timestamp>,
    /// Where it has moved to (RULES M5).
    pub moved_to: Option<EmailAddress>,
}

impl Address {
    /// Whether it leads to its account now.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_from <= now && self.valid_to.is_none_or(|end| end > now)
    }
}

macro_rules! select_account {
    ($tail:literal) => {
        concat!(
            "SELECT account_id, agency_id, unit_id, kind, role, state, display_name, position, password_hash, \
             must_change_password, modseq, quota_bytes, used_bytes FROM account WHERE ",
            $tail
        )
    };
}

fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        account_id: row.id(0)?,
        agency_id: row.id(1)?,
        unit_id: row.opt_id(2)?,
        kind: row.text(3)?.parse()?,
        role: row.text(4)?.parse()?,
        state: row.text(5)?.parse()?,
        display_name: row.text(6)?,
        position: row.text(7)?,
        password_hash: row.opt_text(8)?.map(Secret::new),
        must_change_password: row.flag(9)?,
        modseq: row.modseq(10)?,
        quota_bytes: row.int(11)?,
        used_bytes: row.int(12)?,
    })
}

impl Tx {
    /// Adds an account with its first address and no mailboxes.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken, now or ever (RULES M23).
    pub async fn add_account(&mut self, new: &NewAccount, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO account (account_id, agency_id, unit_id, kind, role, state, display_name, position, \
             password_hash, must_change_password, modseq, quota_bytes, used_bytes, legal_hold, created_at, changed_at, name_folded) \
             VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, $9, 1, $10, 0, 0, $11, $11, $12)",
            values![
                &new.account_id,
                &new.agency_id,
                new.unit_id.as_ref(),
                new.kind.as_str(),
                new.role.as_str(),
                &new.display_name,
                &new.position,
                new.password_hash.as_ref().map(|hash| hash.expose_secret().as_str()),
                new.must_change_password,
                new.quota_bytes,
                now,
                &mail::text::fold_name(&new.display_name)
            ],
        )
        .await?;
        self.put_address(new.account_id, &new.address, "primary", now).await
    }

    /// Adds a further address that leads to an account.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken, now or ever.
    pub async fn add_alias(
        &mut self,
        account_id: AccountId,
        alias: &EmailAddress,
        now: Timestamp,
    ) -> Result<()> {
        self.put_address(account_id, alias, "alias", now).await
    }

    /// `account_id` is a list's when it is a list's address.
    pub(crate) async fn put_address(
        &mut self,
        account_id: AccountId,
        address: &EmailAddress,
        kind: &str,
        now: Timestamp,
    ) -> Result<()> {
        // Asked first: on PostgreSQL a violated key would end the whole transaction.
        if self.address(address).await?.is_some() {
            return Err(Error::Conflict(format!("address {address}")));
        }
        self.exec(
            "INSERT INTO address (address_folded, address, account_id, kind, valid_from) VALUES ($1, $2, $3, $4, $5)",
            values![&address.folded(), &address.to_string(), &account_id, kind, now],
        )
        .await
        .map(drop)
    }

    /// Where an address leads, closed ones included.
    pub async fn address(&mut self, address: &EmailAddress) -> Result<Option<Address>> {
        let row = self
            .row(
                "SELECT address, account_id, kind, valid_from, valid_to, moved_to FROM address WHERE address_folded = $1",
                values![&address.folded()],
            )
            .await?;
        row.as_ref().map(read_address).transpose()
    }

    /// The addresses of an account, the first one first.
    pub async fn addresses(&mut self, account_id: AccountId) -> Result<Vec<Address>> {
        let rows = self
            .rows(
                "SELECT address, account_id, kind, valid_from, valid_to, moved_to FROM address WHERE account_id = $1 \
                 ORDER BY kind DESC, valid_from LIMIT 1000",
                values![&account_id],
            )
            .await?;
        rows.iter().map(read_address).collect()
    }

    /// An account by its id.
    pub async fn account(&mut self, account_id: AccountId) -> Result<Option<Account>> {
        self.row(select_account!("account_id = $1"), values![&account_id])
            .await?
            .as_ref()
            .map(account)
            .transpose()
    }

    /// An account by an address that leads to it now.
    pub async fn account_at(&mut self, address: &EmailAddress, now: Timestamp) -> Result<Option<Account>> {
        match self.address(address).await? {
            Some(found) if found.is_valid(now) => self.account(found.account_id).await,
            _ => Ok(None),
        }
    }

    /// The accounts of an agency with a role, oldest first, `limit` at most.
    pub async fn accounts_with_role(
        &mut self,
        agency_id: AgencyId,
        role: Role,
        limit: i64,
    ) -> Result<Vec<Account>> {
        let rows = self
            .rows(
                select_account!(
                    "agency_id = $1 AND role = $2 AND state = 'active' ORDER BY account_id LIMIT $3"
                ),
                values![&agency_id, role.as_str(), limit],
            )
            .await?;
        rows.iter().map(account).collect()
    }

    /// The accounts of an agency in every state, oldest first, `limit` at most, those after `after`.
    pub async fn accounts_of(
        &mut self,
        agency_id: AgencyId,
        after: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<Account>> {
        let after = after.unwrap_or(AccountId::from_bytes([0; 16]));
        let rows = self
            .rows(
                select_account!("agency_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $3"),
                values![&agency_id, &after, limit],
            )
            .await?;
        rows.iter().map(account).collect()
    }

    /// What SCRAM checks a proof of the account's password against, if there is something.
    pub async fn scram_verifier(&mut self, account_id: AccountId) -> Result<Option<Secret<String>>> {
        let row = self
            .row("SELECT verifier FROM account_scram WHERE account_id = $1", values![&account_id])
            .await?;
        let Some(row) = row else { return Ok(None) };
        let opened = self.shared.keyring.open_secret(row.bytes(0)?, &scram_context(account_id))?;
        String::from_utf8(opened)
            .map(|text| Some(Secret::new(text)))
            .map_err(|_| Error::Damaged("a verifier"))
    }

    /// Keeps what SCRAM checks a proof against, with the password it was made of.
    pub async fn set_scram_verifier(
        &mut self,
        account_id: AccountId,
        verifier: &Secret<String>,
    ) -> Result<()> {
        let plain = verifier.expose_secret().clone().into_bytes();
        let (keys, chance) = (&self.shared.keyring, &*self.shared.chance);
        let sealed = keys.seal_secret(plain, &scram_context(account_id), chance);
        self.exec(
            "INSERT INTO account_scram (account_id, verifier) VALUES ($1, $2) \
             ON CONFLICT (account_id) DO UPDATE SET verifier = excluded.verifier",
            values![&account_id, &sealed],
        )
        .await
        .map(drop)
    }

    /// Sets the password's hash. The SCRAM verifier of the old password goes, and the push subscriptions that were made with it.
    pub async fn set_password_hash(
        &mut self,
        account_id: AccountId,
        hash: &Secret<String>,
        must_change: bool,
        now: Timestamp,
    ) -> Result<()> {
        self.exec("DELETE FROM account_scram WHERE account_id = $1", values![&account_id]).await?;
        let touched = self
            .exec(
                "UPDATE account SET password_hash = $2, must_change_password = $3, changed_at = $4 WHERE account_id = $1",
                values![&account_id, hash.expose_secret().as_str(), must_change, now],
            )
            .await?;
        self.remove_pushes(account_id, now).await?;
        if touched == 1 { Ok(()) } else { Err(Error::NotFound("the account")) }
    }

    /// Moves an account on in its life.
    pub async fn set_account_state(
        &mut self,
        account_id: AccountId,
        state: AccountState,
        now: Timestamp,
    ) -> Result<()> {
        let touched = self
            .exec(
                "UPDATE account SET state = $2, changed_at = $3 WHERE account_id = $1",
                values![&account_id, state.as_str(), now],
            )
            .await?;
        if touched == 1 { Ok(()) } else { Err(Error::NotFound("the account")) }
    }

    /// The next value of the account's change counter. Whoever takes it holds the account's row until the commit, so
    /// changes of one account have one order.
    pub(crate) async fn next_modseq(&mut self, account_id: AccountId, added_bytes: i64) -> Result<ModSeq> {
        let row = self
            .row(
                "UPDATE account SET modseq = modseq + 1, used_bytes = used_bytes + $2 WHERE account_id = $1 \
                 RETURNING modseq, push_subscriptions",
                values![&account_id, added_bytes],
            )
            .await?
            .ok_or(Error::NotFound("the account"))?;
        self.signals.insert(Signal::Account(account_id));
        if row.int(1)? > 0 {
            self.signals.insert(Signal::Push(account_id));
        }
        row.modseq(0)
    }

    /// The account's change counter: the state of all its JMAP types.
    pub async fn modseq(&mut self, account_id: AccountId) -> Result<ModSeq> {
        let row = self.row("SELECT modseq FROM account WHERE account_id = $1", values![&account_id]).await?;
        row.ok_or(Error::NotFound("the account"))?.modseq(0)
    }
}

/// A sealed verifier opens in its own place only.
fn scram_context(account_id: AccountId) -> Vec<u8> {
    [b"scram".as_slice(), account_id.as_bytes()].concat()
}

fn read_address(row: &Row) -> Result<Address> {
    let moved_to = row.opt_text(5)?.map(|address| address.parse());
    Ok(Address {
        address: row.text(0)?.parse().map_err(|_| Error::Damaged("an address"))?,
        account_id: row.id(1)?,
        is_primary: row.text(2)? == "primary",
        valid_from: row.moment(3)?,
        valid_to: row.opt_moment(4)?,
        moved_to: moved_to.transpose().map_err(|_| Error::Damaged("an address"))?,
    })
}
