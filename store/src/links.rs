//! Which package of an agency acted upon which of its documents (RULES R37, R44, R45), and the states that follow.

use mail::{AgencyId, DocumentId, Timestamp};
use ring::digest::{Context, SHA256};

use crate::Tx;
use crate::accounts::words;
use crate::documents::Document;
use crate::error::Result;
use crate::sql::{Row, Sql, values};

words! {
    /// What a later package did to a document.
    LinkKind, "link kind is recall, update or replacement" {
        /// It recalled it (R37).
        Recall = "recall",
        /// It updated it (R44).
        Update = "update",
        /// It replaced it (R45).
        Replacement = "replacement",
    }
}

words! {
    /// What a document is to its sender.
    DocumentState, "document state is active, frozen, replaced or content-dropped" {
        /// As it was sent.
        Active = "active",
        /// Recalled: nothing may be done to it any more (R38).
        Frozen = "frozen",
        /// Another stands in its place; it stays readable (R45).
        Replaced = "replaced",
        /// It only passed through here; its content went after its time, what is known of it stays (R69).
        ContentDropped = "content-dropped",
    }
}

/// An act upon a document to record.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// The agency of both.
    pub agency_id: AgencyId,
    /// The document.
    pub original_id: DocumentId,
    /// The package that acts.
    pub act_id: DocumentId,
    /// What it does.
    pub kind: LinkKind,
    /// Why.
    pub reason: String,
    /// Who ordered it, as JSON.
    pub ordered_by: String,
}

/// A recorded act upon a document.
#[derive(Clone, Debug)]
pub struct Link {
    /// The document.
    pub original_id: DocumentId,
    /// The package that acted.
    pub act_id: DocumentId,
    /// What it did.
    pub kind: LinkKind,
    /// Why.
    pub reason: String,
    /// Who ordered it, as JSON.
    pub ordered_by: String,
    /// When.
    pub at: Timestamp,
    /// When two persons reversed it (R43).
    pub undone_at: Option<Timestamp>,
}

macro_rules! select_link {
    ($tail:literal) => {
        concat!(
            "SELECT original_id, act_id, kind, reason, ordered_by, at, undone_at FROM document_link ",
            $tail
        )
    };
}

fn link(row: &Row) -> Result<Link> {
    Ok(Link {
        original_id: row.id(0)?,
        act_id: row.id(1)?,
        kind: row.text(2)?.parse()?,
        reason: row.text(3)?,
        ordered_by: row.text(4)?,
        at: row.moment(5)?,
        undone_at: row.opt_moment(6)?,
    })
}

impl Tx {
    /// Holds identifiers of an agency to the end of the transaction: of two packages under one identifier at the same
    /// instant, the second waits and then sees the first (VXP 3.8 step 7). On SQLite the one writer holds everything.
    pub async fn hold_identifiers(&mut self, agency_id: AgencyId, identifiers: &[&str]) -> Result<()> {
        let number = |identifier: &&str| {
            let mut context = Context::new(&SHA256);
            context.update(agency_id.as_bytes());
            context.update(identifier.as_bytes());
            let digest = context.finish();
            digest.as_ref().iter().take(8).fold(0i64, |number, byte| (number << 8) | i64::from(*byte))
        };
        // In one order for everybody, or two would wait for one another.
        let mut numbers: Vec<i64> = identifiers.iter().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let hold = Sql { sqlite: "SELECT $1", postgres: "SELECT 1 FROM pg_advisory_xact_lock($1)" };
        for number in numbers {
            self.row(hold, values![number]).await?;
        }
        Ok(())
    }

    /// A package of an agency, held to the end of the transaction.
    pub async fn hold_document(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Option<Document>> {
        let hold = Sql {
            sqlite: "SELECT 1 FROM document WHERE agency_id = $1 AND document_id = $2",
            postgres: "SELECT 1 FROM document WHERE agency_id = $1 AND document_id = $2 FOR UPDATE",
        };
        self.row(hold, values![&agency_id, &document_id]).await?;
        self.document(agency_id, document_id).await
    }

    /// Writes what a document is to its sender now.
    pub async fn set_document_state(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
        state: DocumentState,
    ) -> Result<()> {
        self.exec(
            "UPDATE document SET state = $3 WHERE agency_id = $1 AND document_id = $2",
            values![&agency_id, &document_id, state.as_str()],
        )
        .await
        .map(drop)
    }

    /// Records that a package acted upon a document.
    pub async fn add_link(&mut self, new: &NewLink, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO document_link (agency_id, original_id, act_id, kind, reason, ordered_by, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (agency_id, original_id, act_id) DO NOTHING",
            values![
                &new.agency_id,
                &new.original_id,
                &new.act_id,
                new.kind.as_str(),
                &new.reason,
                &new.ordered_by,
                now
            ],
        )
        .await
        .map(drop)
    }

    /// Marks an act as reversed; answers whether it was not so before.
    pub async fn undo_link(
        &mut self,
        agency_id: AgencyId,
        original_id: DocumentId,
        act_id: DocumentId,
        now: Timestamp,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE document_link SET undone_at = $4 \
                 WHERE agency_id = $1 AND original_id = $2 AND act_id = $3 AND undone_at IS NULL",
                values![&agency_id, &original_id, &act_id, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// What later packages did to a document, oldest first.
    pub async fn acts_upon(&mut self, agency_id: AgencyId, original_id: DocumentId) -> Result<Vec<Link>> {
        let rows = self
            .rows(
                select_link!("WHERE agency_id = $1 AND original_id = $2 ORDER BY at, act_id LIMIT 100"),
                values![&agency_id, &original_id],
            )
            .await?;
        rows.iter().map(link).collect()
    }

    /// What a package did to earlier documents, oldest first.
    pub async fn acts_by(&mut self, agency_id: AgencyId, act_id: DocumentId) -> Result<Vec<Link>> {
        let rows = self
            .rows(
                select_link!("WHERE agency_id = $1 AND act_id = $2 ORDER BY at, original_id LIMIT 100"),
                values![&agency_id, &act_id],
            )
            .await?;
        rows.iter().map(link).collect()
    }
}

#[cfg(test)]
mod tests {
    /// Nothing edits an issued document: of its row only the state is ever rewritten.
    #[test]
    fn r46_nothing_of_an_issued_document_is_rewritten_but_its_state() {
        let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let mut seen = 0;
        for source in sources.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&source).unwrap();
            let rewrites = text.split(concat!("UPDATE ", "document SET ")).skip(1);
            for rewrite in rewrites {
                seen += 1;
                let set = rewrite.split(" WHERE ").next().unwrap();
                let only_state = set.starts_with("state = ") && !set.contains(',');
                assert!(only_state, "{}: {rewrite:.60}", source.display());
            }
            let deletes = concat!("DELETE FROM ", "document ");
            assert!(!text.contains(deletes), "{}", source.display());
        }
        // What a package does to it, and content that was only passed on (R69).
        assert_eq!(seen, 2);
    }
}
