//! `congvan number`: numbers of outgoing and incoming books.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::AgencyCode;
use registry::calendar::{Written, day_of};
use registry::numbering::{self, Book, Given, Request, Which};
use registry::registers::Entry;
use store::{Agency, BookState, LineFilter};

use super::{ACTOR, Outcome, files};
use crate::house::House;

/// Lines read at once.
const AT_ONCE: i64 = 500;

#[derive(Subcommand)]
pub(super) enum NumberCommand {
    /// Open a book: its numbers are given here from now on.
    Start {
        #[command(flatten)]
        book: WhichBook,
        /// This year's first number, when a paper book is taken over.
        #[arg(long)]
        first: Option<i64>,
        /// Numbers are given by the agency's own system and only written down here.
        #[arg(long, conflicts_with = "first")]
        recorded: bool,
    },
    /// Close a book: nothing new is written.
    Close {
        #[command(flatten)]
        book: WhichBook,
    },
    /// Take the next number.
    Reserve {
        #[command(flatten)]
        book: WhichBook,
        /// The day the document will bear; today when left out.
        #[arg(long)]
        day: Option<Written>,
        /// Why the day lies before that of the last number.
        #[arg(long, default_value = "")]
        reason: String,
        /// The same key gets the same number, however often it is asked.
        #[arg(long)]
        key: Option<String>,
        /// Trích yếu.
        #[arg(long, default_value = "")]
        subject: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Void a number that was taken; its line stays.
    Void {
        #[command(flatten)]
        book: WhichBook,
        /// The number.
        #[arg(long)]
        number: i64,
        /// Its year; this one when left out.
        #[arg(long)]
        year: Option<i32>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the numbers of a year, one a line.
    List {
        #[command(flatten)]
        book: WhichBook,
        /// The year; this one when left out.
        #[arg(long)]
        year: Option<i32>,
        /// Answer in JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct WhichBook {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// outgoing, incoming, or normative:QĐ for normative documents of a type.
    #[arg(long, default_value = "outgoing")]
    book: Book,
}

/// The agency of a code.
pub(super) async fn agency(house: &House, code: &AgencyCode) -> anyhow::Result<Agency> {
    let now = house.now();
    let found = house
        .store
        .read(code.clone(), |tx, code| Box::pin(async move { tx.agency_by_code(code, now).await }));
    found.await?.with_context(|| format!("there is no agency {code} (không có cơ quan này)"))
}

/// A number and what became of it, for people or programs.
pub(super) fn print(given: &Given, json: bool) -> anyhow::Result<()> {
    match json {
        true => println!("{}", serde_json::to_string(given)?),
        false => println!(
            "{}\t{}\t{}\t{}",
            files::plain(&given.code),
            given.day,
            given.state,
            files::plain(&given.entry.subject)
        ),
    }
    Ok(())
}

impl NumberCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Start { book, first, recorded } => {
                    let state = if recorded { BookState::Recorded } else { BookState::Kept };
                    set(&house, book, state, first).await?;
                }
                Self::Close { book } => set(&house, book, BookState::Closed, None).await?,
                Self::Reserve { book, day, reason, key, subject, json } => {
                    let request = Request {
                        agency_id: agency(&house, &book.agency).await?.agency_id,
                        book: book.book,
                        day: day.map(|day| day.0),
                        reason,
                        request_key: key,
                        entry: Entry { subject, ..Entry::default() },
                        by: ACTOR.to_owned(),
                    };
                    print(&numbering::reserve(&house.store, request, house.now()).await?, json)?;
                }
                Self::Void { book, number, year, reason, json } => {
                    let which = Which {
                        agency_id: agency(&house, &book.agency).await?.agency_id,
                        book: book.book,
                        year: i64::from(year.unwrap_or_else(|| day_of(house.now()).year())),
                        number,
                    };
                    let gone = numbering::void(&house.store, which, &reason, ACTOR, house.now()).await?;
                    print(&gone, json)?;
                }
                Self::List { book, year, json } => list(&house, book, year, json).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

async fn set(house: &House, book: WhichBook, state: BookState, first: Option<i64>) -> anyhow::Result<()> {
    let agency_id = agency(house, &book.agency).await?.agency_id;
    let shown = format!("{} {} {}", book.agency, book.book, state.as_str());
    numbering::open_book(&house.store, agency_id, book.book, state, first, ACTOR, house.now()).await?;
    println!("{shown}");
    Ok(())
}

async fn list(house: &House, book: WhichBook, year: Option<i32>, json: bool) -> anyhow::Result<()> {
    let agency_id = agency(house, &book.agency).await?.agency_id;
    let year = year.unwrap_or_else(|| day_of(house.now()).year());
    let mut after = 0;
    loop {
        let filter = LineFilter {
            agency_id,
            book: book.book.to_string(),
            year: i64::from(year),
            from: String::new(),
            to: String::new(),
            after,
            limit: AT_ONCE,
        };
        let lines = numbering::list(&house.store, filter).await?;
        for line in &lines {
            print(line, json)?;
        }
        match lines.last() {
            Some(last) => after = last.line,
            None => return Ok(()),
        }
    }
}
