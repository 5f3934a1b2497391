//! Everything has a size; one line of origin beside each.

use std::time::Duration;

use crate::codec;

/// The sizes and patience of every conversation. [`Limits::default`] is what a province runs with.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What a client may say.
    pub input: codec::Limits,
    /// Octets that may wait unwritten before a client has to read: a page of envelopes.
    pub output_bytes_max: usize,
    /// How long somebody may take to sign in. RFC 9051 §5.4 leaves it open; Dovecot gives 3 minutes.
    pub sign_in_patience: Duration,
    /// How long a client may be still. RFC 9051 §5.4 asks for 30 minutes at least; clients renew IDLE after 29.
    pub idle_patience: Duration,
    /// How long a client may take to read one piece of an answer, 64 KiB at most.
    pub write_patience: Duration,
    /// Octets of a line that answers a challenge: a long token in base64, as `directory::sasl` takes it.
    pub sign_in_line_bytes_max: usize,
    /// Wrong commands in one connection, after which it is closed. Clients that probe make a few.
    pub errors_max: usize,
    /// Wrong passwords in one connection, after which it is closed (slows guessing).
    pub auth_failures_max: usize,
    /// Messages that are looked at together: some hundred kilobytes of facts.
    pub page_messages: u32,
    /// Octets of messages that are read together; one larger message is read alone.
    pub page_bytes: u64,
    /// Messages of one COPY, which is all or nothing and keeps the writer that long.
    pub copied_max: u32,
    /// Messages that SORT and THREAD put in order at once, some 200 octets each.
    pub ordered_max: u32,
    /// Octets of one level of a mailbox's name, as JMAP has it.
    pub name_bytes_max: usize,
    /// Levels of a mailbox's name, as JMAP has it.
    pub depth_max: usize,
}

const MINUTE: u64 = 60;

impl Default for Limits {
    fn default() -> Self {
        Self {
            input: codec::Limits::default(),
            output_bytes_max: 128 * 1024,
            sign_in_patience: Duration::from_secs(3 * MINUTE),
            idle_patience: Duration::from_secs(35 * MINUTE),
            write_patience: Duration::from_secs(MINUTE),
            sign_in_line_bytes_max: 16 * 1024,
            errors_max: 50,
            auth_failures_max: 5,
            page_messages: 250,
            page_bytes: 1024 * 1024,
            copied_max: 20_000,
            ordered_max: 200_000,
            name_bytes_max: 200,
            depth_max: 10,
        }
    }
}
