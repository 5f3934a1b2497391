//! The whole room against a real store, as a client sees it: every story on SQLite, and on PostgreSQL when
//! `CONGVAN_TEST_POSTGRES` names one (`scripts/with-postgres`).

mod house;

mod blobs;
mod delegates;
mod doors;
mod emails;
mod extras;
mod faults;
mod held;
mod hostile;
mod identities;
mod mailboxes;
mod pushes;
mod query_changes;
mod search;
mod strangers;
mod submissions;
mod vacation;
mod waiting;
