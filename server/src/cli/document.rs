//! `congvan document evidence|overdue|reinstate`: hands out what a document's acceptance rested on; lists what is late; reverses a
//! recall.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use mail::DocumentId;

use super::{Outcome, files, overdue, two_persons};

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
