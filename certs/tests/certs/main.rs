//! Stories and tables about certificates, paths, revocation and keys.

mod defects;
mod hostile;
mod keys;
mod limbo;
mod oracle;
mod paths;
mod pkits;
mod policies;
mod public_service;
mod reading;
mod revocation;
mod speed;
mod tokens;
mod world;
