//! A file on its way in: so many bytes, so long, and no more.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use web::check::{Trouble, UPLOAD_MAX};
use web::form;

/// Bytes of a whole form: the files, and the frame around them.
pub(super) const BODY_MAX: usize = UPLOAD_MAX + 64 * 1024;
/// For the whole form: 25 MB over a line of 2 Mbit/s.
const WHOLE: Duration = Duration::from_secs(120);
/// Between two pieces of it.
const STILL: Duration = Duration::from_secs(15);
/// For reading away what is refused, so that the browser hears why instead of a broken connection.
const DRAIN: Duration = Duration::from_secs(20);
/// Bytes that are read away. Whoever sends more did not choose the wrong file by mistake.
const DRAIN_MAX: usize = 4 * UPLOAD_MAX;

/// What was sent.
pub(super) struct Upload {
    pub(super) bytes: Arc<[u8]>,
    /// Signed content beside the signature.
    pub(super) content: Option<Arc<[u8]>>,
    pub(super) file_name: Option<String>,
}

/// The next piece; `None` at the end.
async fn piece(body: &mut Body, deadline: Instant) -> Result<Option<Bytes>, Trouble> {
    loop {
        let next = (Instant::now() + STILL).min(deadline);
        match timeout_at(next, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Trouble::NoForm),
            Err(_) => return Err(Trouble::TooSlow),
        }
    }
}

/// Takes a body, counting while it comes: its stated length may be a lie.
pub(super) async fn take(mut body: Body) -> Result<Vec<u8>, Trouble> {
    let deadline = Instant::now() + WHOLE;
    let mut taken = Vec::new();
    while let Some(piece) = piece(&mut body, deadline).await? {
        if taken.len().saturating_add(piece.len()) > BODY_MAX {
            drop(taken);
            drain(body).await;
            return Err(Trouble::TooLarge);
        }
        taken.extend_from_slice(&piece);
    }
    Ok(taken)
}

/// Reads away what is refused, within bounds.
pub(super) async fn drain(mut body: Body) {
    let deadline = Instant::now() + DRAIN;
    let mut seen = 0usize;
    while seen <= DRAIN_MAX {
        match piece(&mut body, deadline).await {
            Ok(Some(piece)) => seen = seen.saturating_add(piece.len()),
            _ => return,
        }
    }
}

/// The files of a form. Reading it takes as long as it is large: not for an async thread.
pub(super) async fn read(content_type: String, body: Vec<u8>) -> Result<Upload, Trouble> {
    tokio::task::spawn_blocking(move || files(&content_type, &body)).await.unwrap_or(Err(Trouble::Failed))
}

fn files(content_type: &str, body: &[u8]) -> Result<Upload, Trouble> {
    let parts = form::read(content_type, &body).map_err(|_| Trouble::NoForm)?;
    // An empty choice is sent as a file without bytes.
    let file = |name: &str| {
        let part = parts.iter().find(|part| part.name == name)?;
        let place = usize::try_from(part.content.start).ok()?..usize::try_from(part.content.end).ok()?;
        let content = body.get(place).filter(|content| !content.is_empty())?;
        Some((Arc::<[u8]>::from(content), part.file_name.clone()))
    };
    let (bytes, file_name) = file("document").ok_or(Trouble::NoFile)?;
    let content = file("content").map(|(content, _)| content);
    match bytes.len().saturating_add(content.as_ref().map_or(0, |content| content.len())) > UPLOAD_MAX {
        true => Err(Trouble::TooLarge),
        false => Ok(Upload { bytes, content, file_name }),
    }
}
