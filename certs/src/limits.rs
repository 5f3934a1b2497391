//! How much of anything is enough.

/// Sizes, counts and tolerances. Filled from configuration; the defaults serve the national exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one certificate. The largest seen in public roots and cards are below 10 KB.
    pub certificate_bytes: usize,
    /// Certificates read from one PEM file or container. The Mozilla bundle has about 150.
    pub certificates: usize,
    /// Bytes of one CRL. Large public CAs reach 10 MB.
    pub crl_bytes: usize,
    /// Bytes of one OCSP response. Usual ones are 2 KB, with a chain 6 KB.
    pub ocsp_bytes: usize,
    /// Signatures verified in one judgement, as in webpki's `Budget`.
    pub signatures: u32,
    /// Issuer candidates looked at in one judgement, as in webpki's `Budget` (build chain calls).
    pub steps: u32,
    /// Name constraint comparisons in one judgement, as in webpki's `Budget` (250 000 there).
    pub name_comparisons: u32,
    /// Nodes of the policy graph in one judgement; CVE-2023-0464 is why OpenSSL has such a limit (1000).
    pub policy_nodes: usize,
    /// Certificates in one path between leaf and anchor. Government chains have 1, cross-signed public ones 3.
    pub path_length: usize,
    /// Seconds by which the clocks of two honest parties may differ. 300 is Kerberos' and most OCSP clients' value.
    pub clock_skew_seconds: i64,
    /// How long an OCSP response or CRL without `nextUpdate` counts as fresh. RFC 6960 §2.4 leaves it open.
    pub no_next_update_seconds: i64,
    /// How long a CRL or OCSP response may have outlived its nextUpdate at the moment judged, for networks that see new ones
    /// rarely (RULES D27). Reported in the path when used. 0, the default: not at all.
    pub revocation_grace_seconds: i64,
    /// Bytes of one signed note. A checkpoint with ten cosignatures has 2 KB.
    pub note_bytes: usize,
    /// Sessions open at once with one token. Cards do one thing at a time; HSMs gain up to about this many.
    pub token_sessions: usize,
    /// Milliseconds to wait for a session when all are in use. A card signs in about a second.
    pub token_wait_millis: u64,
    /// Signature lines read from one note; golang.org/x/mod/sumdb/note stops at 100.
    pub note_signatures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            certificate_bytes: 64 * 1024,
            certificates: 1000,
            crl_bytes: 64 * 1024 * 1024,
            ocsp_bytes: 256 * 1024,
            signatures: 100,
            steps: 2_000,
            name_comparisons: 250_000,
            policy_nodes: 1000,
            path_length: 12,
            clock_skew_seconds: 300,
            no_next_update_seconds: 86_400,
            token_sessions: 8,
            token_wait_millis: 30_000,
            revocation_grace_seconds: 0,
            note_bytes: 64 * 1024,
            note_signatures: 100,
        }
    }
}
