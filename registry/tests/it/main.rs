//! Stories of accepting: each runs on SQLite and on PostgreSQL (`CONGVAN_TEST_POSTGRES`, see `scripts/with-postgres`).

mod acceptance;
mod browse;
mod house;
mod known;
mod progress;
mod receipts;
mod refusals;
mod statuses;
mod world;
