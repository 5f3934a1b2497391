//! The whole log held against the tables: every leaf opened, every tile and root worked out anew, every act looked for on both
//! sides. What a row, a leaf, a tile or a checkpoint cannot have become by honest work is a finding.

mod acts;
mod trees;

pub(crate) use acts::act_of;

use store::{Error, Store};

use super::checkpoint::read_checkpoint;
use super::verify::NoteVerifier;

/// Findings listed one by one; further ones are only counted.
const FINDINGS_MAX: usize = 1_000;
/// Rows read at once.
const AT_ONCE: i64 = 500;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $vi:literal $en:literal)*) => {
        /// What an audit finds wrong: a stable code and a sentence in both languages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)* }

        impl Fault {
            /// Every fault, for manuals and tests.
            pub const ALL: &'static [Fault] = &[$(Self::$name,)*];

            /// The stable name.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
            /// The sentence in Vietnamese.
            pub fn vi(self) -> &'static str {
                match self { $(Self::$name => $vi,)* }
            }
            /// The sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
        }
    };
}

faults! {
    /// The tree lacks a leaf, or has more than it should.
    Gap "audit.gap" "Sổ thiếu hoặc thừa mục." "The tree lacks a leaf or has one too many."
    /// Leaves outside any tree that do not wait for one either.
    Stray "audit.stray" "Có mục ngoài sổ." "There are leaves that are in no tree and do not wait."
    /// A tile is not what the leaves make.
    Tile "audit.tile" "Mảnh băm không khớp với các mục." "A tile is not what the leaves make."
    /// A checkpoint is not of this tree.
    Root "audit.root" "Mốc không khớp với sổ." "A checkpoint is not of this tree."
    /// A checkpoint is not signed by the log, or says something else than its row.
    Signature "audit.signature" "Chữ ký trên mốc không đúng." "A checkpoint is not signed by the log."
    /// A closed tree has no last checkpoint.
    Unsigned "audit.unsigned" "Sổ đã đóng mà không có mốc cuối." "A closed tree has no last checkpoint."
    /// A tree does not begin with the last checkpoint of the one before.
    Chain "audit.chain" "Sổ không nối với sổ năm trước." "A tree does not begin with the last checkpoint of the one before."
    /// A checkpoint that somebody holds is not of this log: it was rewritten, or put back to an earlier state.
    Fork "audit.fork" "Mốc đang giữ không thuộc sổ này: sổ đã bị viết lại hoặc lùi về trước." "A checkpoint in somebody's hand is not of this log: it was rewritten or put back."
    /// A timestamp is damaged or over something else.
    Timestamp "audit.timestamp" "Dấu thời gian trên mốc không đúng." "The timestamp over a checkpoint is wrong."
    /// What is kept of an act does not open its leaf.
    Opening "audit.opening" "Nội dung lưu giữ không khớp với mục đã ghi." "What is kept of an act does not open its leaf."
    /// A row says something else than the act that the log holds.
    Record "audit.record" "Dữ liệu khác với việc đã ghi sổ." "A row says something else than the log."
    /// The log holds an act that the tables do not have.
    NoAct "audit.no-act" "Sổ có ghi việc mà dữ liệu không có." "The log holds an act that the tables do not have."
    /// The tables have an act that the log does not hold.
    NoLeaf "audit.no-leaf" "Dữ liệu có việc mà sổ không ghi." "The tables have an act that the log does not hold."
    /// The log holds an act twice.
    Twice "audit.twice" "Một việc được ghi sổ nhiều lần." "The log holds an act more than once."
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// Where: a tree and a place in it, a document's or a delivery's id.
    pub at: String,
}

/// A tree that was walked.
#[derive(Clone, Debug)]
pub struct AuditedTree {
    /// Its origin.
    pub origin: String,
    /// Leaves.
    pub leaves: u64,
    /// Signed checkpoints.
    pub checkpoints: u64,
    /// Timestamps over them.
    pub timestamps: u64,
}

/// What was audited.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// The trees, oldest first.
    pub trees: Vec<AuditedTree>,
    /// Documents and statuses looked for in the log.
    pub packages: u64,
    /// Deliveries that are done, looked for in the log.
    pub deliveries: u64,
    /// What is wrong, at most a thousand.
    pub findings: Vec<Finding>,
    /// Further findings.
    pub more: u64,
}

impl Audit {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, fault: Fault, at: impl ToString) {
        match self.findings.len() < FINDINGS_MAX {
            true => self.findings.push(Finding { fault, at: at.to_string() }),
            false => self.more += 1,
        }
    }
}

/// An auditor of one installation. It reads page after page, so acts may come in meanwhile.
pub struct Auditor<'a> {
    store: &'a Store,
    log: &'a (dyn NoteVerifier + Sync),
    /// Whether acts are looked for in the tables, or the log is only held against itself.
    with_acts: bool,
}

impl<'a> Auditor<'a> {
    /// `log` is the log's own key.
    pub fn new(store: &'a Store, log: &'a (dyn NoteVerifier + Sync)) -> Self {
        Self { store, log, with_acts: true }
    }

    /// Walks the trees only: leaves, tiles, checkpoints and timestamps agree among themselves.
    ///
    /// # Errors
    /// The store's own.
    pub async fn check(self) -> Result<Audit, Error> {
        let mut audit = Audit::default();
        Self { with_acts: false, ..self }.trees(&mut audit).await?;
        Ok(audit)
    }

    /// Audits everything.
    ///
    /// # Errors
    /// The store's own.
    pub async fn run(&self) -> Result<Audit, Error> {
        let mut audit = Audit::default();
        self.trees(&mut audit).await?;
        self.acts(&mut audit).await?;
        Ok(audit)
    }
}

/// What a signed checkpoint says when the log signed it as `origin`: the tree's size and root, and the note's text.
pub fn open_checkpoint(
    log: &dyn NoteVerifier,
    origin: &str,
    note: &str,
) -> Option<(u64, store::ledger::merkle::Hash, String)> {
    let text = log.open(origin, note).ok()?;
    let checkpoint = read_checkpoint(&text).filter(|checkpoint| checkpoint.origin == origin)?;
    Some((checkpoint.size, checkpoint.root, text))
}
