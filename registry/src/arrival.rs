//! Status 01 in the name of a receiving agency whose software does not send it (RULES R28).
//!
//! It is sent before the acknowledgement is recorded, and it is the same bytes each time: whoever is cut off between the two
//! acknowledges again, and the second 01 is the first (VXP 5). So neither is ever lost or doubled, without a transaction over
//! both.

use std::sync::Arc;

use mail::{AgencyCode, Timestamp};
use store::{Delivery, DeliveryState, Document, DocumentKind, ExchangeSystem};

use crate::accept::{Arrived, Desk, Screened};
use crate::document_id::DocumentIdentifier;
use crate::package::trace::Trace;
use crate::package::{self, NewParty, NewStatus, Staff, StatusAddress, write_status};
use crate::status::StatusCode;
use crate::vxp::call::{Declared, SendParameters};
use crate::{Error, Whose};

impl Desk {
    /// Sends 01 for each agency of a delivery that wants it, as long as the delivery is not acknowledged.
    ///
    /// # Errors
    /// What may succeed later: then the caller acknowledges again. What never will is said to the log.
    pub(crate) async fn report_arrival(
        &self,
        system: &ExchangeSystem,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_due = delivery.kind == DocumentKind::Edoc
            && delivery.state != DeliveryState::Done
            && delivery.withdrawn_at.is_none();
        let codes: Vec<&AgencyCode> =
            delivery.to_codes.iter().filter(|code| is_due && self.lifecycle.reports_arrival(code)).collect();
        for code in codes {
            match self.report_arrival_at(system, delivery, code, now).await {
                Err(error) if error.whose() != Whose::Caller => return Err(error),
                Err(error) => tracing::warn!(code = error.code(), "status 01 was not sent: {error}"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn report_arrival_at(
        &self,
        system: &ExchangeSystem,
        delivery: &Delivery,
        code: &AgencyCode,
        now: Timestamp,
    ) -> Result<(), Error> {
        let found = self
            .store
            .read((delivery.clone(), code.clone()), |tx, (delivery, code)| {
                Box::pin(async move {
                    let document = tx.document(delivery.sender_id, delivery.document_id).await?;
                    let agency = tx.agency_by_code(code, now).await?;
                    Ok::<_, store::Error>(document.zip(agency))
                })
            })
            .await?;
        let (document, agency) = found.ok_or(Error::NoSuchDocument)?;
        let status = status(delivery, &document, code, &agency.name);
        let bytes = write_status(&status).map_err(|error| {
            tracing::warn!("status 01 cannot be written: {error}");
            Error::NoSuchDocument
        })?;
        let package = package::read(&bytes, &self.limits)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let sha256 = digest.as_ref().try_into().map_err(|_| Error::Internal)?;
        let parameters = SendParameters {
            from: code.to_string(),
            to: Vec::new(),
            hash_file: None,
            hint: None,
            declared: Declared::default(),
        };
        let system = Arc::new(system.clone());
        let (bytes, trace) = (bytes.into(), Trace::default());
        let arrived = Arrived { bytes, sha256, package, trace, parameters, system };
        match self.screen(arrived, now).await? {
            Screened::Repeated(_) => Ok(()),
            Screened::Pending(pending) => self.keep(*pending, &[], None, now).await.map(drop),
        }
    }
}

/// The same bytes whenever it is asked for: its time is when the document came.
fn status(delivery: &Delivery, document: &Document, code: &AgencyCode, name: &str) -> NewStatus {
    let facts: serde_json::Value = serde_json::from_str(&document.facts).unwrap_or_default();
    let spelled = |member: &str, else_: &str| facts[member].as_str().unwrap_or(else_).to_owned();
    NewStatus {
        from: NewParty {
            organ_id: code.clone(),
            organization_in_charge: String::new(),
            organ_name: name.to_owned(),
            organ_add: String::new(),
            email: String::new(),
            telephone: String::new(),
            fax: String::new(),
            website: String::new(),
        },
        response_for: StatusAddress {
            organ_id: delivery.from_code.clone(),
            code: spelled("code", &document.notation),
            document_id: DocumentIdentifier::new(&spelled("documentId", &document.identifier)).ok(),
            promulgation_date: document.promulgated_on.clone(),
        },
        staff: Staff::default(),
        code: StatusCode::Arrived,
        description: StatusCode::Arrived.vi().to_owned(),
        sent: delivery.created_at,
    }
}
