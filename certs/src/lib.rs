//! Whom to trust, and our own keys.
