//! SASL at the doors that speak it: `directory` judges, this knows the connection.

use std::net::IpAddr;

use directory::sasl::{Channel, Exchange, Failure, Issuer, Means, Mechanism, Step};
use directory::sign_in::{HashWork, Refusal};
use directory::standing::Standing;
use mail::Secret;

use crate::external;
use crate::house::House;
use crate::wire::Wire;

/// The mechanisms that are offered inside TLS, best first.
pub(crate) fn offered(house: &House) -> Vec<&'static str> {
    let works = |mechanism: &Mechanism| match mechanism {
        Mechanism::External => external::is_offered(&house.config),
        other => house.single_sign_on.is_some() || !other.takes_tokens(),
    };
    Mechanism::ALL.into_iter().filter(works).map(Mechanism::name).collect()
}

/// What a step of a sign-in came to.
pub(crate) enum Outcome {
    /// Say this, and hand in the answer.
    Challenge(Vec<u8>),
    /// Let in.
    SignedIn(Standing),
    /// The client's message is none of the mechanism's.
    NotUnderstood,
    /// Let in nowhere before the password is changed, which a mail door cannot offer (RULES M25).
    MustChangePassword,
    /// Not let in.
    Refused(Refusal),
}

/// Somebody signing in over one connection.
pub(crate) struct SigningIn {
    exchange: Exchange,
}

impl SigningIn {
    /// Begins; `None` for a mechanism that is not offered.
    pub(crate) fn begin(
        mechanism: &str,
        source: IpAddr,
        wire: &Wire,
        end_point: Option<&[u8]>,
    ) -> Option<Self> {
        let mechanism = Mechanism::from_name(mechanism)?;
        let certificate = wire.client_certificate().filter(|_| mechanism == Mechanism::External);
        let channel = Channel {
            source,
            exporter: wire.exporter(),
            end_point: end_point.map(<[u8]>::to_vec),
            holder: certificate.and_then(external::holder),
        };
        let exchange = Exchange::begin(mechanism, channel);
        Some(Self { exchange })
    }

    /// The client's first message; without one it is asked for it.
    pub(crate) async fn first(&mut self, house: &House, initial: Option<Secret<Vec<u8>>>) -> Outcome {
        match initial {
            Some(message) => self.step(house, message).await,
            None => Outcome::Challenge(self.exchange.first_challenge()),
        }
    }

    /// The client's next message.
    pub(crate) async fn step(&mut self, house: &House, message: Secret<Vec<u8>>) -> Outcome {
        let sso = house.single_sign_on.as_ref();
        let keys = match sso {
            Some(sso) if self.exchange.takes_tokens() => sso.keys(house.now()).await,
            _ => None,
        };
        let means = Means {
            door: &house.sign_in,
            store: &house.store,
            chance: &*house.chance,
            now: house.now(),
            issuer: sso.zip(keys.as_deref()).map(|(sso, keys)| Issuer { keys, rules: &sso.rules }),
        };
        let blocking = async |work: HashWork| tokio::task::spawn_blocking(|| work.run()).await.ok();
        match self.exchange.step(&means, message, blocking).await {
            Ok(Step::Challenge(challenge)) => Outcome::Challenge(challenge),
            Ok(Step::SignedIn(person)) if person.must_change_password() => Outcome::MustChangePassword,
            Ok(Step::SignedIn(person)) => Outcome::SignedIn(person.standing()),
            Err(Failure::NotUnderstood) => Outcome::NotUnderstood,
            Err(Failure::Refused(refusal)) => Outcome::Refused(refusal),
        }
    }
}
