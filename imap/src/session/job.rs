//! A command under way.

use super::copy::Copying;
use super::fetch::Fetching;
use super::flags::Storing;
use super::list::Listing;
use super::notify::Round;
use super::search::Searching;
use super::select::{Expunging, Selecting};
use super::sync::Closing;

/// What the session is doing.
#[derive(Debug, Default)]
pub(super) enum Job {
    /// The next command is awaited.
    #[default]
    Nothing,
    /// TLS is about to begin.
    StartTls,
    /// Somebody signs in; a line of theirs is awaited, or a judgement.
    SignIn(String),
    /// One wish was made, and its grant is the answer.
    Simple(String, Simple),
    /// LIST, LSUB, STATUS.
    List(Box<Listing>),
    /// SELECT, EXAMINE.
    Select(Box<Selecting>),
    /// FETCH.
    Fetch(Box<Fetching>),
    /// STORE.
    Store(Box<Storing>),
    /// COPY, MOVE.
    Copy(Box<Copying>),
    /// SEARCH, SORT, THREAD.
    Search(Box<Searching>),
    /// EXPUNGE, CLOSE.
    Expunge(Box<Expunging>),
    /// Nothing but the last line is left; before it the client learns what happened meanwhile.
    Closing(Box<Closing>),
    /// IDLE: the client listens.
    Idling(String),
    /// What happened is being looked up for a client that listens, in IDLE (with its tag) or by NOTIFY.
    News(Option<String>),
    /// The same for the mailboxes that are not selected.
    Round(Box<Round>),
}

/// Commands that are one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Simple {
    /// Whose grant says nothing: the word of the command.
    Done(&'static str),
    /// CREATE.
    Create,
    /// APPEND.
    Append,
    /// GETQUOTA.
    Quota,
    /// GETQUOTAROOT of this mailbox.
    QuotaRoot(crate::codec::MailboxName),
}

impl Job {
    /// Whether there is something to do without the client.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_waiting_for_client() && !matches!(self, Self::StartTls)
    }

    /// Whether the client's next bytes decide what follows.
    pub(super) fn is_waiting_for_client(&self) -> bool {
        matches!(self, Self::Nothing | Self::SignIn(_) | Self::Idling(_))
    }

    /// The tag of the command, where one waits for its last line.
    pub(super) fn tag(&self) -> Option<&str> {
        Some(match self {
            Self::Nothing | Self::StartTls | Self::Closing(_) => return None,
            Self::SignIn(tag) | Self::Simple(tag, _) | Self::Idling(tag) => tag,
            Self::News(_) => return None,
            Self::Round(round) => return round.tag.as_deref(),
            Self::List(listing) => &listing.tag,
            Self::Select(selecting) => &selecting.tag,
            Self::Fetch(fetching) => return fetching.tag(),
            Self::Store(storing) => &storing.tag,
            Self::Copy(copying) => &copying.tag,
            Self::Search(searching) => &searching.tag,
            Self::Expunge(expunging) => &expunging.tag,
        })
    }
}
