//! What one connection was refused before any message was whole: counted, and told to the trace in one row when the connection ends.

use mail::Timestamp;
use mail::letter::Door;
use mail::trace::{Event, TurnedAway};
use smtp::Client;
use smtp::receive::{Answer, Role};
use smtp::serve::Desk;
use store::NewTrace;

/// The refusals of one connection.
pub(crate) struct Turned {
    name: String,
    counted: TurnedAway,
}

impl Turned {
    /// A connection that was refused nothing yet; `name` is its session's.
    pub(crate) fn new(role: Role, name: String, client: &Client) -> Self {
        let door = match role {
            Role::Mx => Door::Mx,
            Role::Lmtp => Door::Lmtp,
            Role::Submission => Door::Submission,
        };
        let peer = smtp::serve::connection(client);
        let counted = TurnedAway { door, peer, recipients: 0, senders: 0, sign_ins: 0, reply: String::new() };
        Self { name, counted }
    }

    /// The connection is a front end's, and this is the client that it stands for.
    pub(crate) fn is_of(&mut self, client: &Client) {
        self.counted.peer = smtp::serve::connection(client);
    }

    /// Sees the answer to MAIL.
    pub(crate) fn sender(&mut self, answer: Answer) -> Answer {
        let refused = self.see(&answer);
        self.counted.senders += refused;
        answer
    }

    /// Sees the answer to RCPT.
    pub(crate) fn recipient(&mut self, answer: Answer) -> Answer {
        let refused = self.see(&answer);
        self.counted.recipients += refused;
        answer
    }

    /// Sees the answer to AUTH.
    pub(crate) fn sign_in(&mut self, answer: Answer) -> Answer {
        let refused = self.see(&answer);
        self.counted.sign_ins += refused;
        answer
    }

    fn see(&mut self, answer: &Answer) -> u32 {
        let Answer::Refused(reply) = answer else { return 0 };
        self.counted.told(&reply.to_string());
        1
    }

    /// Tells the trace, if there is something to tell.
    pub(crate) async fn remember(self, desk: &Desk, now: Timestamp) {
        let TurnedAway { recipients, senders, sign_ins, .. } = self.counted;
        if recipients + senders + sign_ins == 0 {
            return;
        }
        let event = Event::TurnedAway(self.counted);
        desk.trace_refusal(NewTrace { name: self.name, owner: store::NOBODY, event }, now).await;
    }
}
