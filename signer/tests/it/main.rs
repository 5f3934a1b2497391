//! Stories of signed documents, told with our own makers, with other people's programs, and by vandals.

mod archive;
mod attacks;
mod cms_files;
mod corpus;
mod interop;
mod mails;
mod stories;
mod vandals;
mod world;
