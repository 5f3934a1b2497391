//! Agencies, their codes and names through time, their units, domains, signers and exchange systems.
//!
//! What an agency is called and coded has two times (RULES I6): when it is true (`valid`) and when we knew it so
//! (`recorded`). Every question names the moment it asks about, so what was recorded for a day to come is true from that
//! day on, without anybody doing anything.

mod codes;
mod feed;
mod index;
mod places;
mod search;
mod successors;
mod systems;
mod timeline;
mod words;

use mail::{AgencyCode, AgencyId, Timestamp};

pub use codes::{CodeScheme, KnownCode};
pub use places::{SignerCertificate, SignerRole, Unit};
pub use search::{AgencyHit, Matched};
pub use successors::Followed;
pub use systems::{ExchangeSystem, NewSystem};
pub use timeline::{AgencyChange, AgencyVersion};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};

/// Later than every moment that was recorded: what is known now.
const KNOWN_NOW: Timestamp = Timestamp::from_millis(i64::MAX);

/// An agency to add.
#[derive(Clone, Debug)]
pub struct NewAgency {
    /// Its id.
    pub agency_id: AgencyId,
    /// What it is called and coded from `valid_from`.
    pub names: AgencyNames,
    /// From when.
    pub valid_from: Timestamp,
}

/// What an agency is called and coded at a time (RULES I6).
#[derive(Clone, Debug)]
pub struct AgencyNames {
    /// Its code now: QĐ 20 where it has one.
    pub code: AgencyCode,
    /// Its QCVN 102 code, when it has one (RULES I1).
    pub code102: Option<AgencyCode>,
    /// Its full name in Vietnamese.
    pub name: String,
    /// Its public address, or empty.
    pub mail: String,
    /// Its superior.
    pub parent_id: Option<AgencyId>,
    /// The decision that says so, or empty.
    pub decision: String,
}

/// An agency as it is at a moment, as far as is known.
#[derive(Clone, Debug)]
pub struct Agency {
    /// Its id.
    pub agency_id: AgencyId,
    /// Its code.
    pub code: AgencyCode,
    /// Its QCVN 102 code.
    pub code102: Option<AgencyCode>,
    /// An older code it answers to.
    pub old_code: Option<AgencyCode>,
    /// Its name.
    pub name: String,
    /// Its public address, or empty.
    pub mail: String,
    /// Its superior.
    pub parent_id: Option<AgencyId>,
    /// The agency that takes packages in for it, when it has no system of its own (RULES R60).
    pub focal_id: Option<AgencyId>,
    /// Whether it can send and receive (RULES R2).
    pub is_active: bool,
    /// The register's version at its last change (RULES R70).
    pub version: i64,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// `$1` is the moment asked about, `$2` the moment as of which it was known.
macro_rules! select_agency {
    ($from:literal, $tail:literal) => {
        concat!(
            "SELECT v.agency_id, v.code, ",
            select_agency!(@code "qcvn102"),
            ", ",
            select_agency!(@code "old"),
            ", v.name, v.mail, v.parent_id, v.focal_id, v.state, a.version, a.changed_at FROM ",
            $from,
            " JOIN agency a ON a.agency_id = v.agency_id WHERE v.valid_from <= $1 AND (v.valid_to IS NULL OR v.valid_to > $1) \
             AND v.recorded_at <= $2 AND (v.superseded_at IS NULL OR v.superseded_at > $2) ",
            $tail
        )
    };
    (@code $scheme:literal) => {
        concat!(
            "(SELECT c.code FROM agency_code c WHERE c.agency_id = v.agency_id AND c.scheme = '",
            $scheme,
            "' AND c.valid_from <= $1 AND (c.valid_to IS NULL OR c.valid_to > $1) AND c.recorded_at <= $2 \
             AND (c.superseded_at IS NULL OR c.superseded_at > $2) ORDER BY c.valid_from DESC, c.code LIMIT 1)"
        )
    };
}
use select_agency;

/// PostgreSQL's words for "is one of the ids of a JSON array of hexadecimal texts". An array and not a join: a join it does not
/// know the size of makes it read the whole table.
macro_rules! ids_in {
    ($list:literal) => {
        concat!("ANY (ARRAY(SELECT decode(jsonb_array_elements_text(", $list, "::jsonb), 'hex')))")
    };
}
use ids_in;

fn code(text: String) -> Result<AgencyCode> {
    text.parse().map_err(|_| Error::Damaged("an agency code"))
}

fn agency(row: &Row) -> Result<Agency> {
    Ok(Agency {
        agency_id: row.id(0)?,
        code: code(row.text(1)?)?,
        code102: row.opt_text(2)?.map(code).transpose()?,
        old_code: row.opt_text(3)?.map(code).transpose()?,
        name: row.text(4)?,
        mail: row.text(5)?,
        parent_id: row.opt_id(6)?,
        focal_id: row.opt_id(7)?,
        is_active: row.text(8)? == "active",
        version: row.int(9)?,
        changed_at: row.moment(10)?,
    })
}

/// Ids as a JSON array of hexadecimal texts: how a statement takes many at once.
fn hex_list<'i>(ids: impl IntoIterator<Item = &'i AgencyId>) -> String {
    let ids: Vec<String> = ids.into_iter().map(hex).collect();
    serde_json::Value::from(ids).to_string()
}

