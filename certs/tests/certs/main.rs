//! Stories and tables about certificates, paths, revocation and keys.

mod defects;
mod hostile;
mod keys;
mod oracle;
mod paths;
mod policies;
mod reading;
mod revocation;
mod speed;
mod tokens;
mod world;
