//! `congvan register`: the books of the records office as the law prints them, and what is written into them by hand.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::{AgencyCode, DocumentId};
use registry::calendar::{Written, day_of};
use registry::numbering::{Book, Which};
use registry::registers::{self, Arrival, Entry, Order, Patch, Register};

use super::{ACTOR, Outcome, number};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum RegisterCommand {
    /// Sổ đăng ký văn bản đi (10 cột), CSV.
    Outgoing(Print),
    /// Sổ đăng ký văn bản đến (10 cột), CSV.
    Incoming(Print),
    /// Sổ theo dõi giải quyết văn bản đến (7 cột), CSV.
    FollowUp(Print),
    /// Register something that arrived: a document of the exchange, or a paper. Prints its arrival number.
    Arrive(Box<Arrive>),
    /// The "ĐẾN" stamp of an arrival, 50 × 35 mm, as SVG: for print only, never for a signed file (RULES R78).
    Stamp(Stamp),
    /// Write what became of a line: who has it, until when, how far it is.
    Note(Box<Note>),
}

#[derive(Args)]
pub(super) struct Print {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// The year; this one when left out.
    #[arg(long)]
    year: Option<i32>,
    /// Another book: normative:QĐ, for the outgoing register.
    #[arg(long)]
    book: Option<Book>,
    /// From this day on.
    #[arg(long)]
    from: Option<Written>,
    /// Until this day.
    #[arg(long)]
    to: Option<Written>,
    /// File to write; standard output when left out.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Begin with the mark that makes spreadsheets read UTF-8.
    #[arg(long)]
    bom: bool,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(super) struct Arrive {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// A document of the exchange, by the sender's DocId; the other texts then come from it.
    #[arg(long)]
    document: Option<String>,
    /// Số, ký hiệu.
    #[arg(long, default_value = "")]
    code: String,
    /// Ngày tháng văn bản.
    #[arg(long)]
    date: Option<Written>,
    /// Tên loại.
    #[arg(long, default_value = "")]
    kind: String,
    /// Trích yếu.
    #[arg(long, default_value = "")]
    subject: String,
    /// Tác giả.
    #[arg(long, default_value = "")]
    author: String,
    /// The same key gets the same number, however often it is asked.
    #[arg(long)]
    key: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Stamp {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// The year; this one when left out.
    #[arg(long)]
    year: Option<i32>,
    /// The arrival number.
    #[arg(long)]
    number: i64,
    /// File to write; standard output when left out.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Note {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// The book.
    #[arg(long, default_value = "incoming")]
    book: Book,
    /// The year; this one when left out.
    #[arg(long)]
    year: Option<i32>,
    /// The number.
    #[arg(long)]
    number: i64,
    /// Đơn vị hoặc người nhận.
    #[arg(long)]
    handler: Option<String>,
    /// Thời hạn giải quyết.
    #[arg(long)]
    due: Option<Written>,
    /// Tiến độ giải quyết.
    #[arg(long)]
    progress: Option<String>,
    /// Ngày chuyển.
    #[arg(long)]
    transferred: Option<Written>,
    /// Ký nhận.
    #[arg(long)]
    signed_for: Option<String>,
    /// Đơn vị, người nhận bản lưu.
    #[arg(long)]
    keeper: Option<String>,
    /// Số lượng bản.
    #[arg(long)]
    copies: Option<String>,
    /// Ghi chú.
    #[arg(long)]
    note: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl RegisterCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Outgoing(print) => print.run(&house, Register::Outgoing).await?,
                Self::Incoming(print) => print.run(&house, Register::Incoming).await?,
                Self::FollowUp(print) => print.run(&house, Register::FollowUp).await?,
                Self::Arrive(arrive) => arrive.run(&house).await?,
                Self::Stamp(stamp) => stamp.run(&house).await?,
                Self::Note(note) => note.run(&house).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Print {
    async fn run(self, house: &House, register: Register) -> anyhow::Result<()> {
        let order = Order {
            agency_id: number::agency(house, &self.agency).await?.agency_id,
            register,
            book: self.book.unwrap_or_else(|| register.book()),
            year: self.year.unwrap_or_else(|| day_of(house.now()).year()),
            from: self.from.map(|day| day.0),
            to: self.to.map(|day| day.0),
        };
        let Some(out) = &self.out else {
            return write(house, &order, self.bom, &mut std::io::stdout().lock()).await.map(drop);
        };
        anyhow::ensure!(
            self.force || !out.exists(),
            "{} exists; --force replaces it (tệp đã có)",
            out.display()
        );
        // Whole or not at all, however long it takes.
        let draft = draft_beside(out)?;
        let written = async {
            let file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
            let mut file = BufWriter::new(file);
            let lines = write(house, &order, self.bom, &mut file).await?;
            file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
            fs::rename(&draft, out)?;
            Ok::<_, anyhow::Error>(lines)
        };
        let written = written.await;
        let _ = fs::remove_file(&draft);
        let lines = written.with_context(|| format!("cannot write {}", out.display()))?;
        println!("{}: {lines} dòng / lines", out.display());
        Ok(())
    }
}

fn draft_beside(out: &Path) -> anyhow::Result<PathBuf> {
    let name = out.file_name().with_context(|| format!("{} is no file name", out.display()))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", std::process::id()));
    Ok(out.with_file_name(draft))
}

/// Writes a register a page at a time; answers how many lines.
async fn write(house: &House, order: &Order, bom: bool, out: &mut impl Write) -> anyhow::Result<usize> {
    out.write_all(registers::header(order.register, bom).as_bytes())?;
    let (mut after, mut lines) = (0, 0);
    loop {
        let page = registers::page(&house.store, order, after).await?;
        out.write_all(page.text.as_bytes())?;
        lines += page.lines;
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    out.flush()?;
    Ok(lines)
}

fn day(day: Option<Written>) -> Option<String> {
    day.map(|day| day.to_string())
}

impl Arrive {
    async fn run(self, house: &House) -> anyhow::Result<()> {
        let agency_id = number::agency(house, &self.agency).await?.agency_id;
        let arrival = match &self.document {
            Some(id) => Arrival::Exchanged(id.parse::<DocumentId>().map_err(|_| {
                anyhow::anyhow!("{id:?} is no DocId: 32 hexadecimal digits (mã gửi không hợp lệ)")
            })?),
            None => Arrival::Other(Box::new(Entry {
                code: self.code,
                date: day(self.date).unwrap_or_default(),
                kind: self.kind,
                subject: self.subject,
                author: self.author,
                ..Entry::default()
            })),
        };
        let given =
            registers::register_incoming(&house.store, agency_id, arrival, self.key, ACTOR, house.now());
        let given = given.await?;
        match self.json {
            true => number::print(&given, true),
            false => {
                let number = given.number.map(registry::numbering::number_text).unwrap_or_default();
                println!("Số đến {number}, {}. / Arrival number.", given.day);
                Ok(())
            }
        }
    }
}

impl Stamp {
    async fn run(self, house: &House) -> anyhow::Result<()> {
        let agency = number::agency(house, &self.agency).await?;
        let year = i64::from(self.year.unwrap_or_else(|| day_of(house.now()).year()));
        let (agency_id, number) = (agency.agency_id, self.number);
        let line = house.store.read((), |tx, ()| {
            Box::pin(
                async move { tx.line_of_number(agency_id, &Book::Incoming.to_string(), year, number).await },
            )
        });
        let line = line.await?.context("no such arrival number (không có số đến này)")?;
        let svg = registers::stamp(&agency.name, &line);
        match &self.out {
            Some(out) => super::files::put(out, svg.as_bytes(), false)?,
            None => print!("{svg}"),
        }
        Ok(())
    }
}

impl Note {
    async fn run(self, house: &House) -> anyhow::Result<()> {
        let which = Which {
            agency_id: number::agency(house, &self.agency).await?.agency_id,
            book: self.book,
            year: i64::from(self.year.unwrap_or_else(|| day_of(house.now()).year())),
            number: self.number,
        };
        let patch = Patch {
            keeper: self.keeper,
            copies: self.copies,
            handler: self.handler,
            due: day(self.due),
            progress: self.progress,
            transferred: day(self.transferred),
            signed_for: self.signed_for,
            note: self.note,
        };
        number::print(&registers::annotate(&house.store, which, patch).await?, self.json)
    }
}
