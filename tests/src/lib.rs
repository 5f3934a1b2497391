//! What the stories are told with: the real program on free ports, and the real software around it.
//!
//! Nothing here knows the program's rooms. A story speaks through a door or the command line, as anybody would, so
//! the same stories could be told to another program.

mod api;
mod axis;
mod browser;
mod cluster;
pub mod conformity;
mod engine;
mod exchange;
mod imap;
mod jmap;
mod other_servers;
mod outside;
mod paper;
mod program;
mod scanners;
mod signed_names;
mod swaks;
mod thunderbird;
mod tls;
mod tunnel;

pub use api::{ALL_SCOPES, ApiClient, said};
pub use axis::{Axis, Turn};
pub use browser::{Browser, artefacts};
pub use cluster::Cluster;
pub use engine::Engine;
pub use exchange::{Answer, Exchange, thin_hex};
pub use imap::{Heard, Imap};
pub use jmap::{Jmap, News};
pub use other_servers::{Make, OtherServer};
pub use outside::{Postfix, free_port, postfix_services};
pub use paper::{Paper, renumbered};
pub use program::{Account, Program, System, binary, run};
pub use scanners::{Clamd, Rspamd};
pub use signed_names::{Paperwork, PolicySite, SignedNames};
pub use swaks::{NO_RECIPIENT, Swaks, TEXT_REFUSED, Talk};
pub use thunderbird::Thunderbird;
pub use tls::any_server;
pub use tunnel::Tunnel;
