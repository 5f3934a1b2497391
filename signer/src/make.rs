//! Making.
