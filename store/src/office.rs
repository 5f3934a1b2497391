//! What the head of an agency decides about its documents: authorisations to sign (RULES R81), regulations and the list of what is sent
//! with paper too (RULES R62). Nothing is removed: it ends.

use mail::{AgencyId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, json_list, over_list, values};

/// Authorisations or regulations of one agency that are listed. Ours: fifty years of two a month.
const LISTED_MAX: i64 = 1_200;

/// A written authorisation to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuthorisation {
    /// The agency.
    pub agency_id: AgencyId,
    /// Who may sign.
    pub holder: String,
    /// The same as names are compared.
    pub holder_key: String,
    /// The head who authorises.
    pub granter: String,
    /// The same as names are compared.
    pub granter_key: String,
    /// Number and notation of the written authorisation.
    pub document: String,
    /// What may be signed.
    pub content: String,
    /// The first day.
    pub from_day: String,
    /// The last day.
    pub to_day: String,
    /// Who recorded it.
    pub recorded_by: String,
}

/// A recorded authorisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorised {
    /// Its number at the agency.
    pub no: i64,
    /// What it says.
    pub says: NewAuthorisation,
    /// The first day on which it holds no more, when it was taken back.
    pub ended_on: Option<String>,
}

words! {
    /// What a text of an agency's own is.
    RegulationKind, "kind is regulation or paper-list" {
        /// Quy chế: how documents are exchanged there (QĐ 28/2018 Đ19.1.a).
        Regulation = "regulation",
        /// Danh mục: what is sent with paper too (Đ7.2.b).
        PaperList = "paper-list",
    }
}

/// A text of an agency's own to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRegulation {
    /// The agency.
    pub agency_id: AgencyId,
    /// What it is.
    pub kind: RegulationKind,
    /// Number and notation.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Its day.
    pub issued_on: String,
    /// Who signed it.
    pub signer: String,
    /// The first day it holds.
    pub from_day: String,
    /// The last day it holds; empty while none is known.
    pub to_day: String,
    /// Who recorded it.
    pub recorded_by: String,
    /// Of a list: item and what it means.
    pub items: Vec<(String, String)>,
}

/// A recorded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regulation {
    /// Its number at the agency.
    pub no: i64,
    /// What it says.
    pub says: NewRegulation,
}

macro_rules! add_items {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO regulation_item (agency_id, no, item, what) SELECT $1, $3, t.value ->> 0, t.value ->> 1 FROM ",
            $list
        )
    };
}
const ADD_ITEMS: Sql = over_list!(add_items);

fn authorised(row: &Row) -> Result<Authorised> {
    Ok(Authorised {
        no: row.int(0)?,
        says: NewAuthorisation {
            agency_id: row.id(1)?,
            holder: row.text(2)?,
            holder_key: row.text(3)?,
            granter: row.text(4)?,
            granter_key: row.text(5)?,
            document: row.text(6)?,
            content: row.text(7)?,
            from_day: row.text(8)?,
            to_day: row.text(9)?,
            recorded_by: row.text(10)?,
        },
        ended_on: row.opt_text(11)?,
    })
}

macro_rules! select_authorised {
    ($tail:literal) => {
        concat!(
            "SELECT no, agency_id, holder, holder_key, granter, granter_key, document, content, from_day, to_day, recorded_by, \
             ended_on FROM authorisation ",
            $tail
        )
    };
}

impl Tx {
    /// Records an authorisation; answers its number at the agency.
    pub async fn add_authorisation(&mut self, new: &NewAuthorisation, now: Timestamp) -> Result<i64> {
        self.hold_agency(new.agency_id).await?;
        let row = self
            .row(
                "SELECT COALESCE(MAX(no), 0) + 1 FROM authorisation WHERE agency_id = $1",
                values![&new.agency_id],
            )
            .await?;
        let no = row.map_or(Ok(1), |row| row.int(0))?;
        self.exec(
            "INSERT INTO authorisation (agency_id, no, holder, holder_key, granter, granter_key, document, content, from_day, \
             to_day, recorded_at, recorded_by, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '')",
            values![
                &new.agency_id,
                no,
                &new.holder,
                &new.holder_key,
                &new.granter,
                &new.granter_key,
                &new.document,
                &new.content,
                &new.from_day,
                &new.to_day,
                now,
                &new.recorded_by
            ],
        )
        .await?;
        Ok(no)
    }

    /// An agency's authorisations, the newest first.
    pub async fn authorisations(&mut self, agency_id: AgencyId) -> Result<Vec<Authorised>> {
        let rows = self
            .rows(
                select_authorised!("WHERE agency_id = $1 ORDER BY no DESC LIMIT $2"),
                values![&agency_id, LISTED_MAX],
            )
            .await?;
        rows.iter().map(authorised).collect()
    }

    /// The authorisations of one person that touch some days, both included.
    pub async fn authorisations_of(
        &mut self,
        agency_id: AgencyId,
        holder_key: &str,
        from: &str,
        to: &str,
    ) -> Result<Vec<Authorised>> {
        let rows = self
            .rows(
                select_authorised!(
                    "WHERE agency_id = $1 AND holder_key = $2 AND from_day <= $4 AND to_day >= $3 \
                     AND (ended_on IS NULL OR ended_on > $3) ORDER BY no LIMIT 100"
                ),
                values![&agency_id, holder_key, from, to],
            )
            .await?;
        rows.iter().map(authorised).collect()
    }

