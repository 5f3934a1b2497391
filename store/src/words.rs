//! By which words an agency finds its documents.

use mail::{AgencyId, DocumentId};

use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, values};

/// A document that holds the first of some words, and which of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The document.
    pub document_id: DocumentId,
    /// Whether it holds all the others.
    pub holds_all: bool,
}

/// Words of one search beside the first.
pub const OTHER_WORDS_MAX: usize = 3;

impl Tx {
    /// Enters a document under its words, for its sender and for every receiver.
    pub async fn add_document_words(
        &mut self,
        sender_id: AgencyId,
        document_id: DocumentId,
        words: &[String],
    ) -> Result<()> {
        // One statement for all words and all who look for them: a trip to the engine costs more than a row.
        let sql = Sql {
            sqlite: "INSERT INTO document_word (agency_id, word, document_id) \
                     SELECT a.agency_id, w.value, $2 FROM (SELECT $1 AS agency_id UNION SELECT receiver_id FROM document_receiver \
                     WHERE sender_id = $1 AND document_id = $2) a, json_each($3) w \
                     WHERE TRUE ON CONFLICT (agency_id, word, document_id) DO NOTHING",
            postgres: "INSERT INTO document_word (agency_id, word, document_id) \
                       SELECT a.agency_id, w.value, $2 FROM (SELECT CAST($1 AS BYTEA) AS agency_id UNION \
                       SELECT receiver_id FROM document_receiver WHERE sender_id = $1 AND document_id = $2) a, \
                       jsonb_array_elements_text(CAST($3 AS TEXT)::jsonb) w(value) \
                       ON CONFLICT (agency_id, word, document_id) DO NOTHING",
        };
        let words = serde_json::Value::from(words).to_string();
        self.exec(sql, values![&sender_id, &document_id, &words]).await?;
        Ok(())
    }

    /// Documents of an agency with a word, older than `before`, newest first, `limit` at most, each with whether it holds the
    /// other words too: the caller bounds how far it looks.
    pub async fn documents_with_words(
        &mut self,
        agency_id: AgencyId,
        word: &str,
        others: &[String],
        before: DocumentId,
        limit: i64,
    ) -> Result<Vec<Hit>> {
        let other = |index: usize| others.get(index).map_or("", String::as_str);
        let rows = self
            .rows(
                "SELECT a.document_id, CASE WHEN \
                 ($5 = '' OR EXISTS (SELECT 1 FROM document_word b WHERE b.agency_id = $1 AND b.word = $5 \
                 AND b.document_id = a.document_id)) AND \
                 ($6 = '' OR EXISTS (SELECT 1 FROM document_word c WHERE c.agency_id = $1 AND c.word = $6 \
                 AND c.document_id = a.document_id)) AND \
                 ($7 = '' OR EXISTS (SELECT 1 FROM document_word d WHERE d.agency_id = $1 AND d.word = $7 \
                 AND d.document_id = a.document_id)) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END \
                 FROM document_word a WHERE a.agency_id = $1 AND a.word = $2 AND a.document_id < $3 \
                 ORDER BY a.document_id DESC LIMIT $4",
                values![&agency_id, word, &before, limit, other(0), other(1), other(2)],
            )
            .await?;
        rows.iter().map(|row| Ok(Hit { document_id: row.id(0)?, holds_all: row.flag(1)? })).collect()
    }
}
