//! Written authorisations to sign, and the document whose signer needs one (RULES R81, NĐ 30/2020 Đ13.3).

use mail::{AgencyId, OwnerId, Timestamp};
use serde_json::json;
use store::{Audit, Authorised, NewAuthorisation, Store, Tx};
use time::Date;

use super::competence::{Authorisation, Competence, is_authorised};
use super::{OfficeFault, name_key, said};
use crate::Error;
use crate::calendar::Written;

/// An authorisation as somebody tells it.
#[derive(Clone, Debug)]
pub struct NewAuthority {
    /// The agency.
    pub agency_id: AgencyId,
    /// Who may sign: the name as documents give it.
    pub holder: String,
    /// The head who authorises.
    pub granter: String,
    /// Number and notation of the written authorisation.
    pub document: String,
    /// What may be signed.
    pub content: String,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Who records it.
    pub by: String,
}

impl NewAuthority {
    fn read(self) -> Result<NewAuthorisation, OfficeFault> {
        let holder = said(&self.holder, OfficeFault::Holder)?.to_owned();
        let granter = said(&self.granter, OfficeFault::Holder)?.to_owned();
        let (holder_key, granter_key) = (name_key(&holder), name_key(&granter));
        if holder_key == granter_key {
            return Err(OfficeFault::Holder);
        }
        if self.from > self.to {
            return Err(OfficeFault::Period);
        }
        Ok(NewAuthorisation {
            agency_id: self.agency_id,
            holder,
            holder_key,
            granter,
            granter_key,
            document: said(&self.document, OfficeFault::Writing)?.to_owned(),
            content: said(&self.content, OfficeFault::Content)?.to_owned(),
            from_day: Written(self.from).to_string(),
            to_day: Written(self.to).to_string(),
            recorded_by: self.by,
        })
    }
}

/// Records a written authorisation; answers its number.
///
/// # Errors
/// [`Error::Office`] for what the law does not allow, or the store's trouble.
pub async fn authorise(store: &Store, new: NewAuthority, now: Timestamp) -> Result<i64, Error> {
    let new = new.read()?;
    store
        .write("record an authorisation", new, move |tx, new| {
            Box::pin(async move {
                let (agency_id, from, to) = (new.agency_id, &new.from_day, &new.to_day);
                if !tx.authorisations_of(agency_id, &new.granter_key, from, to).await?.is_empty() {
                    return Err(OfficeFault::Redelegated.into());
                }
                let no = tx.add_authorisation(new, now).await?;
                let detail = json!({ "authorisation": no, "from": from, "to": to }).to_string();
                tx.audit(OwnerId::from(agency_id), now, &new.recorded_by, Audit::OfficeChanged, "", &detail)
                    .await?;
                Ok(no)
            })
        })
        .await
}

/// Takes an authorisation back: from that day on it holds no more.
///
/// # Errors
/// [`OfficeFault::Unknown`], or the store's trouble.
pub async fn end_authority(
    store: &Store,
    agency_id: AgencyId,
    no: i64,
    from: Date,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    store
        .write("end an authorisation", (Written(from).to_string(), by.to_owned()), move |tx, (from, by)| {
            Box::pin(async move {
                if !tx.end_authorisation(agency_id, no, from, by).await? {
                    return Err(OfficeFault::Unknown.into());
                }
                let detail = json!({ "authorisation": no, "ended": from }).to_string();
                tx.audit(OwnerId::from(agency_id), now, by, Audit::OfficeChanged, "", &detail)
                    .await
                    .map_err(Error::from)
            })
        })
        .await
}

/// The days of a recorded authorisation; one that was taken back before it began has none.
fn days(of: &Authorised) -> Option<Authorisation> {
    let day = |text: &str| text.parse::<Written>().ok().map(|day| day.0);
    let to = day(&of.says.to_day)?;
    let to = match &of.ended_on {
        Some(ended) => to.min(day(ended)?.previous_day()?),
        None => to,
    };
    let from = day(&of.says.from_day)?;
    (from <= to).then_some(Authorisation { from, to })
}

/// Whether a document that says TUQ. was signed under an authorisation of its signer that covered the day of signing. In the accepting
/// transaction.
pub(crate) async fn is_signer_authorised(
    tx: &mut Tx,
    agency_id: AgencyId,
    competence: &str,
    name: &str,
    signed: Date,
) -> Result<bool, store::Error> {
    if Competence::of(competence) != Some(Competence::ByAuthorisation) {
        return Ok(true);
    }
    let day = Written(signed).to_string();
    let known = tx.authorisations_of(agency_id, &name_key(name), &day, &day).await?;
    let days: Vec<Authorisation> = known.iter().filter_map(days).collect();
    Ok(is_authorised(competence, signed, &days))
}
