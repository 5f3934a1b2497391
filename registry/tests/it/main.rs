//! Stories of accepting: each runs on SQLite and on PostgreSQL (`CONGVAN_TEST_POSTGRES`, see `scripts/with-postgres`).

mod acceptance;
mod deadlines;
mod house;
mod known;
mod numbers;
mod progress;
mod receipts;
mod refusals;
mod stamp;
mod registers;
mod statuses;
mod world;
