//! Stories of accepting: each runs on SQLite and on PostgreSQL (`CONGVAN_TEST_POSTGRES`, see `scripts/with-postgres`).

mod acceptance;
mod audit;
mod browse;
mod conflicts;
mod deadlines;
mod house;
mod known;
mod mail_release;
mod numbers;
mod office;
mod progress;
mod recalls;
mod receipts;
mod refusals;
mod register;
mod registers;
mod set_aside;
mod simulation;
mod stamp;
mod statistics;
mod statuses;
mod updates;
mod upstream;
mod views;
mod world;