fn hex(id: &AgencyId) -> String {
    bytes_hex(id.as_bytes())
}

fn bytes_hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

impl Tx {
    /// The agency that answers to a code at a moment, in any scheme (RULES I5).
    pub async fn agency_by_code(&mut self, code: &AgencyCode, at: Timestamp) -> Result<Option<Agency>> {
        self.row(
            select_agency!(
                "agency_code k JOIN agency_version v ON v.agency_id = k.agency_id",
                "AND k.code_folded = $3 AND k.valid_from <= $1 AND (k.valid_to IS NULL OR k.valid_to > $1) \
                 AND k.recorded_at <= $2 AND (k.superseded_at IS NULL OR k.superseded_at > $2) \
                 ORDER BY k.valid_from DESC LIMIT 1"
            ),
            values![at, KNOWN_NOW, &code.folded()],
        )
        .await?
        .as_ref()
        .map(agency)
        .transpose()
    }

    /// An agency by its id, as it is at a moment; `None` before its first day.
    pub async fn agency(&mut self, agency_id: AgencyId, at: Timestamp) -> Result<Option<Agency>> {
        self.agency_as_known(agency_id, at, KNOWN_NOW).await
    }

    /// An agency as it was at a moment, as far as was known at another (RULES I6).
    pub async fn agency_as_known(
        &mut self,
        agency_id: AgencyId,
        at: Timestamp,
        known: Timestamp,
    ) -> Result<Option<Agency>> {
        self.row(select_agency!("agency_version v", "AND v.agency_id = $3"), values![at, known, &agency_id])
            .await?
            .as_ref()
            .map(agency)
            .transpose()
    }

    /// All agencies at a moment, by code. Everybody at once: for the small work of the command line; lists for callers go page
    /// by page ([`agencies_page`](Self::agencies_page)).
    pub async fn agencies(&mut self, at: Timestamp) -> Result<Vec<Agency>> {
        let rows =
            self.rows(select_agency!("agency_version v", "ORDER BY v.code"), values![at, KNOWN_NOW]).await?;
        rows.iter().map(agency).collect()
    }

    /// The agencies after one in the order of their ids, `limit` at most.
    pub async fn agencies_page(
        &mut self,
        after: Option<AgencyId>,
        at: Timestamp,
        limit: i64,
    ) -> Result<Vec<Agency>> {
        let after = after.unwrap_or(AgencyId::from_bytes([0; 16]));
        let rows = self
            .rows(
                select_agency!("agency_version v", "AND v.agency_id > $3 ORDER BY v.agency_id LIMIT $4"),
                values![at, KNOWN_NOW, &after, limit],
            )
            .await?;
        rows.iter().map(agency).collect()
    }

    /// Those of some agencies that are there at a moment, in no order.
    pub async fn agencies_by_id(&mut self, ids: &[AgencyId], at: Timestamp) -> Result<Vec<Agency>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .rows(
                Sql {
                    sqlite: select_agency!(
                        "json_each($3) j CROSS JOIN agency_version v ON v.agency_id = unhex(j.value)",
                        ""
                    ),
                    postgres: select_agency!(
                        "agency_version v",
                        "AND v.agency_id = ANY (ARRAY(SELECT decode(jsonb_array_elements_text($3::jsonb), 'hex')))"
                    ),
                },
                values![at, KNOWN_NOW, &hex_list(ids)],
            )
            .await?;
        rows.iter().map(agency).collect()
    }
}
