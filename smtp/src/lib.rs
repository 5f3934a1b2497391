//! Mail arriving and leaving.
