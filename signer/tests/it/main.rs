//! Stories of signed documents, told with our own makers, with other people's programs, and by vandals.

mod forms;
mod interop;
mod making;
mod paper;
mod pictures;
mod steps;
mod stories;
mod vandals;
mod world;
