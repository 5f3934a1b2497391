//! Stories of signed documents, told with our own makers, with other people's programs, and by vandals.

mod attacks;
mod corpus;
mod interop;
mod stories;
mod vandals;
mod world;
