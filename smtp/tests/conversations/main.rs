//! Two ends and one pretend clock: stories about whole conversations.

mod chunking;
mod desk;
mod house;
mod pair;
mod properties;
mod receiving;
mod sending;
mod simulation;
mod smuggling;
mod stories;
