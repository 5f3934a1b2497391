//! What the statistics of the exchange are counted from, and the counts of days that are over (RULES R53).
//!
//! A fact is written in the transaction of what happened and never changed, so whoever writes one waits for nobody. Days that are
//! over are counted once, agency by agency ([`Tx::count_day`]); a question adds up the counts of whole days and the facts of the
//! days that are not counted yet ([`Tx::tallies`]).

use mail::{AgencyId, DocumentId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::error::Result;
use crate::sql::{Row, Sql, json_list, over_list, values};

words! {
    /// What happened to a document, for the agency that it counts for.
    FactKind, "a fact of the exchange has one of ten words" {
        /// The agency sent it.
        Sent = "sent",
        /// It came to the agency.
        Received = "received",
        /// The agency took it in: 03, or what implies it.
        Accepted = "accepted",
        /// The agency refused it: 02.
        Refused = "refused",
        /// A receiver refused the agency's document.
        Returned = "returned",
        /// The agency finished its work on it: 06.
        Done = "done",
        /// The agency cancelled it after a recall.
        Cancelled = "cancelled",
        /// The agency recalled it.
        Recalled = "recalled",
        /// The agency updated it.
        Updated = "updated",
        /// The agency replaced it.
        Replaced = "replaced",
    }
}

/// Something that happened to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFact {
    /// The agency that it counts for.
    pub agency_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// What happened.
    pub fact: FactKind,
    /// The other side of it; all zero when there is none.
    pub other_id: [u8; 16],
    /// The day in Vietnam, `2026-11-22`.
    pub day: String,
    /// The document's type, or the code of a reason.
    pub kind: String,
    /// Words, in the order of their letters, a blank between them.
    pub marks: String,
    /// How many deliveries.
    pub weight: i64,
}

/// How often something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The agency that it counts for.
    pub agency_id: AgencyId,
    /// What happened.
    pub fact: FactKind,
    /// The documents' type, or the code of a reason.
    pub kind: String,
    /// Words, in the order of their letters.
    pub marks: String,
    /// How often.
    pub n: i64,
    /// Over how many deliveries.
    pub weight: i64,
}

macro_rules! add_facts {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO exchange_fact (agency_id, document_id, fact, other_id, day, kind, marks, weight) SELECT ",
            $id, "t.value ->> 0", $end, ", ", $id, "t.value ->> 1", $end, ", t.value ->> 2, ", $id, "t.value ->> 3", $end,
            ", t.value ->> 4, t.value ->> 5, t.value ->> 6, CAST(t.value ->> 7 AS BIGINT) FROM ", $list,
            " WHERE CAST($1 AS BIGINT) = 0 ON CONFLICT (agency_id, document_id, fact, other_id) DO NOTHING"
        )
    };
}

macro_rules! count_day {
    ($from:literal) => {
        concat!(
            "INSERT INTO exchange_count (agency_id, day, fact, kind, marks, n, weight) \
             SELECT f.agency_id, f.day, f.fact, f.kind, f.marks, COUNT(*), CAST(SUM(f.weight) AS BIGINT) FROM ",
            $from,
            " AND f.day = $1 GROUP BY f.agency_id, f.day, f.fact, f.kind, f.marks \
             ON CONFLICT (agency_id, day, fact, kind, marks) DO UPDATE SET n = excluded.n, weight = excluded.weight"
        )
    };
}

macro_rules! tallies {
    ($counts:literal, $facts:literal) => {
        concat!(
            "SELECT u.agency_id, u.fact, u.kind, u.marks, CAST(SUM(u.n) AS BIGINT), CAST(SUM(u.weight) AS BIGINT) FROM (\
             SELECT f.agency_id, f.fact, f.kind, f.marks, f.n, f.weight FROM ",
            $counts,
            " AND f.day >= $1 AND f.day <= $3 AND f.day <= $4 UNION ALL \
             SELECT f.agency_id, f.fact, f.kind, f.marks, 1, f.weight FROM ",
            $facts,
            " AND f.day >= $1 AND f.day <= $3 AND f.day > $4) u GROUP BY u.agency_id, u.fact, u.kind, u.marks"
        )
    };
}

