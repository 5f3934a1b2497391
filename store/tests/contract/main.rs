//! The contract of the store's verbs: every story runs on SQLite and on PostgreSQL.
//!
//! PostgreSQL's address comes in `CONGVAN_TEST_POSTGRES` (`scripts/with-postgres`); each story makes a database of its
//! own. Without the address the PostgreSQL half fails and says so.

mod house;

mod addresses;
mod agencies;
mod api;
mod backup;
mod blobs;
mod delegates;
mod dkim;
mod doctor;
mod documents;
mod emails;
mod files;
mod ledger;
mod lists;
mod nation;
mod numbers;
mod outbox;
mod pauses;
mod peers;
mod people;
mod policy;
mod pushes;
mod quarantine;
mod routes;
mod search;
mod smime;
mod statistics;
mod tls;
mod transactions;
mod vacation;
mod views;
