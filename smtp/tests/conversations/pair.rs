//! Our sending session talks to our receiving session; bytes travel in queues, and the clock is pretend.

use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use smtp::send::{Answer, Ask, Delivery, Outcome, Session, Terms, TlsPolicy};
use smtp::{ForwardPath, Limits, Recipient, ReversePath};

use crate::house::House;

/// How long bytes travel from one end to the other.
const LATENCY: Duration = Duration::from_millis(20);

pub(crate) fn terms(tls: TlsPolicy) -> Terms {
    Terms { name: "mx.bar.com".parse().unwrap(), tls, implicit_tls: false, credentials: None }
}

pub(crate) fn to(address: &str) -> Recipient {
    Recipient::new(ForwardPath::Mailbox(address.parse().unwrap()))
}

pub(crate) fn delivery(recipients: &[&str], message: &[u8]) -> Delivery {
    Delivery {
        reverse_path: ReversePath::Mailbox("an@bar.com".parse().unwrap()),
        recipients: recipients.iter().map(|address| to(address)).collect(),
        message: Arc::from(message),
        smtputf8: false,
        ret: None,
        envelope_id: None,
        require_tls: false,
        binary: false,
        deliver_by: None,
        tls_optional: false,
        priority: None,
    }
}

/// Plays the sender against the house until the delivery is over.
pub(crate) fn deliver(
    house: &mut House,
    sender: &mut Session,
    now: &mut Timestamp,
    delivery: Delivery,
) -> Outcome {
    let mut heard = 0;
    sender.deliver(*now, delivery);
    for _ in 0..10_000 {
        house.settle(*now);
        let said = house.said.as_bytes()[heard..].to_vec();
        heard = house.said.len();
        *now = now.plus(LATENCY);
        sender.bytes_arrived(*now, &said);
        let mut wire = Vec::new();
        while let Some(ask) = sender.next() {
            match ask {
                Ask::Write(bytes) => {
                    wire.extend_from_slice(&bytes);
                    sender.written(*now);
                }
                // The house is told by its own side of the handshake.
                Ask::StartTls => sender.answer_arrived(*now, Answer::TlsStarted),
                Ask::Done(outcome) => return outcome,
                Ask::WakeAt(_) => {}
                Ask::Close => panic!("closed without an outcome"),
            }
        }
        *now = now.plus(LATENCY);
        house.hear(*now, &wire);
        if wire.is_empty() && said.is_empty() {
            sender.connection_lost(*now);
        }
    }
    panic!("the conversation never ends")
}

/// One connection, one delivery.
pub(crate) fn one_delivery(house: &mut House, tls: TlsPolicy, delivery_: Delivery) -> Outcome {
    let mut now = crate::house::morning();
    let mut sender = Session::new(now, terms(tls), Limits::default());
    deliver(house, &mut sender, &mut now, delivery_)
}
