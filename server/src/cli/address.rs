//! `congvan address move`: an address that has changed after a reorganisation (RULES M5).

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use directory::mail_policy;
use mail::{EmailAddress, Timestamp};
use store::{MOVED_TERM_MONTHS, NewMove};

use super::delegate::until;
use super::provision::tell;
use super::{ACTOR, Outcome, files, on_data};

/// A month of the term, on average.
const MONTH: Duration = Duration::from_secs(365 * 24 * 3_600 / 12);

#[derive(Subcommand)]
pub(super) enum AddressCommand {
    /// Đổi địa chỉ; thư tới địa chỉ cũ còn được chuyển. / Give an address a new one; mail for the old one is passed on for a term.
    Move(Move),
}

#[derive(Args)]
pub(super) struct Move {
    /// The old address, somebody's here.
    old: EmailAddress,
    /// The new one: in a domain of this house it becomes the mailbox's own.
    new: EmailAddress,
    /// The last day that mail is passed on, yyyy-MM-dd, or a moment; otherwise in 24 months.
    #[arg(long, value_parser = until)]
    until: Option<Timestamp>,
    /// The decision it rests on.
    #[arg(long)]
    decision: String,
}

impl AddressCommand {
    /// Exit 0; 3 when it was refused.
    pub(super) fn run(self, file: &Path) -> Outcome {
        let Self::Move(moves) = self;
        on_data(file, |house| async move {
            let now = house.now();
            let (old, to) = (files::plain(&moves.old.to_string()), files::plain(&moves.new.to_string()));
            let asked =
                house.store.read(now, |tx, now| Box::pin(async move { mail_policy::load(tx, *now).await }));
            let loaded: Result<_, store::Error> = asked.await;
            // Not even an operator has the mail of an office follow somebody into a free mailbox (RULES M7, M8).
            anyhow::ensure!(
                !loaded?.1.is_free_mail(moves.new.domain(), now),
                "address.free_mail: official mail is not passed on to a free mailbox (không chuyển tiếp tới hộp thư miễn phí)"
            );
            let until = moves.until.unwrap_or_else(|| now.plus(MONTH * MOVED_TERM_MONTHS));
            let new = NewMove { from: moves.old, to: moves.new, until, decision: moves.decision };
            let moved: Result<(), store::Error> = house
                .store
                .write("move an address", new, move |tx, new| {
                    Box::pin(async move { tx.move_address(new, ACTOR, now).await })
                })
                .await;
            moved.map_err(said)?;
            let until = until.to_rfc3339_vietnam();
            tell(
                &format!("Địa chỉ {old} đã đổi thành {to}; thư tới địa chỉ cũ được chuyển đến {until}."),
                &format!("{old} has become {to}; mail for the old address is passed on until {until}."),
            );
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// The store's refusals with a code, and in both languages.
fn said(error: store::Error) -> anyhow::Error {
    match error {
        store::Error::NotFound(_) => {
            anyhow::anyhow!("address.unknown: nobody has the old address now (không ai có địa chỉ cũ)")
        }
        store::Error::Refused(why) => anyhow::anyhow!("address.refused: {why} (không được chấp nhận)"),
        error => error.into(),
    }
}
