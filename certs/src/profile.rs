//! Where a certificate departs from the profile of RFC 5280 §4 without making validation impossible.

/// A rule of the profile that the issuer did not keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// Stable code.
    pub code: &'static str,
    /// The rule and its place.
    pub rule: &'static str,
}
