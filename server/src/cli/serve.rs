//! `congvan serve`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::config::Config;
use crate::house::House;
use crate::serve::{serve, write_ready_file};

#[derive(Args)]
pub(super) struct Serve {
    /// File to write the opened ports to, as JSON, once all doors are open.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let config = Config::read(file)?;
        super::start_log(&config)?;
        super::runtime()?.block_on(async {
            let house = House::open(config).await?;
            serve(house, |_, ports| match &self.ready_file {
                Some(path) => write_ready_file(path, ports),
                None => Ok(()),
            })
            .await
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
