//! Regulations of an agency and the list of what is sent with paper too (RULES R62, QĐ 28/2018 Đ7.2.b, Đ19.1.a).

use std::collections::BTreeSet;

use mail::{AgencyId, OwnerId, Timestamp};
use serde_json::json;
use store::{Audit, NewRegulation, RegulationKind, Store, Tx};
use time::Date;

use super::{OfficeFault, said};
use crate::Error;
use crate::calendar::{Written, day_of};

/// Items of a list.
const ITEMS_MAX: usize = 1_000;
/// Superiors whose lists are looked at: a list is decided by the head of a ministry or a locality for all below.
const SUPERIORS_MAX: usize = 12;

/// A regulation as somebody tells it.
#[derive(Clone, Debug)]
pub struct NewText {
    /// The agency.
    pub agency_id: AgencyId,
    /// What it is.
    pub kind: RegulationKind,
    /// Number and notation.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Its day.
    pub issued_on: Date,
    /// Who signed it.
    pub signer: String,
    /// The first day it holds.
    pub from: Date,
    /// The last day it holds, where that is known.
    pub to: Option<Date>,
    /// Of a list: item and what it means.
    pub items: Vec<(String, String)>,
    /// Who records it.
    pub by: String,
}

impl NewText {
    fn read(self) -> Result<NewRegulation, OfficeFault> {
        let text = |text: &str| said(text, OfficeFault::Text).map(str::to_owned);
        if self.to.is_some_and(|to| to < self.from) {
            return Err(OfficeFault::TextPeriod);
        }
        let mut items = Vec::with_capacity(self.items.len().min(ITEMS_MAX));
        for (item, what) in self.items.iter().take(ITEMS_MAX + 1) {
            let item = said(item, OfficeFault::Items)?;
            items.push((item.to_owned(), said(what, OfficeFault::Items)?.to_owned()));
        }
        let different: BTreeSet<&String> = items.iter().map(|(item, _)| item).collect();
        let wanted = match self.kind {
            RegulationKind::PaperList => 1..=ITEMS_MAX,
            RegulationKind::Regulation => 0..=0,
        };
        if different.len() != items.len() || !wanted.contains(&items.len()) {
            return Err(OfficeFault::Items);
        }
        Ok(NewRegulation {
            agency_id: self.agency_id,
            kind: self.kind,
            number: text(&self.number)?,
            title: text(&self.title)?,
            issued_on: Written(self.issued_on).to_string(),
            signer: text(&self.signer)?,
            from_day: Written(self.from).to_string(),
            to_day: self.to.map(|to| Written(to).to_string()).unwrap_or_default(),
            recorded_by: self.by,
            items,
        })
    }
}

/// Records a regulation or a list; answers its number.
///
/// # Errors
/// [`Error::Office`], or the store's trouble.
pub async fn record_text(store: &Store, new: NewText, now: Timestamp) -> Result<i64, Error> {
    let new = new.read()?;
    store
        .write("record a regulation", new, move |tx, new| {
            Box::pin(async move {
                let no = tx.add_regulation(new, now).await?;
                let detail = json!({ "regulation": no, "kind": new.kind.as_str() }).to_string();
                let owner = OwnerId::from(new.agency_id);
                tx.audit(owner, now, &new.recorded_by, Audit::OfficeChanged, "", &detail).await?;
                Ok(no)
            })
        })
        .await
}

/// Says until which day a regulation or a list holds.
///
/// # Errors
/// [`OfficeFault::Unknown`], or the store's trouble.
pub async fn end_text(
    store: &Store,
    agency_id: AgencyId,
    no: i64,
    last: Date,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    store
        .write("end a regulation", (Written(last).to_string(), by.to_owned()), move |tx, (last, by)| {
            Box::pin(async move {
                if !tx.end_regulation(agency_id, no, last).await? {
                    return Err(OfficeFault::Unknown.into());
                }
                let detail = json!({ "regulation": no, "last": last }).to_string();
                tx.audit(OwnerId::from(agency_id), now, by, Audit::OfficeChanged, "", &detail)
                    .await
                    .map_err(Error::from)
            })
        })
        .await
}

/// Whether an item that a sender names as its reason for paper is in a list that holds today: its own, or that of an agency above it.
pub(crate) async fn is_item_listed(
    tx: &mut Tx,
    sender: AgencyId,
    item: &str,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let day = Written(day_of(now)).to_string();
    let mut next = Some(sender);
    for _ in 0..SUPERIORS_MAX {
        let Some(agency_id) = next else { break };
        if tx.has_paper_item(agency_id, item.trim(), &day).await? {
            return Ok(true);
        }
        next = tx.agency(agency_id, now).await?.and_then(|agency| agency.parent_id);
    }
    Ok(false)
}
