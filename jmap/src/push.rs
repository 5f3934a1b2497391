//! News for clients that wait for it (RFC 8620 §7): which types of data changed, told as `StateChange`. The ways it is told are
//! server-sent events (§7.3, here), a WebSocket ([`crate::websocket`]) and pushes to an address of the client's ([`crate::subscription`]).
//!
//! The program owns the stream and the timers; here is what they say. It waits for news of the account ([`store::Store::watch`]),
//! asks [`Api::news`], and sends the [`Event`] that comes out.

use std::time::Duration;

use mail::{AccountId, ModSeq};
use serde_json::{Map, Value, json};
use store::{Changing, Tx};

use crate::args::{read_state, state};
use crate::{Api, Caller, Error};

/// What has to have changed for a type to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Anything of this type.
    Any(Changing),
    /// A message came (RFC 8621 §1.5): that one was read is no news to who shows notifications.
    Delivery,
}

/// The types of data there is news of (RFC 8620 §7.1, RFC 8621 §1.5); at most 32, see [`Types`].
const TYPES: [(&str, What); 5] = [
    ("Email", What::Any(Changing::Email)),
    ("Mailbox", What::Any(Changing::Mailbox)),
    ("Thread", What::Any(Changing::Thread)),
    ("EmailSubmission", What::Any(Changing::Submission)),
    ("EmailDelivery", What::Delivery),
];

/// How often a client may be pinged at most: more is load without use.
const PING_MIN: Duration = Duration::from_secs(5);
/// And at least: proxies forget idle streams after some minutes.
const PING_MAX: Duration = Duration::from_secs(900);

/// Which types of data a client wants news of: a bit for each row of the table. Ten thousand idle streams hold one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u32);

impl Types {
    /// All there are.
    pub fn all() -> Self {
        Self::named(TYPES.iter().map(|(name, _)| *name))
    }

    /// Those of these names. Types that this server does not have are left out: a client may ask for all it knows.
    pub fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let bit = |name: &str| TYPES.iter().position(|(known, _)| *known == name).map_or(0, |at| 1 << at);
        Self(names.into_iter().map(bit).fold(0, |all, bit| all | bit))
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.rows().map(|(name, _)| name)
    }

    fn rows(self) -> impl Iterator<Item = (&'static str, What)> {
        TYPES.into_iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, row)| row)
    }
}

/// Which of some types changed after a state, and the state it is now.
///
/// # Errors
/// [`store::Error::NotFound`] when the account is gone.
pub async fn changed(
    tx: &mut Tx,
    account_id: AccountId,
    types: Types,
    since: ModSeq,
) -> Result<(ModSeq, Vec<&'static str>), store::Error> {
    let now = tx.modseq(account_id).await?;
    let mut changed = Vec::new();
    if now > since {
        for (name, what) in types.rows() {
            let is_changed = match what {
                What::Delivery => tx.has_new_email(account_id, since).await?,
                What::Any(what) => {
                    let changes = tx.changes(account_id, what, since, 1).await?;
                    // What came and went again is news, too: a client that asks finds nothing.
                    !changes.created.is_empty()
                        || !changes.updated.is_empty()
                        || !changes.destroyed.is_empty()
                        || changes.has_more
                }
            };
            if is_changed {
                changed.push(name);
            }
        }
    }
    Ok((now, changed))
}

/// `StateChange` (RFC 8620 §7.1): which types of an account have another state now.
pub fn state_change(account_id: AccountId, changed: &[&'static str], now: ModSeq) -> Value {
    let types: Map<String, Value> =
        changed.iter().map(|name| ((*name).to_owned(), json!(state(now)))).collect();
    json!({ "@type": "StateChange", "changed": { account_id.to_string(): types } })
}

/// The last event of a stream whose client may not stay: why, as a stable code and in words. The standard has no such event; a client that does not
/// know it connects again, and hears the same at the door.
pub fn over_event(code: &str, words: &str) -> Event {
    let data = json!({ "type": code, "detail": words });
    Event { text: format!("event: over\ndata: {data}\n\n"), is_last: true }
}

/// One client's stream.
#[derive(Clone, Debug)]
pub struct EventSource {
    account_id: AccountId,
    types: Types,
    closes_after_state: bool,
    ping: Option<Duration>,
    /// Everything up to here has been told.
    last: ModSeq,
}

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event as it goes into the stream, with the empty line after it.
    pub text: String,
    /// Whether the stream ends with it.
    pub is_last: bool,
}

