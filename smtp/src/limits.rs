//! Everything has a size; one line of origin beside each.

use std::time::Duration;

/// The sizes and patience of every conversation. [`Limits::default`] is what a province runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one command line without its CRLF. RFC 4954 §4 asks for 12,288 in AUTH; RFC 5321 §4.5.3.1.4 needs less.
    pub command_line_bytes_max: usize,
    /// Octets of one line of message text without its CRLF. RFC 5321 §4.5.3.1.6 guarantees 998; HTML mailers overrun it, twice
    /// what Postfix keeps whole (2,048) hurts nobody.
    pub text_line_bytes_max: usize,
    /// Octets that may wait unread inside a session. Four full pipelined windows of 16 KiB.
    pub input_bytes_max: usize,
    /// Octets of one message as it arrives (RULES M32: 25 MB encoded). Advertised with SIZE (RFC 1870).
    pub message_bytes_max: usize,
    /// Octets of an oversize message that are read and thrown away before the connection is given up.
    pub drain_bytes_max: usize,
    /// Recipients of one message. RFC 5321 §4.5.3.1.8 guarantees 100; a province writes to all its communes.
    pub recipients_max: usize,
    /// Recipients refused in one message, after which the client is harvesting addresses and is let go.
    pub refused_recipients_max: usize,
    /// Commands that lead to no accepted message, after which the client is let go (RFC 5321 §4.3.2 allows 421 any time).
    pub idle_commands_max: usize,
    /// Wrong commands in one connection, after which it is closed. Postfix's hard limit is 20.
    pub errors_max: usize,
    /// Wrong passwords in one connection, after which it is closed (RFC 4954 §4 allows it; slows guessing).
    pub auth_failures_max: usize,
    /// Messages of one connection; a relay then connects anew. RFC 9422 MAILMAX.
    pub messages_max: usize,
    /// The longest that a message is held back for its sender (RFC 4865 §3).
    pub hold_max: Duration,
    /// The shortest time to deliver by that is taken of a message to be given back when late (RFC 2852 §3).
    pub deliver_by_min: Duration,
    /// `Received` fields after which a message is going round in circles (RFC 5321 §6.3 suggests 100).
    pub received_max: usize,
    /// Octets of replies that may wait unwritten while more commands are read.
    pub output_bytes_max: usize,
    /// How long the greeting is held back to see who talks first; zero for no such test. Honest clients wait 5 minutes.
    pub greeting_delay: Duration,
    /// How long a server waits for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub command_patience: Duration,
    /// How long a server waits for the next piece of message text (RFC 5321 §4.5.3.2.5 gives the client 3 minutes).
    pub text_patience: Duration,
    /// How long one whole message may take to arrive: 25 MB over a slow mountain link.
    pub message_patience: Duration,
    /// Octets of one line of a peer's reply. RFC 5321 §4.5.3.1.5 says 512; some peers write essays.
    pub reply_line_bytes_max: usize,
    /// Lines of one reply of a peer. A long EHLO has 20.
    pub reply_lines_max: usize,
    /// The client's patience in each stage (RFC 5321 §4.5.3.2.1–6).
    pub patience: Patience,
    /// Octets of an undelivered message given back whole in a report; larger ones give their header back. Postfix: 50,000.
    pub returned_bytes_max: usize,
    /// How long a sender who was told that an address has moved is not told again (RULES M5, RFC 3834 §2).
    pub told_again_after: Duration,
}

/// How long a client waits for each reply (RFC 5321 §4.5.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the greeting (§4.5.3.2.1).
    pub greeting: Duration,
    /// For the reply to EHLO, STARTTLS, AUTH and RSET; the standard leaves it open, MAIL's is taken.
    pub command: Duration,
    /// For the reply to MAIL (§4.5.3.2.2).
    pub mail: Duration,
    /// For the reply to RCPT (§4.5.3.2.3).
    pub rcpt: Duration,
    /// For the reply to DATA (§4.5.3.2.4).
    pub data: Duration,
    /// For one block of text to go out (§4.5.3.2.5).
    pub block: Duration,
    /// For the reply to the final dot (§4.5.3.2.6): long, for a client that gives up early sends twice.
    pub dot: Duration,
    /// For the reply to QUIT: nothing depends on it.
    pub quit: Duration,
}

const MINUTE: u64 = 60;

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line_bytes_max: 12_288,
            text_line_bytes_max: 4_096,
            input_bytes_max: 64 * 1024,
            message_bytes_max: 25 * 1024 * 1024,
            drain_bytes_max: 25 * 1024 * 1024,
            recipients_max: 1_000,
            refused_recipients_max: 100,
            idle_commands_max: 2_100,
            errors_max: 20,
            auth_failures_max: 3,
            messages_max: 1_000,
            hold_max: Duration::from_secs(7 * 24 * 3_600),
            deliver_by_min: Duration::from_secs(5),
            received_max: 100,
            output_bytes_max: 16 * 1024,
            greeting_delay: Duration::ZERO,
            command_patience: Duration::from_secs(5 * MINUTE),
            text_patience: Duration::from_secs(5 * MINUTE),
            message_patience: Duration::from_secs(60 * MINUTE),
            reply_line_bytes_max: 2_048,
            reply_lines_max: 100,
            patience: Patience::default(),
            returned_bytes_max: 50_000,
            told_again_after: Duration::from_secs(7 * 24 * 60 * MINUTE),
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(5 * MINUTE),
            command: Duration::from_secs(5 * MINUTE),
            mail: Duration::from_secs(5 * MINUTE),
            rcpt: Duration::from_secs(5 * MINUTE),
            data: Duration::from_secs(2 * MINUTE),
            block: Duration::from_secs(3 * MINUTE),
            dot: Duration::from_secs(10 * MINUTE),
            quit: Duration::from_secs(10),
        }
    }
}
