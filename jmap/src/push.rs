//! News for clients that wait for it: server-sent events (RFC 8620 §7.3).
//!
//! The program owns the stream and the timers; here is what they say. It wakes an [`EventSource`] with every
//! [`store::Signal`] that it [wants](EventSource::wants) (and after it missed some), asks [`Api::news`], and sends the
//! [`Event`] that comes out.

use std::time::Duration;

use mail::{AccountId, ModSeq};
use serde_json::{Map, Value, json};
use store::{Changing, Signal};

use crate::args::{read_state, state};
use crate::{Api, Caller, Error};

/// The types of data there is news of (RFC 8620 §7.1).
const TYPES: [(&str, Changing); 4] = [
    ("Email", Changing::Email),
    ("Mailbox", Changing::Mailbox),
    ("Thread", Changing::Thread),
    ("EmailSubmission", Changing::Submission),
];

/// How often a client may be pinged at most: more is load without use.
const PING_MIN: Duration = Duration::from_secs(5);
/// And at least: proxies forget idle streams after some minutes.
const PING_MAX: Duration = Duration::from_secs(900);

/// One client's stream.
#[derive(Clone, Debug)]
pub struct EventSource {
    account_id: AccountId,
    types: Vec<(&'static str, Changing)>,
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
    /// How often to send [`EventSource::ping_event`] when nothing else was sent; `None` is never.
    pub fn ping(&self) -> Option<Duration> {
        self.ping
    }

    /// The event of a ping (RFC 8620 §7.3).
    pub fn ping_event(&self) -> Event {
        let seconds = self.ping.map_or(0, |ping| ping.as_secs());
        Event { text: format!("event: ping\ndata: {{\"interval\":{seconds}}}\n\n"), is_last: false }
    }

    /// Whether a signal may be news for this client.
    pub fn wants(&self, signal: &Signal) -> bool {
        *signal == Signal::Account(self.account_id)
    }

    /// The event that says which types changed on the way to a state; `None` when none of those the client asked for
    /// did.
    fn state_change(&mut self, changed: &[&'static str], now: ModSeq) -> Option<Event> {
        self.last = now;
        if changed.is_empty() {
            return None;
        }
        let types: Map<String, Value> =
            changed.iter().map(|name| ((*name).to_owned(), json!(state(now)))).collect();
        let data = json!({ "@type": "StateChange", "changed": { self.account_id.to_string(): types } });
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
        let asked: Vec<&str> = types.split(',').take(64).collect();
        // Types of data that this server does not have are left out: a client may ask for all it knows.
        let types = match types {
            "*" => TYPES.to_vec(),
            _ => TYPES.into_iter().filter(|(name, _)| asked.contains(name)).collect(),
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
        let account_id = caller.account_id;
        let now = self.store.read((), |tx, ()| Box::pin(async move { tx.modseq(account_id).await })).await?;
        let last = last_event_id.and_then(read_state).filter(|last| *last <= now).unwrap_or(now);
        Ok(EventSource { account_id, types, closes_after_state, ping, last })
    }

    /// What there is to tell now; `None` when nothing the client asked for changed. The program asks after it opened a
    /// stream and after every signal the stream wants.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the memory does not answer.
    pub async fn news(&self, source: &mut EventSource) -> Result<Option<Event>, Error> {
        let (account_id, since) = (source.account_id, source.last);
        let (now, changed) = self
            .store
            .read(source.types.clone(), |tx, types| {
                Box::pin(async move {
                    let now = tx.modseq(account_id).await?;
                    let mut changed = Vec::new();
                    if now > since {
                        for (name, what) in types {
                            let changes = tx.changes(account_id, *what, since, 1).await?;
                            // What came and went again is news, too: a client that asks finds nothing.
                            let is_none = changes.created.is_empty()
                                && changes.updated.is_empty()
                                && changes.destroyed.is_empty()
                                && !changes.has_more;
                            if !is_none {
                                changed.push(*name);
                            }
                        }
                    }
                    Ok::<_, store::Error>((now, changed))
                })
            })
            .await?;
        Ok(source.state_change(&changed, now))
    }
}
