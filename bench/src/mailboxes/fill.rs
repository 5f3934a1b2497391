//! Filling a mailbox, quickly.

use super::corpus;
use super::server::{Account, Server};

/// Messages of one APPEND (RFC 3502).
const AT_ONCE: u64 = 50;

/// Puts so many messages of the corpus into an inbox; answers their octets.
pub(crate) async fn fill(server: &Server, account: &Account, messages: u64) -> u64 {
    let mut imap = server.imap(account).await;
    let mut octets = 0;
    for first in (0..messages).step_by(AT_ONCE as usize) {
        let mut command = b"APPEND INBOX".to_vec();
        for number in first..messages.min(first + AT_ONCE) {
            let message = corpus::message(number, &account.address);
            octets += message.len() as u64;
            let date = corpus::internal_date(number);
            let seen = if number % 3 == 0 { "" } else { "\\Seen" };
            let head = format!(" ({seen}) \"{date}\" {{{}+}}\r\n", message.len());
            command.extend_from_slice(head.as_bytes());
            command.extend_from_slice(message.as_bytes());
        }
        imap.say(&command).await;
        imap.hear().await;
    }
    octets
}
