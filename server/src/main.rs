//! `congvan`: the program. It alone opens sockets, reads the clock, draws randomness, asks DNS, fetches evidence and
//! spawns work; the other rooms are wired together here.

mod api;
mod authentic;
mod backup;
mod beside;
mod body;
mod check;
mod cli;
mod client_setup;
mod config;
mod deadlines;
mod demo;
mod digest;
mod dns;
mod evidence;
mod exchange;
mod external;
mod front;
mod go_live;
mod house;
mod house_mail;
mod housekeeping;
mod http;
mod imap;
mod indexer;
mod intake;
mod jmap;
mod judging;
mod keys;
mod late_marks;
mod ledger;
mod listen;
mod local_door;
mod mail_in;
mod mail_out;
mod mail_path;
mod metrics;
mod pages;
mod proof;
mod proxy;
mod push;
mod quota;
mod rate;
mod reverse_name;
mod sasl;
mod sequencer;
mod serve;
mod sign_in;
mod single_sign_on;
mod stamping;
mod still;
mod tls;
mod tls_policy;
mod trust;
mod turned_away;
mod upstream;
mod vacation;
mod where_to;
mod windows;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    tls::install_provider();
    cli::run()
}
