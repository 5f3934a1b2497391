//! The lists of the whole register (VXP 3.2–3.4). More than 111,000 agencies make some 40 MB of text, the same for every caller:
//! a list is made once for each version of the register, compressed as it is made, and kept by whoever answers.

use std::collections::HashMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use mail::{AgencyCode, AgencyId, Timestamp};
use store::Agency;

use crate::Error;
use crate::accept::Desk;
use crate::vxp::answer::{self, Answer, Rows};
use crate::vxp::call::Call;

/// Days of agencies that take effect in one transaction.
const EFFECTS_AT_ONCE: i64 = 1_000;

/// A list of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// `getAgenciesList`.
    Agencies,
    /// `getAgenciesListQD20`, all.
    Qd20,
    /// `getAgenciesListQD20`, the first level only.
    Qd20FirstLevel,
    /// `getSynchronizeUnit`.
    Units,
}

impl List {
    /// How many there are; [`index`](Self::index) is below.
    pub const COUNT: usize = 4;

    /// The list a call asks for, if it asks for one.
    pub fn of(call: &Call) -> Option<Self> {
        match call {
            Call::AgenciesList => Some(Self::Agencies),
            Call::AgenciesListQd20 { first_level_only: false } => Some(Self::Qd20),
            Call::AgenciesListQd20 { first_level_only: true } => Some(Self::Qd20FirstLevel),
            Call::SynchronizeUnit => Some(Self::Units),
            _ => None,
        }
    }

    /// Its place among the lists.
    pub fn index(self) -> usize {
        match self {
            Self::Agencies => 0,
            Self::Qd20 => 1,
            Self::Qd20FirstLevel => 2,
            Self::Units => 3,
        }
    }

    /// Writes an agency, if it is in the list.
    fn write(self, agency: &Agency, systems: &HashMap<AgencyId, String>, rows: &mut Rows) {
        let (id, pid) = (agency.agency_id.to_string(), agency.parent_id.map(|parent| parent.to_string()));
        let (id, pid) = (id.as_str(), pid.as_deref());
        let code = agency.code.as_str();
        let code102 = agency.code102.as_ref().map(AgencyCode::as_str);
        let name = &agency.name;
        let mail = Some(agency.mail.as_str()).filter(|mail| !mail.is_empty());
        match self {
            Self::Agencies if agency.is_active => {
                let old_code = agency.old_code.as_ref().map(AgencyCode::as_str).or(code102);
                rows.agency(answer::AgencyRow { id, pid, code, name, mail, old_code });
            }
            Self::Qd20 if agency.is_active => {
                rows.qd20(answer::Qd20Row { id, code, name, mail, code102 });
            }
            Self::Qd20FirstLevel if agency.is_active && pid.is_none() => {
                rows.qd20(answer::Qd20Row { id, code, name, mail, code102 });
            }
            Self::Units => rows.unit(answer::UnitRow {
                id,
                pid,
                code,
                name,
                mail,
                center_code: systems.get(&agency.agency_id).map(String::as_str),
                version: u32::try_from(agency.version).unwrap_or(u32::MAX),
                deleted: !agency.is_active,
                modified: agency.changed_at,
                is_agency: true,
            }),
            _ => {}
        }
    }
}

/// A list, compressed.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// The answer's body in gzip form.
    pub gzip: Vec<u8>,
    /// Its bytes when it is not compressed.
    pub size: u64,
}

/// Reads a compressed list as the text it is.
pub fn inflate<R: Read>(gzip: R) -> impl Read {
    GzDecoder::new(gzip)
}

impl Desk {
    /// The register's version at a moment; what has become true by then is taken notice of first.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn register_version(&self, now: Timestamp) -> Result<i64, Error> {
        loop {
            let (version, due) =
                self.store.read((), |tx, ()| Box::pin(async move { tx.register_version().await })).await?;
            if due.is_none_or(|due| due > now) {
                return Ok(version);
            }
            self.store
                .write("let agencies take effect", now, |tx, now| {
                    Box::pin(async move { tx.agencies_take_effect(*now, EFFECTS_AT_ONCE).await })
                })
                .await?;
        }
    }

    /// Makes a list, page by page on one view of the register, compressing as it goes: what is in memory at once is a page and
    /// what it compresses to.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn list(&self, list: List, now: Timestamp) -> Result<Compressed, Error> {
        let page = self.limits.register_page_rows.max(1);
        let made = self
            .store
            .read((list, now, page), |tx, (list, now, page)| {
                Box::pin(async move {
                    let systems: HashMap<AgencyId, String> = match list {
                        List::Units => tx.speakers().await?.into_iter().collect(),
                        _ => HashMap::new(),
                    };
                    let mut out = Writer::new();
                    let (mut rows, mut after) = (Rows::begin(), None);
                    loop {
                        let agencies = tx.agencies_page(after, *now, *page).await?;
                        for agency in &agencies {
                            list.write(agency, &systems, &mut rows);
                        }
                        out.write(&rows.take())?;
                        after = agencies.last().map(|agency| agency.agency_id);
                        if after.is_none() {
                            break;
                        }
                    }
                    out.finish(&rows.end())
                })
            })
            .await;
        made.map_err(|error: ListError| match error {
            ListError::Store(error) => error.into(),
            ListError::Compression(error) => {
                tracing::error!("a list could not be compressed: {error}");
                Error::Internal
            }
        })
    }

    /// Answers a list as plain text, made for this one caller.
    pub(crate) async fn plain_list(&self, list: List, now: Timestamp) -> Result<Answer, Error> {
        self.register_version(now).await?;
        let compressed = self.list(list, now).await?;
        let mut body = Vec::new();
        inflate(compressed.gzip.as_slice()).read_to_end(&mut body).map_err(|_| Error::Internal)?;
        Ok(answer::list_of(body))
    }
}

enum ListError {
    Store(store::Error),
    Compression(std::io::Error),
}

impl From<store::Error> for ListError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for ListError {
    fn from(error: std::io::Error) -> Self {
        Self::Compression(error)
    }
}

struct Writer {
    encoder: GzEncoder<Vec<u8>>,
    size: u64,
}

impl Writer {
    fn new() -> Self {
        Self { encoder: GzEncoder::new(Vec::new(), Compression::default()), size: 0 }
    }

    fn write(&mut self, text: &str) -> Result<(), std::io::Error> {
        self.size += text.len() as u64;
        self.encoder.write_all(text.as_bytes())
    }

    fn finish(mut self, text: &str) -> Result<Compressed, ListError> {
        self.write(text)?;
        Ok(Compressed { gzip: self.encoder.finish()?, size: self.size })
    }
}