impl EventSource {
    /// Whose news it waits for.
    pub fn account_id(&self) -> AccountId {
        self.account_id
    }

    /// How often to send [`EventSource::ping_event`] when nothing else was sent; `None` is never.
    pub fn ping(&self) -> Option<Duration> {
        self.ping
    }

    /// The event of a ping (RFC 8620 §7.3).
    pub fn ping_event(&self) -> Event {
        let seconds = self.ping.map_or(0, |ping| ping.as_secs());
        Event { text: format!("event: ping\ndata: {{\"interval\":{seconds}}}\n\n"), is_last: false }
    }

    /// The event that says which types changed on the way to a state; `None` when none of those the client asked for
    /// did.
    fn state_change(&mut self, changed: &[&'static str], now: ModSeq) -> Option<Event> {
        self.last = now;
        if changed.is_empty() {
            return None;
        }
        let data = state_change(self.account_id, changed, now);
        Some(Event {
            text: format!("event: state\nid: {}\ndata: {data}\n\n", state(now)),
            is_last: self.closes_after_state,
        })
    }
}

impl Api {
    /// Opens a stream. `types`, `close_after` and `ping` come from the URL; `last_event_id` from the header of that name,
    /// when the client comes back after its stream broke: it is then told at once what it missed.
    ///
    /// # Errors
    /// [`Error::InvalidArguments`] when one of them is none.
    pub async fn event_source(
        &self,
        caller: &Caller,
        types: &str,
        close_after: &str,
        ping: &str,
        last_event_id: Option<&str>,
    ) -> Result<EventSource, Error> {
        let wrong = |name: &str| Error::InvalidArguments(format!("`{name}` is not what RFC 8620 §7.3 says"));
        let types = match types {
            "*" => Types::all(),
            _ => Types::named(types.split(',').take(64)),
        };
        let closes_after_state = match close_after {
            "state" => true,
            "no" => false,
            _ => return Err(wrong("closeafter")),
        };
        let ping = match ping.parse::<u32>().map_err(|_| wrong("ping"))? {
            0 => None,
            seconds => Some(Duration::from_secs(seconds.into()).clamp(PING_MIN, PING_MAX)),
        };
        let last = self.told_until(caller, last_event_id).await?;
        Ok(EventSource { account_id: caller.account_id, types, closes_after_state, ping, last })
    }

    /// From which state on a client has to be told: the one it names, or the present one.
    pub(crate) async fn told_until(&self, caller: &Caller, named: Option<&str>) -> Result<ModSeq, Error> {
        let account_id = caller.account_id;
        let now = self.store.read((), |tx, ()| Box::pin(async move { tx.modseq(account_id).await })).await?;
        Ok(named.and_then(read_state).filter(|last| *last <= now).unwrap_or(now))
    }

    /// Which of some types changed since a state.
    pub(crate) async fn changed_since(
        &self,
        account_id: AccountId,
        types: Types,
        since: ModSeq,
    ) -> Result<(ModSeq, Vec<&'static str>), Error> {
        let read = self
            .store
            .read((), move |tx, ()| Box::pin(async move { changed(tx, account_id, types, since).await }));
        Ok(read.await?)
    }

    /// What there is to tell now; `None` when nothing the client asked for changed. The program asks after it opened a
    /// stream and after every change of the account.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the memory does not answer.
    pub async fn news(&self, source: &mut EventSource) -> Result<Option<Event>, Error> {
        let (now, changed) = self.changed_since(source.account_id, source.types, source.last).await?;
        Ok(source.state_change(&changed, now))
    }
}
