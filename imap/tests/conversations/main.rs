//! Conversations in memory: the session, its desk and a real store of both engines; no socket, a pretend clock.

mod hostile;
mod house;
mod mailboxes;
mod messages;
mod model;
mod news;
mod search;
mod states;
