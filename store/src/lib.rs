//! Memory: one transaction; mailboxes, blobs, outbox, ledger, people, audit, changes.
