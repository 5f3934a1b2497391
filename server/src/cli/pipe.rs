//! `congvan … | head`: whoever reads has read enough, and that is no fault of ours.

use std::io;
use std::process::ExitCode;

/// What a shell sees of a program that a closed pipe ended: 128 and the number of SIGPIPE.
const CLOSED: u8 = 141;

/// Ends the program quietly when standard output is closed while it prints. `println!` panics then, so this is the one place where
/// that is told from a fault.
pub(super) fn end_quietly() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(i32::from(CLOSED));
        }
        usual(panic);
    }));
}

/// The same for a command that writes without `println!`.
pub(super) fn exit_code(error: &anyhow::Error) -> Option<ExitCode> {
    let is_closed = error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
    is_closed.then(|| ExitCode::from(CLOSED))
}
