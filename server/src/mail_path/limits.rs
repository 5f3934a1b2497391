//! How much one account, one unit, one agency may send: whoever steals a password shall not get far with it before somebody notices, and a
//! mass mailing by mistake stops early.

use std::sync::Arc;

use mail::{Findings, Letter, Refused};
use store::{Account, AccountKind, SendingLimit, Sent};

use super::{Looked, Stage};
use crate::config::Sending;
use crate::house::House;

/// The stage.
pub(super) struct Limits {
    house: Arc<House>,
}

impl Limits {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn look(&self, letter: &Letter<'_>) -> Result<(), Refused> {
        let Some(account_id) = letter.account else { return Ok(()) };
        let now = self.house.now();
        let usual = self.house.config.sending.clone();
        let held = self.house.store.read((account_id, usual), |tx, (account_id, usual)| {
            Box::pin(async move {
                let Some(account) = tx.account(*account_id).await? else { return Ok(Vec::new()) };
                let mut held = Vec::new();
                for (whose, owner) in WHOSE.into_iter().zip(owners(&account)) {
                    let Some(owner) = owner else { continue };
                    let own = tx.sending_limit(owner, now).await?;
                    let limit = own.map_or_else(|| whose.usual(&account, usual), |own| own.limit);
                    held.push((whose, limit, tx.sent_lately(owner, now).await?));
                }
                Ok::<_, store::Error>(held)
            })
        });
        // A limit that cannot be looked up holds nobody up: the store's trouble will say so itself a moment later.
        let held = held.await.unwrap_or_default();
        let recipients = i64::try_from(letter.recipients.len()).unwrap_or(i64::MAX);
        match held.into_iter().find(|(_, limit, sent)| is_over(*limit, *sent, recipients)) {
            None => Ok(()),
            Some((whose, limit, _)) => {
                tracing::warn!(account = %account_id, whose = whose.word(), "a sending limit is reached");
                Err(refused(whose, limit))
            }
        }
    }
}

impl Stage for Limits {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, _: &'a mut Findings) -> Looked<'a> {
        Box::pin(self.look(letter))
    }
}

/// Whose limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Account,
    Unit,
    Agency,
}

const WHOSE: [Whose; 3] = [Whose::Account, Whose::Unit, Whose::Agency];

/// In the order of [`WHOSE`].
fn owners(account: &Account) -> [Option<mail::OwnerId>; 3] {
    let mut of: Vec<_> = account.sends_for().map(Some).collect();
    if account.unit_id.is_none() {
        of.insert(1, None);
    }
    std::array::from_fn(|n| of.get(n).copied().flatten())
}

impl Whose {
    fn usual(self, account: &Account, usual: &Sending) -> SendingLimit {
        let (messages_per_hour, recipients_per_day) = match (self, account.kind) {
            (Self::Account, AccountKind::Person) => {
                (usual.person_messages_per_hour, usual.person_recipients_per_day)
            }
            (Self::Account, AccountKind::Agency) => {
                (usual.box_messages_per_hour, usual.box_recipients_per_day)
            }
            (Self::Unit, _) => (usual.unit_messages_per_hour, usual.unit_recipients_per_day),
            (Self::Agency, _) => (usual.agency_messages_per_hour, usual.agency_recipients_per_day),
        };
        SendingLimit { messages_per_hour, recipients_per_day }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Unit => "unit",
            Self::Agency => "agency",
        }
    }
}

/// Whether one message more to so many is too much. 0 is no limit.
fn is_over(limit: SendingLimit, sent: Sent, recipients: i64) -> bool {
    let over = |limit: i64, would: i64| limit > 0 && would > limit;
    over(limit.messages_per_hour, sent.messages_in_hour.saturating_add(1))
        || over(limit.recipients_per_day, sent.recipients_in_day.saturating_add(recipients))
}

/// Later, not never: what waits in somebody's outbox goes when there is room again.
fn refused(whose: Whose, limit: SendingLimit) -> Refused {
    let (vi, en) = match whose {
        Whose::Account => ("Hộp thư", "This account"),
        Whose::Unit => ("Đơn vị", "This unit"),
        Whose::Agency => ("Cơ quan", "This agency"),
    };
    let SendingLimit { messages_per_hour: messages, recipients_per_day: recipients } = limit;
    Refused {
        code: 451,
        status: (4, 7, 1),
        name: "sending_limit",
        vi: format!(
            "{vi} đã gửi đủ giới hạn ({messages} thư/giờ, {recipients} người nhận/ngày), xin gửi lại sau"
        ),
        en: format!(
            "{en} has reached its sending limit ({messages} messages an hour, {recipients} recipients a day), try again later"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_limit_is_reached_by_the_next_message_and_zero_is_none() {
        let rows = [
            // messages/h, recipients/d, sent messages, sent recipients, this one's recipients, over
            (10, 100, 9,  0,  1,  false),
            (10, 100, 10, 0,  1,  true),
            (10, 100, 0,  95, 5,  false),
            (10, 100, 0,  95, 6,  true),
            (0,  100, 10_000, 0, 1, false),
            (10, 0,   0,  1_000_000, 5, false),
        ];
        for (messages_per_hour, recipients_per_day, messages_in_hour, recipients_in_day, recipients, over) in rows {
            let limit = SendingLimit { messages_per_hour, recipients_per_day };
            let sent = Sent { messages_in_hour, recipients_in_day };
            assert_eq!(is_over(limit, sent, recipients), over, "{limit:?} {sent:?} {recipients}");
        }
    }
}
