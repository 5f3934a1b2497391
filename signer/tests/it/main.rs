//! Stories of signed documents, told with our own makers, with other people's programs, and by vandals.

mod archive;
mod attacks;
mod bundle;
mod c14n;
mod cms_files;
mod cms_vandals;
mod corpus;
mod defects;
mod forms;
mod interop;
mod late;
mod mails;
mod making;
mod paper;
mod pictures;
mod roles;
mod schema;
mod steps;
mod stories;
mod vandals;
mod world;
mod xml;
mod xml_attacks;
mod xml_interop;
