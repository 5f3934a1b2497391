//! Reads the text of a checkpoint (C2SP tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use store::ledger::merkle::Hash;

/// What a checkpoint says.
pub(super) struct Checkpoint {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// `origin`, size and root in the first three lines; further lines are extensions.
pub(super) fn read_checkpoint(text: &str) -> Option<Checkpoint> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
    let number = lines.next()?;
    let is_plain = number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    let size = number.parse().ok().filter(|_| is_plain)?;
    let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    Some(Checkpoint { origin, size, root })
}