const ADD: Sql = over_list!(add_facts);
const COUNT_DAY: Sql = Sql {
    sqlite: count_day!(
        "json_each($2) t CROSS JOIN exchange_fact f INDEXED BY exchange_fact_by_day ON f.agency_id = unhex(t.value ->> 0)"
    ),
    postgres: count_day!(
        "exchange_fact f WHERE f.agency_id = ANY (ARRAY(SELECT decode(value ->> 0, 'hex') \
         FROM json_array_elements(CAST($2 AS json))))"
    ),
};
const TALLIES: Sql = Sql {
    sqlite: tallies!(
        "json_each($2) t CROSS JOIN exchange_count f ON f.agency_id = unhex(t.value ->> 0)",
        "json_each($2) t CROSS JOIN exchange_fact f INDEXED BY exchange_fact_by_day ON f.agency_id = unhex(t.value ->> 0)"
    ),
    postgres: tallies!(
        "exchange_count f WHERE f.agency_id = ANY (ARRAY(SELECT decode(value ->> 0, 'hex') \
         FROM json_array_elements(CAST($2 AS json))))",
        "exchange_fact f WHERE f.agency_id = ANY (ARRAY(SELECT decode(value ->> 0, 'hex') \
         FROM json_array_elements(CAST($2 AS json))))"
    ),
};

fn fact(row: &Row) -> Result<NewFact> {
    Ok(NewFact {
        agency_id: row.id(0)?,
        document_id: row.id(1)?,
        fact: row.text(2)?.parse()?,
        other_id: row.bytes(3)?.try_into().map_err(|_| crate::Error::Damaged("a fact of the exchange"))?,
        day: row.text(4)?,
        kind: row.text(5)?,
        marks: row.text(6)?,
        weight: row.int(7)?,
    })
}

impl Tx {
    /// Keeps what happened. What is known already stays as it was written first. Answers how many were new.
    pub async fn add_facts(&mut self, facts: &[NewFact]) -> Result<u64> {
        if facts.is_empty() {
            return Ok(0);
        }
        let rows = facts.iter().map(|new| {
            let other = DocumentId::from_bytes(new.other_id);
            (
                new.agency_id,
                new.document_id,
                new.fact.as_str(),
                other,
                &new.day,
                &new.kind,
                &new.marks,
                new.weight,
            )
        });
        let list = json_list(rows)?;
        self.exec(ADD, values![0, &list]).await
    }

    /// What is kept of one document for one agency, in the order of the words.
    pub async fn facts_of(&mut self, agency_id: AgencyId, document_id: DocumentId) -> Result<Vec<NewFact>> {
        let rows = self
            .rows(
                "SELECT agency_id, document_id, fact, other_id, day, kind, marks, weight FROM exchange_fact \
                 WHERE agency_id = $1 AND document_id = $2 ORDER BY fact, other_id LIMIT 10000",
                values![&agency_id, &document_id],
            )
            .await?;
        rows.iter().map(fact).collect()
    }

    /// What happened to an agency's documents from one day to another, both included: the rows behind a figure (RULES K22), in the
    /// order of days and documents, after a place, `limit` at most.
    pub async fn facts_between(
        &mut self,
        agency_id: AgencyId,
        fact_kind: FactKind,
        days: (&str, &str),
        after: (&str, DocumentId),
        limit: i64,
    ) -> Result<Vec<NewFact>> {
        let rows = self
            .rows(
                "SELECT agency_id, document_id, fact, other_id, day, kind, marks, weight FROM exchange_fact \
                 WHERE agency_id = $1 AND fact = $2 AND day >= $3 AND day <= $4 AND (day > $5 OR (day = $5 AND document_id > $6)) \
                 ORDER BY day, document_id, other_id LIMIT $7",
                values![&agency_id, fact_kind.as_str(), days.0, days.1, after.0, &after.1, limit],
            )
            .await?;
        rows.iter().map(fact).collect()
    }

