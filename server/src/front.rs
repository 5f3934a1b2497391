//! Who stands behind a front end (XCLIENT): looked at as if they had come themselves.

use std::net::IpAddr;
use std::sync::Arc;

use directory::Said;
use directory::sign_in::{Refusal, SignedIn};
use mail::EmailAddress;
use smtp::Client;
use smtp::codec::table;
use smtp::receive::{Answer, Front, Role};

use crate::config::Config;
use crate::dns::ask::Asker;
use crate::house::House;
use crate::listen::{Admitted, Bounds};
use crate::proxy::Relays;
use crate::reverse_name;

/// The front ends of the house.
pub(crate) struct Fronts {
    pub(crate) networks: Relays,
    takes_login: bool,
}

impl Fronts {
    /// # Errors
    /// A word that is no network.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let networks = Relays::parse("front.xclient_from", &config.front.xclient_from)?;
        Ok(Self { networks, takes_login: config.front.xclient_login })
    }

    /// How far who connects from there is trusted.
    pub(crate) fn trust(&self, ip: IpAddr) -> Front {
        match (self.networks.include(ip), self.takes_login) {
            (false, _) => Front::Nobody,
            (true, false) => Front::Trusted,
            (true, true) => Front::TrustedToSignIn,
        }
    }
}

/// A client that was let in behind a front end.
pub(crate) struct Introduced {
    pub(crate) client: Client,
    /// It counts as long as it is here.
    pub(crate) counted: Admitted,
    pub(crate) signed_in: Option<SignedIn>,
}

/// Lets the client in for whom a front end stands: counts it, looks for its name where nobody has, and for the account of who signed in there.
///
/// # Errors
/// The answer to the front end.
pub(crate) async fn introduce(
    house: &House,
    (role, asker, bounds): (Role, &Asker, &Arc<Bounds>),
    mut client: Client,
    login: Option<EmailAddress>,
) -> Result<Introduced, Answer> {
    let counted = bounds.admit(client.ip.to_canonical());
    let counted = counted.ok_or_else(|| Answer::Refused(table::TOO_MANY_CONNECTIONS.reply()))?;
    if role == Role::Mx && client.iprev.is_none() {
        let found = reverse_name::find(asker, client.ip).await;
        (client.reverse_name, client.iprev) = (found.name, found.verdict);
    }
    let signed_in = match login {
        None => None,
        Some(address) => Some(vouched_for(house, address).await?),
    };
    client.signed_in_as = signed_in.as_ref().map(|signed_in| signed_in.account_id().to_string());
    Ok(Introduced { client, counted, signed_in })
}

async fn vouched_for(house: &House, address: EmailAddress) -> Result<SignedIn, Answer> {
    let found = house.sign_in.vouched_for(&house.store, address, house.now()).await;
    found.map_err(|refusal| {
        Answer::Refused(match &refusal {
            Refusal::Store(error) => {
                tracing::warn!("who signed in at a front end is not known now: {error}");
                table::AUTH_UNAVAILABLE.reply()
            }
            refusal => {
                let said = refusal.said();
                table::NO_FRONT.because(&said.vi, &said.en)
            }
        })
    })
}
