//! Bodies of requests: taken to their end, with a size and a deadline.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use registry::Error;
use store::{Spool, Spooling};
use tokio::time::Instant;

use crate::intake::blocking;

/// A body that does not move for so long is given up. Clients have no timeout of their own (VXP 1), so we need one; it
/// counts from the last piece, because a large package on a thin line takes its time.
const BODY_STILL: Duration = Duration::from_secs(60);
/// How slowly a body may come after that, bytes a second: whoever keeps a place in memory fills it. Ours: 512 kbit/s.
const SLOWEST: usize = 64 * 1024;
/// Bytes of a body that go to a disk together.
const BATCH: usize = 512 * 1024;
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
pub(crate) async fn take(body: Body, max: usize) -> Result<Vec<u8>, Error> {
    take_within(body, max, BODY_STILL).await
}

async fn take_within(mut body: Body, max: usize, still: Duration) -> Result<Vec<u8>, Error> {
    let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut taken = Vec::new();
    // What was announced is believed as far as it may come: then a large body is never moved while it grows.
    taken.reserve_exact(announced.unwrap_or_default().min(max));
    let begun = Instant::now();
    loop {
        // Not only the pieces have a deadline: a byte a minute would keep its place for years.
        let earned = Duration::from_secs((taken.len() / SLOWEST) as u64);
        let came = tokio::time::timeout_at(begun + still + earned, piece(&mut body)).await;
        let Some(piece) = came.unwrap_or(Err(Error::DamagedBody))? else { return Ok(taken) };
        if taken.len().saturating_add(piece.len()) > max {
            drop(taken);
            drain(body, max).await;
            return Err(Error::TooLarge { max });
        }
        taken.extend_from_slice(&piece);
    }
}

/// Takes a body to its end, or to `max` bytes, into a spool: what is large is not in memory.
pub(crate) async fn spool(mut body: Body, max: usize, mut spooling: Spooling) -> Result<Spool, Error> {
    let (mut batch, mut taken) = (Vec::new(), 0usize);
    let begun = Instant::now();
    loop {
        let earned = Duration::from_secs((taken / SLOWEST) as u64);
        let came = tokio::time::timeout_at(begun + BODY_STILL + earned, piece(&mut body)).await;
        let piece = came.unwrap_or(Err(Error::DamagedBody))?;
        let is_last = piece.is_none();
        let piece = piece.unwrap_or_default();
        taken = taken.saturating_add(piece.len());
        if taken > max {
            drop((spooling, batch));
            drain(body, max).await;
            return Err(Error::TooLarge { max });
        }
        batch.extend_from_slice(&piece);
        if batch.len() >= BATCH || is_last {
            let full = std::mem::take(&mut batch);
            // A small one stays in memory, and a large one goes to a disk.
            spooling = match taken <= BATCH {
                true => pushed(spooling, &full)?,
                false => blocking(move || pushed(spooling, &full)).await??,
            };
        }
        if is_last {
            return match taken <= BATCH {
                true => spooling.finish(),
                false => blocking(move || spooling.finish()).await?,
            }
            .map_err(Error::from);
        }
    }
}

fn pushed(mut spooling: Spooling, bytes: &[u8]) -> Result<Spooling, Error> {
    spooling.push(bytes)?;
    Ok(spooling)
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use http_body_util::BodyExt as _;
    use hyper::body::Frame;
    use tokio::time::Interval;

    use super::*;

    /// A body that gives a piece at every tick and never ends.
    struct Drip {
        tick: Interval,
        piece: Bytes,
    }

    impl HttpBody for Drip {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            let piece = self.piece.clone();
            self.tick.poll_tick(context).map(|_| Some(Ok(Frame::data(piece))))
        }
    }

    fn drip(bytes: usize) -> Body {
        let tick = tokio::time::interval(Duration::from_millis(10));
        Body::new(Drip { tick, piece: vec![0; bytes].into() }.boxed())
    }

    #[tokio::test]
    async fn a_byte_now_and_then_does_not_keep_its_place() {
        let taken = take_within(drip(1), 1 << 20, Duration::from_millis(200)).await;
        assert_eq!(taken, Err(Error::DamagedBody), "a million of them would take hours");
    }

    #[tokio::test]
    async fn a_body_that_moves_may_take_its_time() {
        // Longer than a body may stand still; what ends it is its size.
        let max = 40 * SLOWEST;
        let taken = take_within(drip(SLOWEST), max, Duration::from_millis(200)).await;
        assert_eq!(taken, Err(Error::TooLarge { max }));
    }
}
