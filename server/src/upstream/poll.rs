//! What a peer has for us: listed, fetched, taken in, and only then acknowledged (RULES E41). A crash in between loses nothing and
//! doubles nothing: the peer lists it again, and the same bytes are the same act.

use std::sync::Arc;
use std::time::Duration;

use registry::Error;
use registry::transport::{Done, Errand, Failure, Outlook, Waiting};
use registry::upstream::{Incoming, Named, Speaker};
use registry::vxp::call::{Acknowledgement, Kind};
use store::{PeerState, Spool};

use super::line::Line;
use crate::intake::blocking;

/// After something was sent an answer may come soon: systems say 01 as they take it in.
const SOON: Duration = Duration::from_millis(500);
/// Lists in a row at most: a peer that always has more gets its next turn at the next poll.
const LISTS_MAX: usize = 20;

/// Bytes of something unreadable in which the name of a document is looked for.
const GUESSED_FROM: u64 = 1024 * 1024;

/// What became of a package, and what the peer is told.
struct Fate {
    state: &'static str,
    word: Acknowledgement,
    code: String,
    reason: String,
    document_id: Option<mail::DocumentId>,
    /// Its bytes are kept apart.
    quarantine: bool,
}

impl Fate {
    fn done(state: &'static str, document_id: Option<mail::DocumentId>) -> Self {
        let (code, reason) = (String::new(), String::new());
        Self { state, word: Acknowledgement::Done, code, reason, document_id, quarantine: false }
    }

    fn refused(code: &str, reason: String, quarantine: bool) -> Self {
        let word = Acknowledgement::Fail;
        Self { state: "refused", word, code: code.to_owned(), reason, document_id: None, quarantine }
    }
}

