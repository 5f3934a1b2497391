//! The stories: what a newcomer sees, told with the real program and the real software around it.
#![allow(clippy::print_stdout)] // the crash story says its seed

mod addresses;
mod api;
mod api_documents;
mod api_office;
mod backup;
mod carriers;
mod check;
mod client_setup;
mod clock_jumps;
mod crash;
mod crash_mail;
mod delegates;
mod documents;
mod faults;
mod full_disk;
mod go_live;
mod hostile;
mod hostile_packages;
mod imap;
mod imap_clients;
mod jmap_clients;
mod jmap_waiting;
mod keys;
mod large_packages;
mod ledger;
mod lifecycle;
mod lists;
mod long_connections;
mod mail;
mod mail_auth;
mod mail_clients;
mod moving;
mod mutt;
mod numbers;
mod other_servers;
mod outbound;
mod policy;
mod proof;
mod provisioning;
mod push;
mod receiving;
mod refusals;
mod register;
mod scan;
mod search;
mod set_aside;
mod sign_in;
mod signed_mail;
mod statistics;
mod thunderbird;
mod trace;
mod two_clients;
mod upstream;

/// Tells a story once on each engine.
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* $name:ident => $story:ident,)*) => {$(
        $(#[$doc])*
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$story(tests::Engine::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$story(tests::Engine::Postgres).await;
            }
        }
    )*};
}
pub(crate) use on_both_engines;
