//! Filling a mailbox, quickly.

use super::corpus;
use super::imap::Imap;
use super::lmtp::Lmtp;
use super::server::{Account, Server};

/// Messages of one APPEND (RFC 3502).
const AT_ONCE: u64 = 200;
/// Connections that deliver.
const CONNECTIONS: u64 = 32;

/// Puts so many messages of the corpus into an inbox; answers their octets.
pub(crate) async fn fill(server: &Server, account: &Account, messages: u64) -> u64 {
    match server.imaps {
        Some(port) => append(port, account, messages).await,
        None => deliver(server.lmtp, account, messages).await,
    }
}

async fn append(port: u16, account: &Account, messages: u64) -> u64 {
    let mut imap = Imap::login(port, account).await;
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

async fn deliver(port: u16, account: &Account, messages: u64) -> u64 {
    let visits: Vec<_> = (0..CONNECTIONS.min(messages))
        .map(|first| {
            let address = account.address.clone();
            tokio::spawn(async move {
                let (mut lmtp, mut octets) = (Lmtp::connect(port).await, 0);
                for number in (first..messages).step_by(CONNECTIONS as usize) {
                    let message = corpus::message(number, &address);
                    octets += message.len() as u64;
                    lmtp.deliver(&address, &message).await;
                }
                octets
            })
        })
        .collect();
    let mut octets = 0;
    for visit in visits {
        octets += visit.await.expect("a visit ends");
    }
    octets
}
