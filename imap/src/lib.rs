//! Mail read by classic clients: IMAP4rev2 (RFC 9051) and rev1 (RFC 3501).
//!
//! Nothing is built here yet. What will be, has the shape of `smtp`: `codec` (bytes to words and back), `session` (the
//! conversation, a value), `serve` (the session's wishes as verbs of `store`). The memory is ready for it: UIDs and
//! UIDVALIDITY per mailbox, one `modseq` per account as HIGHESTMODSEQ, expunged UIDs kept for QRESYNC, message
//! structure kept with the row so that ENVELOPE and BODYSTRUCTURE open no blob.
