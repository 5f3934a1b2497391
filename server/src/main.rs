//! `congvan`: the program. It alone opens sockets, reads the clock, draws randomness, asks DNS, fetches evidence and
//! spawns work; the other rooms are wired together here.

mod cli;
mod config;
mod house;
mod http;
mod listen;
mod metrics;
mod sequencer;
mod serve;
mod tls;
mod windows;

use std::process::ExitCode;

fn main() -> ExitCode {
    tls::install_provider();
    cli::run()
}
