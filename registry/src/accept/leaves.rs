//! Leaves for what becomes of a document after it was accepted, written in the transaction of the act (RULES A22): each is an
//! act about the original, so that its history can be proven from its own id.

use mail::{AgencyId, Chance, Timestamp};
use ring::digest::{Context, SHA256};
use store::{Document, Tx};

use crate::receipt::{Act, draw_salt, moment, salted};
use crate::vxp::hash::full_hex;

/// The words of these acts, stable.
pub(crate) mod word {
    /// Its sender recalled it (RULES R37).
    pub(crate) const RECALLED: &str = "document-recalled";
    /// Its sender updated it (RULES R44).
    pub(crate) const UPDATED: &str = "document-updated";
    /// Its sender replaced it (RULES R45).
    pub(crate) const REPLACED: &str = "document-replaced";
    /// A receiver sent it back: 02 (RULES R30).
    pub(crate) const REFUSED: &str = "document-refused";
    /// A receiver took it in: 03 (RULES R30).
    pub(crate) const REGISTERED: &str = "document-registered";
    /// A receiver cancelled it after a recall: 15 (RULES R39).
    pub(crate) const CANCELLED: &str = "document-cancelled";
    /// A receiver's key to it was forgotten (RULES R43).
    pub(crate) const SHREDDED: &str = "document-shredded";
    /// Two persons reversed its recall (RULES R43).
    pub(crate) const REINSTATED: &str = "document-reinstated";
    /// A mark of secrecy was found in it after it was stored (RULES R11).
    pub(crate) const SET_ASIDE: &str = "document-set-aside";
    /// A package was refused at the door.
    pub(crate) const TURNED_AWAY: &str = "package-refused";
    /// Two persons released a package that was refused as a state secret (RULES R13).
    pub(crate) const RELEASED: &str = "secrecy-released";
}

/// What makes leaves: the log's name, and what salts are drawn from. The transaction may run twice; the leaves are the same.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    log: String,
    seed: [u8; 16],
}

/// An act about a document.
pub(crate) struct Said<'s> {
    /// One of [`word`].
    pub(crate) act: &'static str,
    /// The receivers it concerns.
    pub(crate) to: Vec<String>,
    /// The system that acted; empty for this installation.
    pub(crate) system: &'s str,
    /// The status code, if it was one.
    pub(crate) status: &'s str,
}

impl Leaves {
    pub(crate) fn new(log: &str, chance: &dyn Chance) -> Self {
        Self { log: log.to_owned(), seed: draw_salt(chance) }
    }

    fn salt(&self, act: &Act) -> [u8; 16] {
        let mut context = Context::new(&SHA256);
        context.update(b"congvan-salt v1\n");
        context.update(&self.seed);
        context.update(&act.to_bytes());
        let mut salt = [0u8; 16];
        salt.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        salt
    }

    /// Writes the leaf of an act about a document.
    pub(crate) async fn append(
        &self,
        tx: &mut Tx,
        about: &Document,
        said: Said<'_>,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let act = Act {
            act: said.act.to_owned(),
            log: self.log.clone(),
            doc_id: about.document_id.to_string(),
            kind: about.kind.as_str().to_owned(),
            package_sha256: full_hex(&about.package_sha256),
            document_sha256: String::new(),
            identifier: about.identifier.clone(),
            from: about.from_code.to_string(),
            to: said.to,
            system: said.system.to_owned(),
            status: said.status.to_owned(),
            class: about.class.clone(),
            legal_value: about.legal_value.clone(),
            at: moment(now),
        };
        self.write(tx, about.agency_id, about.document_id.as_bytes(), &act, now).await
    }

    /// Writes the leaf of an act about a package of which nothing is kept but its digest; its subject is the digest's
    /// beginning.
    pub(crate) async fn append_digest(
        &self,
        tx: &mut Tx,
        owner: AgencyId,
        sha256: &[u8; 32],
        said: Said<'_>,
        from: &str,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let act = Act {
            act: said.act.to_owned(),
            log: self.log.clone(),
            doc_id: String::new(),
            kind: String::new(),
            package_sha256: full_hex(sha256),
            document_sha256: String::new(),
            identifier: String::new(),
            from: from.to_owned(),
            to: said.to,
            system: said.system.to_owned(),
            status: said.status.to_owned(),
            class: String::new(),
            legal_value: String::new(),
            at: moment(now),
        };
        self.write(tx, owner, &digest_subject(sha256), &act, now).await
    }

    async fn write(
        &self,
        tx: &mut Tx,
        owner: AgencyId,
        subject: &[u8; 16],
        act: &Act,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let (leaf, record) = salted(act, &self.salt(act));
        tx.append_leaf(owner, subject, &leaf, &record, now).await
    }
}

/// Under which subject the ledger keeps what is known by its digest alone.
pub(crate) fn digest_subject(sha256: &[u8; 32]) -> [u8; 16] {
    let mut subject = [0u8; 16];
    subject.iter_mut().zip(sha256).for_each(|(to, from)| *to = *from);
    subject
}
