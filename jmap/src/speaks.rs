//! As whom a message is sent (RULES M1, M26).

use std::collections::BTreeSet;

use mail::{AccountId, EmailAddress};
use store::SendsAs;

use crate::envelope::Outgoing;
use crate::identity::Identity;

/// As whom a message is sent.
pub(crate) struct Speaks {
    /// The boxes of agencies that it is from.
    pub(crate) boxes: BTreeSet<AccountId>,
    /// Who it is that sends on behalf of a box, when the message does not say it yet.
    pub(crate) sender: Option<EmailAddress>,
    /// Where its bounces may go: to the account, and to the boxes it may send as.
    pub(crate) paths: Vec<EmailAddress>,
}

impl Speaks {
    /// The same rule as of the submission port (RULES M26): From is one's own or a box's; who sends on behalf of a box is named in
    /// Sender, and nobody else is. `None` when the message does not keep to it.
    pub(crate) fn of(outgoing: &Outgoing, identities: &[Identity]) -> Option<Self> {
        let sends = |address: &EmailAddress| {
            identities.iter().find(|identity| identity.address == *address).map(|identity| identity.sends)
        };
        let from: Vec<SendsAs> = outgoing.authors.iter().map(sends).collect::<Option<_>>()?;
        let is_on_behalf = from.iter().any(|sends| matches!(sends, SendsAs::BoxOnBehalf(_)));
        let own = || identities.iter().find(|identity| identity.sends == SendsAs::Itself);
        let sender = match (&outgoing.sender, is_on_behalf) {
            (None, true) => Some(own()?.address.clone()),
            (None, false) => None,
            (Some(sender), _) => match sends(sender)? {
                SendsAs::Itself => None,
                SendsAs::Box(_) if !is_on_behalf => None,
                SendsAs::Box(_) | SendsAs::BoxOnBehalf(_) => return None,
            },
        };
        let paths = identities.iter().filter(|identity| !matches!(identity.sends, SendsAs::BoxOnBehalf(_)));
        Some(Self {
            boxes: from.into_iter().filter_map(SendsAs::box_id).collect(),
            sender,
            paths: paths.map(|identity| identity.address.clone()).collect(),
        })
    }
}