impl Line {
    /// Polls until the line ends.
    pub(super) async fn poll_all(self: Arc<Self>) {
        let every = u64::try_from(self.peer.poll_seconds).unwrap_or(60).max(1);
        loop {
            let work = async {
                if self.is_ours().await {
                    self.poll().await;
                }
            };
            // Stopping in the middle is a crash like any other: nothing is lost or doubled.
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = work => {}
            }
            // Up to a tenth sooner or later, so that many houses do not ask at once.
            let mut jitter = [0u8; 1];
            self.house.chance.fill(&mut jitter);
            let pause = every * 900 + every * 200 * u64::from(jitter[0]) / 255;
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                () = self.poll_soon.notified() => {
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(SOON) => {}
                    }
                }
            }
        }
    }

    async fn poll(&self) {
        for kind in [Kind::Documents, Kind::Statuses] {
            for _ in 0..LISTS_MAX {
                let listed = match self.run(&Errand::List(kind)).await {
                    Ok((Done::Listed(listed), clock)) => {
                        self.look_at_clock(clock);
                        self.is_well(clock).await;
                        listed
                    }
                    Ok(_) => return,
                    Err(failure) => return self.failed(&failure).await,
                };
                let mut moved = 0;
                for waiting in listed {
                    if self.stop.is_cancelled() {
                        return;
                    }
                    moved += usize::from(self.take(kind, waiting).await);
                }
                if moved == 0 {
                    break;
                }
            }
        }
    }

    async fn is_well(&self, clock: Option<i64>) {
        let input = (self.peer.name.clone(), self.house.now());
        let noted = self.house.store.write("a peer answered", input, move |tx, (peer, now)| {
            Box::pin(async move { tx.peer_is_well(peer, false, clock, *now).await })
        });
        let noted: Result<(), store::Error> = noted.await;
        if let Err(error) = noted {
            tracing::warn!(peer = self.peer.name, "that the peer answered was not noted: {error}");
        }
    }

    async fn failed(&self, failure: &Failure) {
        tracing::warn!(peer = self.peer.name, code = failure.code, "the peer could not be asked");
        let barred = failure.outlook == Outlook::Barred;
        if barred {
            tracing::error!(
                peer = self.peer.name,
                "the peer does not let us in: the line is stopped until `congvan peer resume` / trục không xác thực được ta"
            );
        }
        let input = (self.peer.name.clone(), failure.to_string(), self.house.now());
        let noted = self.house.store.write("a peer failed", input, move |tx, (peer, error, now)| {
            Box::pin(async move {
                tx.peer_failed(peer, error, true, None, *now).await?;
                if barred {
                    tx.set_peer_state(peer, PeerState::Paused).await?;
                }
                Ok(())
            })
        });
        let noted: Result<(), store::Error> = noted.await;
        if let Err(error) = noted {
            tracing::warn!(peer = self.peer.name, "that the peer failed was not noted: {error}");
        }
    }

    /// Deals with one package; whether it is off the peer's list now.
    async fn take(&self, kind: Kind, waiting: Waiting) -> bool {
        let desk = self.intake.desk();
        match desk.seen(&self.peer.name, &waiting.id).await {
            // Dealt with before: only its acknowledgement did not arrive, or was a no, which is offered again.
            Ok(Some(before)) if before.state == "refused" => {
                self.acknowledge(&waiting.id, Acknowledgement::Fail, "").await;
                return false;
            }
            Ok(Some(_)) => return self.acknowledge(&waiting.id, Acknowledgement::Done, "").await,
            Ok(None) => {}
            Err(_) => return false,
        }
        let Ok(_room) = self.intake.enter(None).await else { return false };
        let (bytes, sha256) = match self.fetch(&waiting.id).await {
            Ok(fetched) => fetched,
            Err(failure) => {
                tracing::warn!(peer = self.peer.name, code = failure.code, "a package could not be fetched");
                return false;
            }
        };
        let Some(fate) = self.take_in(&waiting, &bytes, sha256).await else { return false };
        self.count("in", fate.state);
        let incoming = Incoming {
            peer: self.peer.name.clone(),
            waiting: waiting.clone(),
            kind,
            sha256: sha256.to_vec(),
            size: usize::try_from(bytes.len()).unwrap_or(usize::MAX),
            document_id: fate.document_id,
            state: fate.state,
            reason: fate.reason,
        };
        let kept = fate.quarantine.then_some(&bytes);
        if let Err(error) = desk.note_incoming(incoming, kept, self.house.now()).await {
            // Not noted, not acknowledged: next time it is the same package.
            tracing::warn!(peer = self.peer.name, "what became of a package was not noted: {error}");
            return false;
        }
        self.acknowledge(&waiting.id, fate.word, &fate.code).await
    }

    /// A package that waits there, and its SHA-256. Neither the answer nor the package is in memory when it is large.
    async fn fetch(&self, id: &str) -> Result<(Spool, [u8; 32]), Failure> {
        let (Done::Fetched(fetched), _) = self.run(&Errand::Fetch(id.to_owned())).await? else {
            return Err(Failure::line("the answer is to another question"));
        };
        let mut spooling = self.house.store.spool();
        let unpacked = blocking(move || {
            let sha256 = fetched.unpack(&mut spooling)?;
            Ok::<_, Failure>((spooling.finish()?, sha256))
        });
        unpacked.await.map_err(|_| Failure::line("the answer could not be read"))?
    }

    async fn acknowledge(&self, id: &str, acknowledgement: Acknowledgement, word: &str) -> bool {
        let errand = Errand::Acknowledge { id: id.to_owned(), acknowledgement, word: word.to_owned() };
        match self.run(&errand).await {
            Ok(_) => true,
            Err(failure) => {
                tracing::warn!(
                    peer = self.peer.name,
                    code = failure.code,
                    "an acknowledgement did not arrive"
                );
                false
            }
        }
    }

    /// Takes a package in as any other. `None`: it cannot be told now; the peer keeps it for the next poll.
    async fn take_in(&self, waiting: &Waiting, bytes: &Spool, sha256: [u8; 32]) -> Option<Fate> {
        let desk = self.intake.desk();
        let opened = self.intake.open(bytes.clone()).await.ok()?;
        let package = match &opened.package {
            Ok(package) => package.clone(),
            // Not the package's fault.
            Err(error) if error.is_worth_retrying() => return None,
            Err(error) => {
                let system = self.nobody().await?;
                desk.record_refusal(&system, &sha256, &opened.parties, error, self.house.now()).await;
                let beginning = bytes.part(0, GUESSED_FROM).whole().ok()?;
                let named = Named::guess(&beginning, &opened.parties, waiting);
                return self.refuse(Some(named), error).await;
            }
        };
        let (system, parameters) =
            match desk.speaker(&self.peer.name, &package, self.house.now()).await.ok()? {
                Speaker::Ourselves => return Some(Fate::done("returned", None)),
                Speaker::Peer(system, parameters) => (Arc::new(*system), parameters),
            };
        let named = Named::of(&package);
        match self.intake.take_opened(opened, bytes.clone(), sha256, parameters, system).await {
            Ok(taken) => Some(Fate::done("taken", Some(taken.accepted.document_id))),
            Err(error) if error.is_worth_retrying() => None,
            Err(error) => self.refuse(named, &error).await,
        }
    }

    /// The peer, speaking for nobody.
    async fn nobody(&self) -> Option<store::ExchangeSystem> {
        let speaker = self.house.store.read(self.peer.name.clone(), |tx, peer| {
            Box::pin(async move { tx.peer_speaker(peer, None).await })
        });
        let speaker: Result<_, store::Error> = speaker.await;
        speaker.ok()
    }

    /// A package that will never be taken in: its sender is told with a 02 where it can be, its bytes are kept apart. Of a state
    /// secret nothing is kept (RULES R12); who speaks for another gets no word into that one's mouth.
    async fn refuse(&self, named: Option<Named>, error: &Error) -> Option<Fate> {
        let is_secret = matches!(error, Error::Secret(_));
        let is_false = matches!(error, Error::NotYourAgency { .. } | Error::Loop);
        if is_false {
            tracing::error!(
                peer = self.peer.name,
                code = error.code(),
                "a package was refused: see the audit log"
            );
        }
        let now = self.house.now();
        // A second version under one identifier: the first one is there, and a 02 would be about that.
        let is_quiet = is_false || matches!(error, Error::Conflict);
        if let Some(named) = named.filter(|_| !is_quiet) {
            let desk = self.intake.desk();
            let report = desk.refusal_of(&self.peer.name, &named, &error.vi(), now).await.ok()?;
            if let Err(error) = self.tell(report).await {
                if error.is_worth_retrying() {
                    return None;
                }
                tracing::warn!(peer = self.peer.name, "a refusal could not be reported: {error}");
            }
        }
        let reason = format!("{}: {} / {}", error.code(), error.vi(), error.en());
        Some(Fate::refused(error.code(), reason, !is_secret))
    }
}
