//! Looking at the content of a message without keeping an async thread: small ones at once, large ones where it may take its time.

use mail::{Letter, Refused};

/// Up to this size a message is read where it is: parsing it takes less than handing it over. Ours.
const AT_ONCE_BYTES: usize = 32 * 1024;

/// Does work on the message's bytes.
///
/// # Errors
/// A temporary refusal when the work did not end: nothing goes by that nobody has looked at.
pub(super) async fn on_message<T: Send + 'static>(
    letter: &Letter<'_>,
    look: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, Refused> {
    if letter.message.len() <= AT_ONCE_BYTES {
        return Ok(look(letter.message));
    }
    let message = letter.message.to_vec();
    tokio::task::spawn_blocking(move || look(&message)).await.map_err(|error| {
        tracing::error!("looking at a message did not end well: {error}");
        not_now()
    })
}

/// What is said when the house itself cannot look at the moment (RFC 3463 §3.4, X.3.0).
pub(super) fn not_now() -> Refused {
    Refused {
        code: 451,
        status: (4, 3, 0),
        name: "cannot_look",
        vi: "Hệ thống tạm thời không kiểm tra được thư; hãy gửi lại sau".to_owned(),
        en: "The message cannot be examined at the moment; try again later".to_owned(),
    }
}
