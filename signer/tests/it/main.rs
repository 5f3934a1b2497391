//! Stories of signed documents, told with our own makers, with other people's programs, and by vandals.

mod c14n;
mod cms_files;
mod interop;
mod late;
mod mails;
mod stories;
mod vandals;
mod world;
mod xml;
mod xml_attacks;
mod xml_interop;
