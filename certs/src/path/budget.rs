//! How much work one judgement may cost.

use crate::Limits;

/// Counts down; an empty budget ends the judgement.
#[derive(Debug)]
pub(crate) struct Budget {
    signatures: u32,
    steps: u32,
    comparisons: u32,
}

/// The limits are reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Budget {
        Budget { signatures: limits.signatures, steps: limits.steps, comparisons: limits.name_comparisons }
    }

    /// One signature is going to be verified.
    pub(crate) fn signature(&mut self) -> Result<(), Exhausted> {
        take(&mut self.signatures)
    }

    /// One candidate is going to be looked at.
    pub(crate) fn step(&mut self) -> Result<(), Exhausted> {
        take(&mut self.steps)
    }

    /// One name is going to be compared with one constraint.
    pub(crate) fn comparison(&mut self) -> Result<(), Exhausted> {
        take(&mut self.comparisons)
    }

    /// So many names are going to be compared.
    pub(crate) fn comparisons(&mut self, count: usize) -> Result<(), Exhausted> {
        let count = u32::try_from(count).map_err(|_| Exhausted)?;
        self.comparisons = self.comparisons.checked_sub(count).ok_or(Exhausted)?;
        Ok(())
    }
}

fn take(left: &mut u32) -> Result<(), Exhausted> {
    *left = left.checked_sub(1).ok_or(Exhausted)?;
    Ok(())
}
