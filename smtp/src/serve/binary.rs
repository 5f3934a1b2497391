//! A submission that no line can hold (BODY=BINARYMIME, RFC 3030 §3), on its way to somebody elsewhere.

use mail::{Timestamp, recode};
use store::MovedPlace;

use super::recipient::{Place, place};
use super::{Desk, Refusal};
use crate::envelope::{Body, Envelope};
use crate::receive::{Arrived, Role};

impl Desk {
    /// The message in lines, when it is our own people's, came as BINARYMIME and leaves the house: here, before it is signed, for what is signed
    /// cannot be written otherwise any more (RFC 6376 §5.3), and few hosts take anything else. What has a signature already stays, and so does
    /// what is only for this house.
    ///
    /// # Errors
    /// The store's trouble.
    pub(super) async fn in_lines(
        &self,
        role: Role,
        mut arrived: Arrived,
        now: Timestamp,
    ) -> Result<Arrived, Refusal> {
        let is_ours = role == Role::Submission && arrived.envelope.body == Body::Binary;
        if is_ours
            && self.leaves(&arrived.envelope, now).await?
            && let Ok(lines) = recode::to_lines(&arrived.message)
        {
            (arrived.message, arrived.envelope.body) = (lines, Body::EightBit);
        }
        Ok(arrived)
    }

    /// Whether somebody it is for is elsewhere, or may be.
    async fn leaves(&self, envelope: &Envelope, now: Timestamp) -> Result<bool, Refusal> {
        let input = (envelope.recipients.clone(), self.host.clone());
        self.store
            .read(input, move |tx, (recipients, host)| {
                Box::pin(async move {
                    for recipient in recipients {
                        match place(tx, host, &recipient.path, now).await {
                            Ok(Place::Elsewhere(_) | Place::List(_)) => return Ok(true),
                            Ok(Place::Moved(moved)) if !matches!(moved.place, MovedPlace::Here(_)) => {
                                return Ok(true);
                            }
                            Ok(Place::Here(_) | Place::Moved(_)) | Err(Refusal::Said(_)) => {}
                            Err(trouble) => return Err(trouble),
                        }
                    }
                    Ok(false)
                })
            })
            .await
    }
}
