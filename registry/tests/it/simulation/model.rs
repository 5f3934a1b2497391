//! What has to be true afterwards, worked out from what was accepted and from nothing the program did.

use std::collections::{BTreeMap, BTreeSet};

use mail::{AgencyId, DocumentId};
use registry::accept::Accepted;
use registry::status::{Ask, Fit, Progress, State, StatusCode};
use store::DocumentState;

use crate::house::agency_id;

/// An agency, by its number.
pub(super) type Agency = u8;

/// Behind the peer.
pub(super) const AFAR: Agency = 41;

pub(super) fn code(agency: Agency) -> String {
    match agency {
        AFAR => "H41.01".to_owned(),
        near => format!("H37.0{near}"),
    }
}

/// Where packages for an agency wait.
pub(super) fn system(agency: Agency) -> &'static str {
    match agency {
        1 => "hub.01",
        2 | 3 => "hub.02",
        4 => "hub.04",
        _ => "peer:bac",
    }
}

/// What a package says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Document,
    Recall,
    Update,
    /// Of the document with that number.
    Replacement(u32),
    Status(&'static str),
}

/// A package, and what it says to those who cannot read it.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) from: Agency,
    pub(super) to: Vec<Agency>,
    pub(super) number: u32,
    pub(super) word: Word,
    /// What makes a status the same in other bytes (RULES E23).
    pub(super) said_at: i64,
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, number, word, said_at, .. } = self;
        write!(f, "{word:?} of {number} from {from} to {to:?} (said at {said_at})")
    }
}

/// One version of a document: itself, or an update.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) sender: Agency,
    pub(super) id: DocumentId,
    pub(super) is_update: bool,
    pub(super) state: DocumentState,
    pub(super) at: BTreeMap<Agency, Progress>,
    pub(super) history: Vec<(AgencyId, &'static str)>,
}

/// A package that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) parcel: Parcel,
    pub(super) accepted: Accepted,
}

/// The world as it has to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) papers: BTreeMap<u32, Vec<Version>>,
    pub(super) kept: Vec<Kept>,
    pub(super) links: usize,
    said: BTreeSet<(Agency, Agency, u32, &'static str, i64)>,
}

impl Model {
    /// The package of the same bytes, if it was accepted before.
    pub(super) fn before(&self, parcel: &Parcel) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.parcel.bytes == parcel.bytes && kept.parcel.from == parcel.from)
    }

    /// Whether a status says again what was said (RULES E23): then it is accepted as the first one.
    pub(super) fn is_said(&self, parcel: &Parcel) -> bool {
        let Word::Status(code) = parcel.word else { return false };
        let answers = matches!(code, "15" | "16") && !self.asked(parcel).is_empty();
        self.said.contains(&(parcel.from, parcel.to[0], parcel.number, code, parcel.said_at)) && !answers
    }

    /// A package was accepted for the first time.
    pub(super) fn accept(&mut self, parcel: &Parcel, accepted: &Accepted) {
        match &parcel.word {
            Word::Document => self.add(parcel, accepted, false),
            Word::Recall => {
                for version in self.papers.get_mut(&parcel.number).into_iter().flatten() {
                    version.state = DocumentState::Frozen;
                    self.links += 1;
                    ask(version, &parcel.to, Ask::Recall);
                }
            }
            Word::Update => {
                for version in self.papers.get_mut(&parcel.number).into_iter().flatten() {
                    if !version.is_update && version.state == DocumentState::Active {
                        self.links += 1;
                        ask(version, &parcel.to, Ask::Update);
                    }
                }
                self.add(parcel, accepted, true);
            }
            Word::Replacement(of) => {
                for version in self.papers.get_mut(of).into_iter().flatten() {
                    if version.state == DocumentState::Active {
                        self.links += 1;
                        version.state = DocumentState::Replaced;
                    }
                }
                self.add(parcel, accepted, false);
            }
            Word::Status(code) => self.hear(parcel, code),
        }
        self.kept.push(Kept { parcel: parcel.clone(), accepted: accepted.clone() });
    }

    fn add(&mut self, parcel: &Parcel, accepted: &Accepted, is_update: bool) {
        self.papers.entry(parcel.number).or_default().push(Version {
            sender: parcel.from,
            id: accepted.document_id,
            is_update,
            state: DocumentState::Active,
            at: parcel.to.iter().map(|to| (*to, Progress::default())).collect(),
            history: Vec::new(),
        });
    }

    /// Which versions the receiver of a document holds, newest first.
    fn held(&self, number: u32, receiver: Agency) -> Vec<DocumentId> {
        let versions = self.papers.get(&number).into_iter().flatten();
        let mut held: Vec<_> =
            versions.filter(|version| version.at.contains_key(&receiver)).map(|version| version.id).collect();
        held.sort_by_key(|id| std::cmp::Reverse(*id.as_bytes()));
        held
    }

    /// About which versions a question is open at the one who reports.
    fn asked(&self, parcel: &Parcel) -> Vec<DocumentId> {
        let versions: Vec<_> = self.papers.get(&parcel.number).into_iter().flatten().collect();
        let is_asked = |id: &DocumentId| {
            let version = versions.iter().find(|version| version.id == *id);
            version.and_then(|version| version.at.get(&parcel.from)).is_some_and(|at| at.ask.is_some())
        };
        self.held(parcel.number, parcel.from).into_iter().filter(is_asked).collect()
    }

    fn hear(&mut self, parcel: &Parcel, code: &'static str) {
        self.said.insert((parcel.from, parcel.to[0], parcel.number, code, parcel.said_at));
        let receiver = if code == "13" { parcel.to[0] } else { parcel.from };
        let mut meant = self.held(parcel.number, receiver);
        match code {
            "13" => {}
            "15" | "16" if !self.asked(parcel).is_empty() => meant = self.asked(parcel),
            _ => meant.truncate(1),
        }
        for version in self.papers.get_mut(&parcel.number).into_iter().flatten() {
            if meant.contains(&version.id) {
                version.history.push((agency_id(parcel.from), code));
                if let Some(at) = version.at.get_mut(&receiver) {
                    *at = at.hear(&StatusCode::read(code)).now;
                }
            }
        }
    }

    /// Whether a receiving system may still read what it got: not when all its agencies have cancelled it (RULES R39).
    pub(super) fn is_withdrawn(&self, id: DocumentId, of: &str) -> bool {
        let version = self.papers.values().flatten().find(|version| version.id == id);
        version.is_some_and(|version| {
            let mut sharing = version.at.iter().filter(|(agency, _)| system(**agency) == of).peekable();
            sharing.peek().is_some() && sharing.all(|(_, at)| at.state == State::Cancelled)
        })
    }
}

fn ask(version: &mut Version, whom: &[Agency], question: Ask) {
    for (agency, at) in &mut version.at {
        let step = at.ask(question);
        if whom.contains(agency) && step.fit != Fit::Contradicts {
            *at = step.now;
        }
    }
}
