//! Stories and tables about certificates, paths, revocation and keys.

mod hostile;
mod keys;
mod limbo;
mod oracle;
mod paths;
mod pkits;
mod policies;
mod reading;
mod revocation;
mod world;
