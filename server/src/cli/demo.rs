//! `congvan demo`: makes a demonstration, and paper to try it with.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::Outcome;
use crate::config::Config;
use crate::demo::{self, Journey, Wanted};

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Directory for everything the demonstration keeps.
    #[arg(long, default_value = "data", global = true)]
    data: PathBuf,
    /// "sqlite", or a postgres:// address.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Choose ports nobody uses now, instead of 2525, 2587, 2465, 2424, 2993, 2143, 8443 and 8080; with a number, from that one on.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "0", value_name = "FIRST")]
    free_ports: Option<u16>,
    /// Code of the province its agencies are of: demonstrations that exchange with one another have one each.
    #[arg(long, default_value = demo::PROVINCE_CODE, value_parser = province)]
    province: String,
    #[command(subcommand)]
    command: Option<DemoCommand>,
}

#[derive(Subcommand)]
enum DemoCommand {
    /// Send a letter as one of the demonstration's people, through the submission door.
    Mail {
        /// Who writes; without it the first one.
        #[arg(long)]
        from: Option<String>,
        /// To whom.
        #[arg(long)]
        to: String,
        /// What about.
        #[arg(long, default_value = "Xin chào")]
        subject: String,
        /// What stands in it.
        #[arg(long, default_value = "Đây là thư thử từ bản trình diễn.")]
        text: String,
    },
    /// Send a document from one agency to the other, as its system would. Without a package one is made: signed twice, packed.
    Send {
        /// A package that was made before.
        package: Option<PathBuf>,
        /// Code of the sending agency.
        #[arg(long, default_value = "H99.01")]
        from: String,
        /// Code of the receiving agency.
        #[arg(long, default_value = "H99.02")]
        to: String,
    },
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
    pub(super) fn run(self, config_file: &Path) -> Outcome {
        match self.command {
            Some(DemoCommand::Mail { from, to, subject, text }) => {
                let config = Config::read(config_file)?;
                let demo = demo::read(&config.house.data)?;
                let first = demo.accounts.first().map_or("", |account| account.address.as_str());
                let from = from.as_deref().unwrap_or(first);
                let sent = demo::send_letter(&config, &demo, from, &to, &subject, &text);
                println!("{}", super::runtime()?.block_on(sent)?);
            }
            Some(DemoCommand::Send { package, from, to }) => return send(config_file, package, &from, &to),
            Some(DemoCommand::Paper { title, out }) => paper(&title, &out)?,
            None => {
                let Self { data, database, free_ports, province, .. } = self;
                let wanted = Wanted { data, database, free_ports, province };
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

/// A letter and two digits (RULES I2).
fn province(text: &str) -> Result<String, String> {
    let shaped = matches!(text.as_bytes(), [letter, a, b] if letter.is_ascii_uppercase() && a.is_ascii_digit() && b.is_ascii_digit());
    if shaped {
        Ok(text.to_owned())
    } else {
        Err("a letter and two digits / một chữ cái và hai chữ số: H98".to_owned())
    }
}

fn paper(title: &str, out: &Path) -> anyhow::Result<()> {
    let lines = ["CONG HOA XA HOI CHU NGHIA VIET NAM", "Doc lap - Tu do - Hanh phuc", "", title];
    std::fs::write(out, signer::make::blank_pdf(title, &lines))
        .with_context(|| format!("cannot write {}", out.display()))
}

fn send(config_file: &Path, package: Option<PathBuf>, from: &str, to: &str) -> Outcome {
    let config = Config::read(config_file)?;
    let demo = demo::read(&config.house.data)?;
    // Seconds since 1970: a number no document before it had.
    let number = super::files::now().secs().to_string();
    let journey = Journey { config_file, config: &config, demo: &demo, from, to, number: &number };
    let package = match package {
        Some(package) => package,
        None => journey.pack()?,
    };
    let answer = super::runtime()?.block_on(journey.send(&package))?;
    let word = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    println!("{} {}: {}", word("status"), word("ErrorCode"), word("ErrorDesc"));
    if word("status") != "OK" {
        return Ok(ExitCode::from(1));
    }
    let (id, config_file) = (word("DocId"), config_file.display());
    println!("DocId {id}");
    println!("\ncongvan --config {config_file} receipt get {id} --out bien-nhan.json");
    println!("congvan receipt verify bien-nhan.json --log-key '{}'", demo.log_key);
    Ok(ExitCode::SUCCESS)
}
