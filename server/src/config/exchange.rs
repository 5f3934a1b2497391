//! The exchange of documents.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// The exchange of documents between agencies.
    Exchange {
        /// Largest package taken, bytes (VXP 4.2; RULES E17).
        package_bytes_max: usize = 200 * 1024 * 1024,
        /// Bytes of memory for packages on their way in: half for the files of large ones while they are looked at, a quarter for packages
        /// of up to 1 MiB. Whoever comes when it is taken waits, and is told after request_seconds to come later.
        packages_memory_bytes_max: usize = 1024 * 1024 * 1024,
        /// Whether a document needs valid signatures of leader and agency to be accepted (RULES R14): "required" refuses without
        /// them, "recorded" accepts and records that it is for information only.
        signatures: String = "required".to_owned(),
        /// Seconds after which an accepted document is looked at again, every page of it, for marks of secrecy that its first pages did
        /// not show (RULES R11); it is done slowly, behind everything else. 0: never.
        look_again_seconds: u64 = 300,
        /// Seconds to wait for revocation evidence of a signature.
        evidence_seconds: u64 = 10,
        /// Addresses (scheme and host) from which CRL, OCSP and issuer certificates may be fetched; "*" means any address a
        /// certificate under a trusted anchor names.
        evidence_from: Vec<String> = vec!["*".to_owned()],
        /// Days for which a package to a code that was closed by a merger, or replaced, still goes to who follows; its sender is told
        /// (RULES I6). Afterwards it is refused, and the refusal names the codes that followed. 0: refused at once.
        forward_closed_days: u32 = 365,
        /// Days a revocation list may have outlived its next update and still count, for closed networks that see new ones rarely
        /// (RULES D27). The verdict says so. 0: not at all.
        revocation_grace_days: u16 = 0,
        /// Days a recalled copy is kept under its key after the receiver has cancelled it, unreadable, so that two persons can
        /// reverse a mistaken recall (RULES R43, RECALL_SHRED_DELAY). 0: the key is forgotten at once.
        recall_shred_days: u32 = 30,
        /// Codes of agencies for which status 01 is sent when their system acknowledges a document with "done" (RULES R28); "*" means
        /// all. Leave it empty where the receiving software sends 01 itself.
        automatic_arrival: Vec<String> = Vec::new(),
    }
}

section! {
    /// Other axes that this house is a client of (congvan peer), and watching over those who are clients here.
    Upstream {
        /// Our own code in the traces of packages we forward, letters, digits and .-_ only (RULES R66); empty means the hostname.
        organ_id: String = String::new(),
        /// Hands a package may have gone through before it comes here; more means that it goes in circles.
        hops_max: usize = 16,
        /// Whether our line is added even to packages whose signature covers the whole of them and breaks by it (RULES R67). Without,
        /// they are forwarded unchanged.
        trace_breaks_signatures: bool = false,
        /// Seconds another axis may keep still in the middle of an answer.
        patience_seconds: u64 = 60,
        /// Days the content of what another axis has confirmed, and of what was refused, is kept; the log of messages stays (RULES R69).
        content_days: u32 = 90,
        /// Minutes in office hours after which an agency is told that its system does not ask any more (RULES R71). 0: never.
        silent_minutes: u64 = 30,
        /// Office hours.
        office_hours: String = "07:30-17:00".to_owned(),
        /// When the morning ends, until which a document has to be through on the next working day (RULES R19).
        morning_end: String = "12:00".to_owned(),
        /// Days off besides Saturdays and Sundays, yyyy-mm-dd.
        holidays: Vec<String> = Vec::new(),
        /// Saturdays and Sundays that are worked instead, yyyy-mm-dd.
        made_up_days: Vec<String> = Vec::new(),
    }
}

section! {
    /// The public page that checks documents, /kiem-tra.
    Check {
        /// Whether anybody may check documents there.
        enabled: bool = true,
        /// Documents judged at once.
        at_once: usize = 2,
        /// Documents that may wait for that; whoever comes then is told how many are before.
        waiting_max: usize = 32,
        /// Bytes of documents in memory together, in all stages.
        memory_bytes_max: usize = 256 * 1024 * 1024,
        /// Seconds a judgement may take, evidence included.
        seconds: u64 = 30,
        /// Checks per minute from one address; as many as half of it at once.
        per_minute: u32 = 20,
    }
}

section! {
    /// Our REST API, /api/v1.
    Api {
        /// Requests a minute from one key; half of them at once.
        requests_per_minute: u32 = 1_200,
        /// Requests a minute from one address with what is no key, before it is told to wait. Ours: a system that lost its key is told
        /// so, a guesser soon learns nothing more.
        wrong_keys_per_minute: u32 = 60,
        /// Bytes that the unfinished and unused uploads of one system may have together.
        upload_quota_bytes: u64 = 2 * 1024 * 1024 * 1024,
        /// Hours after which an upload that nobody goes on with, or uses, is let go.
        upload_hours: u64 = 24,
        /// Days for which an answer is given again to the same Idempotency-Key.
        repeat_days: u64 = 7,
        /// Days for which events can be read; a system that was away longer reads its lists instead.
        event_days: u64 = 90,
    }
}

section! {
    /// The ledger of accepted acts.
    Ledger {
        /// Name of the log in its signed checkpoints: a host and path of your own (C2SP tlog-checkpoint). Never change it.
        origin: String = "localhost/congvan".to_owned(),
        /// File with the log's signing key; empty means "keys/ledger.pem" in the data directory.
        key: PathBuf = PathBuf::new(),
        /// Milliseconds between two signed checkpoints while acts come in.
        checkpoint_millis: u64 = 250,
        /// Timestamp authority (RFC 3161, http://… or https://…) that says by when a checkpoint existed; empty means none.
        timestamp_url: String = String::new(),
        /// Seconds between two timestamps while the ledger grows.
        timestamp_seconds: u64 = 600,
        /// Directory of exported years (see "congvan ledger export"); what was dropped from the database is read there.
        archive: PathBuf = PathBuf::new(),
    }
}
