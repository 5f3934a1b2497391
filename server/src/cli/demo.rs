//! `congvan demo`: makes a demonstration, and paper to try it with.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::Outcome;
use crate::demo::{self, Wanted};

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Directory for everything the demonstration keeps.
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
    /// "sqlite", or a postgres:// address.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Choose ports nobody uses now, instead of 2525, 2587, 2465, 2424, 8443 and 8080.
    #[arg(long)]
    free_ports: bool,
    #[command(subcommand)]
    command: Option<DemoCommand>,
}

#[derive(Subcommand)]
enum DemoCommand {
    /// Write an unsigned one-page PDF.
    Paper {
        /// What stands on it.
        #[arg(long)]
        title: String,
        /// Where to.
        #[arg(long)]
        out: PathBuf,
    },
}

impl DemoArguments {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Some(DemoCommand::Paper { title, out }) => paper(&title, &out)?,
            None => {
                let wanted = Wanted { data: self.data, database: self.database, free_ports: self.free_ports };
                if demo::exists(&wanted.data) {
                    println!(
                        "{}: đã có bản trình diễn / the demonstration is there already",
                        wanted.data.display()
                    );
                } else {
                    super::runtime()?.block_on(demo::make(&wanted))?;
                    println!("{}: đã tạo bản trình diễn / the demonstration is made", wanted.data.display());
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn paper(title: &str, out: &Path) -> anyhow::Result<()> {
    let lines = ["CONG HOA XA HOI CHU NGHIA VIET NAM", "Doc lap - Tu do - Hanh phuc", "", title];
    std::fs::write(out, signer::make::blank_pdf(title, &lines))
        .with_context(|| format!("cannot write {}", out.display()))
}