    /// Takes an authorisation back from a day on; `false` when there is none of that number that still holds then.
    pub async fn end_authorisation(
        &mut self,
        agency_id: AgencyId,
        no: i64,
        from: &str,
        by: &str,
    ) -> Result<bool> {
        let ended = self
            .exec(
                "UPDATE authorisation SET ended_on = $3, ended_by = $4 WHERE agency_id = $1 AND no = $2 AND to_day >= $3 \
                 AND (ended_on IS NULL OR ended_on > $3)",
                values![&agency_id, no, from, by],
            )
            .await?;
        Ok(ended == 1)
    }

    /// Records a text of an agency's own; answers its number at the agency.
    pub async fn add_regulation(&mut self, new: &NewRegulation, now: Timestamp) -> Result<i64> {
        self.hold_agency(new.agency_id).await?;
        let row = self
            .row(
                "SELECT COALESCE(MAX(no), 0) + 1 FROM regulation WHERE agency_id = $1",
                values![&new.agency_id],
            )
            .await?;
        let no = row.map_or(Ok(1), |row| row.int(0))?;
        self.exec(
            "INSERT INTO regulation (agency_id, no, kind, number, title, issued_on, signer, from_day, to_day, recorded_at, \
             recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            values![
                &new.agency_id,
                no,
                new.kind.as_str(),
                &new.number,
                &new.title,
                &new.issued_on,
                &new.signer,
                &new.from_day,
                &new.to_day,
                now,
                &new.recorded_by
            ],
        )
        .await?;
        let items = json_list(new.items.iter())?;
        self.exec(ADD_ITEMS, values![&new.agency_id, &items, no]).await?;
        Ok(no)
    }

    /// An agency's texts with their items, the newest first.
    pub async fn regulations(&mut self, agency_id: AgencyId) -> Result<Vec<Regulation>> {
        let rows = self
            .rows(
                "SELECT no, kind, number, title, issued_on, signer, from_day, to_day, recorded_by FROM regulation \
                 WHERE agency_id = $1 ORDER BY no DESC LIMIT $2",
                values![&agency_id, LISTED_MAX],
            )
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let no = row.int(0)?;
            let says = NewRegulation {
                agency_id,
                kind: row.text(1)?.parse()?,
                number: row.text(2)?,
                title: row.text(3)?,
                issued_on: row.text(4)?,
                signer: row.text(5)?,
                from_day: row.text(6)?,
                to_day: row.text(7)?,
                recorded_by: row.text(8)?,
                items: self.regulation_items(agency_id, no).await?,
            };
            found.push(Regulation { no, says });
        }
        Ok(found)
    }

    async fn regulation_items(&mut self, agency_id: AgencyId, no: i64) -> Result<Vec<(String, String)>> {
        let rows = self
            .rows(
                "SELECT item, what FROM regulation_item WHERE agency_id = $1 AND no = $2 ORDER BY item LIMIT 1000",
                values![&agency_id, no],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Says until which day a text holds; `false` when there is none of that number.
    pub async fn end_regulation(&mut self, agency_id: AgencyId, no: i64, to_day: &str) -> Result<bool> {
        let ended = self
            .exec(
                "UPDATE regulation SET to_day = $3 WHERE agency_id = $1 AND no = $2 AND from_day <= $3",
                values![&agency_id, no, to_day],
            )
            .await?;
        Ok(ended == 1)
    }

    /// Whether a list of an agency that holds on a day has an item.
    pub async fn has_paper_item(&mut self, agency_id: AgencyId, item: &str, day: &str) -> Result<bool> {
        let row = self
            .row(
                "SELECT 1 FROM regulation r JOIN regulation_item i ON i.agency_id = r.agency_id AND i.no = r.no \
                 WHERE r.agency_id = $1 AND r.kind = 'paper-list' AND r.from_day <= $3 AND (r.to_day = '' OR r.to_day >= $3) \
                 AND i.item = $2 LIMIT 1",
                values![&agency_id, item, day],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Whether any agency has a text of a kind that holds on a day: for the check-list of who wants to go live.
    pub async fn has_regulation(&mut self, kind: RegulationKind, day: &str) -> Result<bool> {
        let row = self
            .row(
                "SELECT 1 FROM regulation WHERE kind = $1 AND from_day <= $2 AND (to_day = '' OR to_day >= $2) LIMIT 1",
                values![kind.as_str(), day],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Numbers at one agency are given one after the other.
    async fn hold_agency(&mut self, agency_id: AgencyId) -> Result<()> {
        let lock = Sql {
            sqlite: "SELECT 1 FROM agency WHERE agency_id = $1",
            postgres: "SELECT 1 FROM agency WHERE agency_id = $1 FOR UPDATE",
        };
        self.row(lock, values![&agency_id]).await?.ok_or(Error::NotFound("the agency")).map(drop)
    }
}
