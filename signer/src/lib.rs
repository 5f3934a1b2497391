//! Signatures on documents: make, judge, explain.
