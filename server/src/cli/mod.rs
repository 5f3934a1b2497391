//! The command line.
#![allow(clippy::print_stdout)] // a command answers on standard output

mod address;
mod agency;
mod api_key;
mod backup;
mod calendar;
mod cert;
mod config;
mod delegate;
mod demo;
mod desk;
mod dkim;
mod doctor;
mod document;
mod domain;
mod files;
mod go_live;
mod key;
mod ledger;
mod list;
mod mail_auth;
mod mark;
mod moving;
mod number;
mod office;
mod overdue;
mod package;
mod peer;
mod pipe;
mod policy;
mod provision;
mod quarantine;
mod queue;
mod receipt;
mod refused;
mod register;
mod release;
mod route;
mod seal;
mod sending_limit;
mod serve;
mod sign;
mod sign_file;
mod statistics;
mod timestamp;
mod tls_policy;
mod tls_report;
mod trace;
mod trust;
mod two_persons;
mod verify;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::house::House;

/// Thư công vụ và trao đổi văn bản điện tử ký số giữa các cơ quan.
/// Official mail, and the exchange of digitally signed documents between agencies.
#[derive(Parser)]
#[command(name = "congvan", version, about, long_about = None)]
struct Arguments {
    /// Configuration file.
    #[arg(long, global = true, env = "CONGVAN_CONFIG", default_value = "congvan.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open the doors and work until told to stop.
    Serve(serve::Serve),
    /// Make a demonstration, or paper to try it with.
    Demo(demo::DemoArguments),
    /// Agencies.
    #[command(subcommand)]
    Agency(Box<agency::AgencyCommand>),
    /// Mail domains.
    #[command(subcommand)]
    Domain(provision::DomainCommand),
    /// Keys that sign mail (DKIM).
    #[command(subcommand)]
    Dkim(dkim::DkimCommand),
    /// Ask where mail really comes from: SPF, DKIM, ARC, DMARC.
    #[command(subcommand)]
    MailAuth(mail_auth::MailAuthCommand),
    /// Mailbox accounts.
    #[command(subcommand)]
    Account(provision::AccountCommand),
    /// Địa chỉ thư. / Addresses of mailboxes.
    #[command(subcommand)]
    Address(address::AddressCommand),
    /// Systems of the exchange.
    #[command(subcommand)]
    System(provision::SystemCommand),
    /// Danh sách thư. / Addresses that lead to many.
    #[command(subcommand)]
    List(Box<list::ListCommand>),
    /// How much somebody may send.
    #[command(subcommand)]
    SendingLimit(sending_limit::SendingLimitCommand),
    /// Ủy quyền hộp thư cơ quan. / Who may send for an agency's box.
    #[command(subcommand)]
    Delegate(delegate::DelegateCommand),
    /// Keys to the REST API.
    #[command(subcommand)]
    Key(api_key::KeyCommand),
    /// Print the description of the REST API (OpenAPI 3.1).
    Openapi,
    /// Fixed places for outgoing mail.
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// What TLS has to be on the way to other mail servers.
    #[command(subcommand)]
    TlsPolicy(tls_policy::TlsPolicyCommand),
    /// What TLS on the way to other mail servers came to.
    #[command(subcommand)]
    TlsReport(tls_report::TlsReportCommand),
    /// Thư chờ gửi. / Mail that waits to leave.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Rules of mail: what may go where, and from whom.
    #[command(subcommand)]
    Policy(Box<policy::PolicyCommand>),
    /// Other axes that this house is a client of.
    #[command(subcommand)]
    Peer(Box<peer::PeerCommand>),
    /// Pack files as an edXML document, or write a status.
    Package(Box<package::Package>),
    /// Get, show or check the receipt of a document.
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Working days and hours of deadlines.
    Calendar(calendar::CalendarArguments),
    /// Số văn bản đi, số đến. / Numbers of documents.
    #[command(subcommand)]
    Number(number::NumberCommand),
    /// Sổ văn thư. / The books of the records office.
    #[command(subcommand)]
    Register(register::RegisterCommand),
    /// Documents of the exchange.
    #[command(subcommand)]
    Document(document::DocumentCommand),
    /// Kiểm tra trước khi vận hành chính thức. / What has to be in order before official use.
    GoLive(go_live::GoLive),
    /// Ủy quyền ký. / Who signs by authorisation (TUQ.).
    #[command(subcommand)]
    Authorisation(office::AuthorisationCommand),
    /// Quy chế, danh mục. / Regulations of an agency, and its list of what is sent with paper too.
    #[command(subcommand)]
    Regulation(office::RegulationCommand),
    /// Thống kê trao đổi văn bản. / Statistics of the exchange.
    #[command(subcommand)]
    Statistics(statistics::StatisticsCommand),
    /// Thư, gói tin bị cách ly. / Mail that waits for a person; packages that were refused.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Packages and mails refused as state secrets.
    #[command(subcommand)]
    Secrecy(two_persons::SecrecyCommand),
    /// Khám hệ thống. / Is everything as it must be?
    Doctor(doctor::Doctor),
    /// Sao lưu. / Backups: make, list, check, try out.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Phục hồi từ bản sao lưu. / Put a backup back.
    Restore(Box<backup::Restore>),
    /// Đưa thư từ nơi khác vào. / Bring messages from elsewhere into a mailbox.
    Import(Box<moving::Import>),
    /// Lấy thư ra tệp. / Write the messages of a mailbox to files.
    Export(Box<moving::Export>),
    /// Thư này đã đi đâu? / What happened to a message.
    Trace(Box<trace::Trace>),
    /// The ledger of accepted acts.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Judge the signatures of a document.
    Verify(verify::Verify),
    /// Ký số tệp PDF, tệp khác, thư. / Sign PDFs, other files, mail.
    Sign(Box<sign::Sign>),
    /// Đóng dấu cơ quan lên các tệp PDF. / Put the agency's seal on PDFs.
    Seal(Box<seal::Seal>),
    /// Chứng minh tệp có từ bây giờ; PDF được lưu trữ lâu dài. / Prove that a file exists now; a PDF is archived.
    Timestamp(timestamp::Timestamp),
    /// Certificates.
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Whom the installation trusts.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Print or check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Who did it, in books and the audit log.
const ACTOR: &str = "cli";

/// What a command came to. Each command says in its help what its numbers mean.
pub(crate) type Outcome = anyhow::Result<ExitCode>;

/// Runs the command that was asked for. Faults exit with 3, the number that is no verdict.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 3 } else { 0 };
            // Where it cannot be printed nobody reads it.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if !matches!(arguments.command, Command::Serve(_)) {
        pipe::end_quietly();
    }
    let outcome = match arguments.command {
        Command::Serve(command) => command.run(&arguments.config),
        Command::Demo(command) => command.run(&arguments.config),
        Command::Agency(command) => command.run(&arguments.config),
        Command::Domain(command) => command.run(&arguments.config),
        Command::Dkim(command) => command.run(&arguments.config),
        Command::MailAuth(command) => command.run(&arguments.config),
        Command::Address(command) => command.run(&arguments.config),
        Command::Account(command) => command.run(&arguments.config),
        Command::System(command) => command.run(&arguments.config),
        Command::List(command) => command.run(&arguments.config),
        Command::SendingLimit(command) => command.run(&arguments.config),
        Command::Delegate(command) => command.run(&arguments.config),
        Command::Key(command) => command.run(&arguments.config),
        Command::Openapi => {
            print!("{}", crate::api::openapi_document());
            Ok(ExitCode::SUCCESS)
        }
        Command::Route(command) => command.run(&arguments.config),
        Command::TlsPolicy(command) => command.run(&arguments.config),
        Command::TlsReport(command) => command.run(&arguments.config),
        Command::Queue(command) => command.run(&arguments.config),
        Command::Policy(command) => command.run(&arguments.config),
        Command::Peer(command) => command.run(&arguments.config),
        Command::Package(command) => command.run(&arguments.config),
        Command::Receipt(command) => command.run(&arguments.config),
        Command::Calendar(command) => command.run(&arguments.config),
        Command::Number(command) => command.run(&arguments.config),
        Command::Register(command) => command.run(&arguments.config),
        Command::Document(command) => command.run(&arguments.config),
        Command::Authorisation(command) => command.run(&arguments.config),
        Command::Regulation(command) => command.run(&arguments.config),
        Command::Statistics(command) => command.run(&arguments.config),
        Command::GoLive(command) => command.run(&arguments.config),
        Command::Quarantine(command) => command.run(&arguments.config),
        Command::Secrecy(command) => command.run(&arguments.config),
        Command::Doctor(command) => command.run(&arguments.config),
        Command::Backup(command) => command.run(&arguments.config),
        Command::Restore(command) => command.run(),
        Command::Import(command) => command.run(&arguments.config),
        Command::Export(command) => command.run(&arguments.config),
        Command::Trace(command) => command.run(&arguments.config),
        Command::Ledger(command) => command.run(&arguments.config),
        Command::Verify(command) => command.run(&arguments.config),
        Command::Sign(command) => command.run(&arguments.config),
        Command::Seal(command) => command.run(&arguments.config),
        Command::Timestamp(command) => command.run(&arguments.config),
        Command::Cert(command) => command.run(&arguments.config),
        Command::Trust(command) => command.run(&arguments.config),
        Command::Config(command) => command.run(&arguments.config),
    };
    outcome.unwrap_or_else(|error| {
        if let Some(code) = pipe::exit_code(&error) {
            return code;
        }
        eprintln!("congvan: {error:#}");
        ExitCode::from(3)
    })
}

/// Runs a command's work on the installation's data.
pub(crate) fn on_data<F>(file: &Path, work: impl FnOnce(Arc<House>) -> F) -> Outcome
where
    F: Future<Output = Result<ExitCode, anyhow::Error>>,
{
    let config = Config::read(file)?;
    runtime()?.block_on(async {
        let house = House::open(config).await?;
        let writer = house.writer.clone();
        let outcome = work(house).await;
        // The store's last handle went with the work; its writer finishes and the database closes cleanly.
        writer.wait().await;
        outcome
    })
}

/// Starts the log as the configuration wants it.
pub(crate) fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.level)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match config.log.format.as_str() {
        "json" => log.json().try_init(),
        _ => log.with_target(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// The runtime that everything asynchronous runs on.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // SQLite is read where it is asked: whoever reads keeps a thread from others for so long, and there is one for each who may.
    let readers = store::Limits::default().connections as usize;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(cores + readers).enable_all().build()?)
}