    /// The agencies that anything ever happened to, after one, in the order of their ids, `limit` at most. One look into the index
    /// for each, however many documents it has.
    pub async fn exchanging_agencies(
        &mut self,
        after: Option<AgencyId>,
        limit: i64,
    ) -> Result<Vec<AgencyId>> {
        let after = after.unwrap_or(AgencyId::from_bytes([0; 16]));
        let rows = self
            .rows(
                "WITH RECURSIVE a(id) AS (SELECT (SELECT agency_id FROM exchange_fact WHERE agency_id > $1 \
                 ORDER BY agency_id LIMIT 1) UNION ALL SELECT (SELECT f.agency_id FROM exchange_fact f \
                 WHERE f.agency_id > a.id ORDER BY f.agency_id LIMIT 1) FROM a WHERE a.id IS NOT NULL) \
                 SELECT id FROM a WHERE id IS NOT NULL LIMIT $2",
                values![&after, limit],
            )
            .await?;
        rows.iter().map(|row| row.id(0)).collect()
    }

    /// The last day that is counted; empty when none is.
    pub async fn counted_through(&mut self) -> Result<String> {
        let row = self.row("SELECT through FROM exchange_counted", &[]).await?;
        row.map_or(Ok(String::new()), |row| row.text(0))
    }

    /// The first day of all that something happened on. Looks at every fact: for who begins to count.
    pub async fn first_fact_day(&mut self) -> Result<Option<String>> {
        let row = self.row("SELECT MIN(day) FROM exchange_fact", &[]).await?;
        Ok(row.map(|row| row.opt_text(0)).transpose()?.flatten())
    }

    /// Counts what happened to some agencies on a day that is over. Counting it twice changes nothing.
    pub async fn count_day(&mut self, day: &str, agencies: &[AgencyId]) -> Result<()> {
        let list = json_list(agencies.iter().map(|id| [id]))?;
        self.exec(COUNT_DAY, values![day, &list]).await.map(drop)
    }

    /// Says that every day up to this one is counted.
    pub async fn set_counted_through(&mut self, day: &str) -> Result<()> {
        self.exec("UPDATE exchange_counted SET through = $1 WHERE through < $1", values![day]).await.map(drop)
    }

    /// Forgets what was counted, so that all days are counted again from their facts.
    pub async fn forget_counts(&mut self) -> Result<()> {
        self.exec("DELETE FROM exchange_count", &[]).await?;
        self.exec("UPDATE exchange_counted SET through = ''", &[]).await.map(drop)
    }

    /// How often what happened to some agencies from one day to another, both included.
    pub async fn tallies(&mut self, agencies: &[AgencyId], from: &str, to: &str) -> Result<Vec<Tally>> {
        let through = self.counted_through().await?;
        let list = json_list(agencies.iter().map(|id| [id]))?;
        let rows = self.rows(TALLIES, values![from, &list, to, &through]).await?;
        let tally = |row: &Row| {
            Ok(Tally {
                agency_id: row.id(0)?,
                fact: row.text(1)?.parse()?,
                kind: row.text(2)?,
                marks: row.text(3)?,
                n: row.int(4)?,
                weight: row.int(5)?,
            })
        };
        rows.iter().map(tally).collect()
    }

    /// Moments between two others, without them, from which something is true of an agency that was not before: its name, its
    /// superior, its end. In order, `limit` at most.
    pub async fn agencies_change_at(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        limit: i64,
    ) -> Result<Vec<Timestamp>> {
        let rows = self
            .rows(
                "SELECT DISTINCT valid_from FROM agency_version WHERE superseded_at IS NULL AND valid_from > $1 \
                 AND valid_from < $2 ORDER BY valid_from LIMIT $3",
                values![from, to, limit],
            )
            .await?;
        rows.iter().map(|row| row.moment(0)).collect()
    }
}
