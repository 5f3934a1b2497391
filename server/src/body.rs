//! Bodies of requests: taken to their end, with a size and a deadline.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use registry::Error;

/// A body that does not move for so long is given up. Clients have no timeout of their own (VXP 1), so we need one; it
/// counts from the last piece, because a large package on a thin line takes its time.
const BODY_STILL: Duration = Duration::from_secs(60);
/// For reading away what is refused anyway, in all: a package of the largest size over a line of 6 Mbit/s. Whoever is
/// slower than that may be nobody we know, holding a connection.
const DRAIN: Duration = Duration::from_secs(300);

/// The next piece of a body; `None` at its end.
pub(crate) async fn piece(body: &mut Body) -> Result<Option<Bytes>, Error> {
    loop {
        match tokio::time::timeout(BODY_STILL, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(Error::DamagedBody),
        }
    }
}

/// Takes a body to its end, or to `max` bytes; what is more is read away and refused.
pub(crate) async fn take(mut body: Body, max: usize) -> Result<Vec<u8>, Error> {
    let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut taken = Vec::new();
    // What was announced is believed as far as it may come: then a large body is never moved while it grows.
    taken.reserve_exact(announced.unwrap_or_default().min(max));
    while let Some(piece) = piece(&mut body).await? {
        if taken.len().saturating_add(piece.len()) > max {
            drop(taken);
            drain(body, max).await;
            return Err(Error::TooLarge { max });
        }
        taken.extend_from_slice(&piece);
    }
    Ok(taken)
}

/// Reads a body away, `max` bytes at most: whoever sends more, or takes too long, is cut off.
pub(crate) async fn drain(mut body: Body, max: usize) {
    let read = async {
        let mut seen = 0usize;
        while seen <= max {
            match piece(&mut body).await {
                Ok(Some(piece)) => seen = seen.saturating_add(piece.len()),
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN, read).await;
}
