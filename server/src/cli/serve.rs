//! `congvan serve`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::config::Config;
use crate::demo::{self, Wanted};
use crate::house::House;
use crate::serve::{Ports, serve, write_ready_file};

#[derive(Args)]
pub(super) struct Serve {
    /// File to write the opened ports to, as JSON, once all doors are open.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Serve a demonstration, making it at first use.
    #[arg(long)]
    demo: bool,
    /// Directory of the demonstration.
    #[arg(long, default_value = "data", requires = "demo")]
    data: PathBuf,
}

impl Serve {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let runtime = super::runtime()?;
        if self.demo && !demo::exists(&self.data) {
            let wanted = Wanted {
                data: self.data.clone(),
                database: "sqlite".to_owned(),
                free_ports: None,
                province: demo::PROVINCE_CODE.to_owned(),
            };
            runtime.block_on(demo::make(&wanted))?;
        }
        let config = match self.demo {
            true => Config::read(&demo::config_file(&self.data))?,
            false => Config::read(file)?,
        };
        super::start_log(&config)?;
        runtime.block_on(async {
            let house = House::open(config).await?;
            serve(house, |house, ports| self.tell(house, ports)).await
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// The doors are open: whoever waits for it is told.
    fn tell(&self, house: &House, ports: &Ports) -> anyhow::Result<()> {
        if let Some(path) = &self.ready_file {
            write_ready_file(path, ports)?;
        }
        if self.demo {
            println!("{}", demo::greeting(&demo::read(&self.data)?, &house.config, &self.data));
        }
        // One line for programs that started us; nothing follows it.
        println!("ready");
        Ok(())
    }
}
