//! `congvan config print|check`.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Outcome;
use crate::config::Config;

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the configuration with every key explained; the defaults when there is no file.
    Print,
    /// Read the configuration and say whether it holds.
    Check,
}

impl ConfigCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Print if !file.exists() => print!("{}", Config::default().print()?),
            Self::Print => print!("{}", Config::read(file)?.print()?),
            Self::Check => {
                Config::read(file)?;
                println!("{}: cấu hình hợp lệ / the configuration holds", file.display());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
