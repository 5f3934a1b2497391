//! `congvan document evidence|print|overdue|reinstate`: hands out what a document's acceptance rested on; prints one; lists what is late;
//! reverses a recall.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use mail::{AgencyCode, DocumentId};

use super::{ACTOR, Outcome, files, overdue, two_persons};
use crate::intake;

#[derive(Subcommand)]
pub(super) enum DocumentCommand {
    /// Write the evidence bundle of a document's file: `congvan verify FILE --with BUNDLE` judges again from it.
    Evidence {
        /// The DocId that sendEdoc answered with.
        doc_id: String,
        /// Which file: 0 is the main document, the others follow in the order of the package.
        #[arg(long, default_value_t = 0)]
        file: i64,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print a document for a receiver that is not ready for electronic ones (RULES R17): writes the signed file as it is, and a sheet
    /// beside it with a place for the stamp "ĐẾN". That it went on paper is recorded.
    Print {
        /// The DocId.
        doc_id: DocumentId,
        /// Code of the agency that prints: the sender, or a receiver.
        #[arg(long)]
        agency: AgencyCode,
        /// Folder to write into; it has to be there.
        #[arg(long)]
        out: PathBuf,
    },
    /// List what is late or went wrong: not sent, failed, returned, slow to be taken in (RULES R27).
    Overdue(overdue::OverdueArguments),
    /// Reverse a mistaken recall before its copies are shredded. A clerk and a leader of the sending agency each run this. Exit: 0
    /// reversed, 1 the other person has not spoken yet, 3 fault.
    Reinstate {
        /// The DocId of the recall.
        order: String,
        #[command(flatten)]
        person: two_persons::Person,
    },
}

impl DocumentCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let (doc_id, file, out) = match self {
            Self::Evidence { doc_id, file, out } => (doc_id, file, out),
            Self::Print { doc_id, agency, out } => return print(config, doc_id, agency, out),
            Self::Overdue(overdue) => {
                return super::on_data(config, |house| async move { overdue.run(&house).await });
            }
            Self::Reinstate { order, person } => return two_persons::reinstate(config, &order, person),
        };
        let id: DocumentId = doc_id.parse().map_err(|_| {
            anyhow::anyhow!("{doc_id:?} is no DocId: 32 hexadecimal digits (mã gửi không hợp lệ)")
        })?;
        super::on_data(config, |house| async move {
            let known = house.store.read(id, |tx, id| Box::pin(async move { tx.file_evidence(*id).await }));
            let known = known.await?;
            anyhow::ensure!(!known.is_empty(), "there is no such document here (không có văn bản này)");
            let found = known.iter().find(|kept| kept.file_no == file);
            let found =
                found.with_context(|| format!("the document has no file {file} (không có tệp này)"))?;
            let blob = found.evidence_id.context("that file was not judged (tệp này không được kiểm tra)")?;
            let bundle = house.store.read_blob(found.agency_id, blob).await?;
            let bundle = bundle.context("the evidence is gone (không còn bằng chứng)")?;
            files::put(&out, &bundle, true)?;
            println!("{}", out.display());
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn print(config: &Path, doc_id: DocumentId, agency: AgencyCode, out: PathBuf) -> Outcome {
    super::on_data(config, |house| async move {
        let now = house.now();
        let found = house.store.read(agency.clone(), move |tx, agency| {
            Box::pin(async move { tx.agency_by_code(agency, now).await })
        });
        let found: Result<_, store::Error> = found.await;
        let agency_id =
            found?.with_context(|| format!("{agency}: không có cơ quan này / no such agency"))?.agency_id;
        let printed = intake::desk(&house)?.print_out(agency_id, doc_id, ACTOR, now).await;
        let printed =
            printed.map_err(|error| anyhow::anyhow!("[{}] {} / {}", error.code(), error.vi(), error.en()))?;
        let sheet = out.join(format!("{doc_id}.html"));
        let file = out.join(format!("{doc_id}-{}", printed.file_name));
        files::put(&file, &printed.content, true)?;
        files::put(&sheet, printed.sheet.as_bytes(), true)?;
        println!("{}\n{}", file.display(), sheet.display());
        Ok(ExitCode::SUCCESS)
    })
}
