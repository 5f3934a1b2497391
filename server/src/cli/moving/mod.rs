//! `congvan import|export`: mailboxes in and out, on the data of a stopped or running server.

mod export;
mod folders;
mod import;
mod marks;
mod mbox;
mod progress;
mod source;

use anyhow::bail;
use clap::ValueEnum;
use mail::{AccountId, EmailAddress};
use store::Resolved;

use crate::house::House;

pub(super) use export::Export;
pub(super) use import::Import;

/// How messages lie in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One file for a folder (mboxrd), or a tree of such files.
    Mbox,
    /// The same; only a line that begins with `From ` is quoted (mboxo).
    Mboxo,
    /// One file for a message, flags in its name, folders as Maildir++.
    Maildir,
    /// One .eml file for a message, in folders.
    Eml,
}

/// The account of an address; also a locked one's mail moves.
async fn account(house: &House, address: &EmailAddress) -> anyhow::Result<AccountId> {
    let resolved = house.store.read((address.clone(), house.now()), |tx, (address, now)| {
        Box::pin(async move { tx.resolve_address(address, *now).await })
    });
    let resolved: Result<_, store::Error> = resolved.await;
    match resolved? {
        Resolved::Here(account) => Ok(account.account_id),
        _ => bail!("{address}: không có hộp thư này / no such mailbox here"),
    }
}

/// A path of mailboxes as people write it: `Lưu trữ/2019`.
fn levels(path: &str) -> Vec<String> {
    path.split('/').filter(|level| !level.is_empty()).map(str::to_owned).collect()
}
