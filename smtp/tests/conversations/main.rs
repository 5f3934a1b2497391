//! Two ends and one pretend clock: stories about whole conversations.

mod binary;
mod chunking;
mod desk;
mod fronts;
mod house;
mod pair;
mod properties;
mod receiving;
mod sending;
mod simulation;
mod smuggling;
mod stories;
mod timed;
