//! What was refused and why, for clerks and administrators. Of what stood in it nothing is kept (RULES R12).

use mail::{AuditId, Timestamp};
use serde::Deserialize;
use store::Refusal;

/// A package that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The record's id; what is older is asked for with it.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Which system brought it.
    pub system: String,
    /// The stable code of the reason.
    pub code: String,
    /// The reason in Vietnamese; empty in records of before it was kept.
    pub vi: String,
    /// The same in English.
    pub en: String,
    /// Which detector of state secrets it was (RULES R9), if it was one.
    pub detector: Option<String>,
    /// SHA-256 of the package, in hexadecimal digits.
    pub package_sha256: String,
    /// The sender, as the package said, where it could be read.
    pub from: Option<String>,
    /// The receivers, likewise; some, when there are many.
    pub to: Vec<String>,
}

/// The record as it is kept ([`crate::accept::Desk::record_refusal`]).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    code: String,
    vi: String,
    en: String,
    detector: Option<String>,
    package: String,
    from: Option<String>,
    to: Vec<String>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let detail: Detail = serde_json::from_str(&refusal.detail).unwrap_or_default();
        Self {
            id: refusal.refusal_id,
            at: refusal.at,
            system: refusal.system_folded,
            code: detail.code,
            vi: detail.vi,
            en: detail.en,
            detector: detail.detector,
            package_sha256: detail.package,
            from: detail.from,
            to: detail.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r12_records_of_any_age_are_read() {
        let read = |detail: &str| {
            let (refusal_id, at) = (AuditId::from_bytes([1; 16]), Timestamp::from_secs(1));
            Refused::from(Refusal { refusal_id, at, system_folded: "HUB.01".into(), detail: detail.into() })
        };
        let new = read(
            r#"{"code":"secrecy.refused","vi":"Mật","en":"secret","detector":"secrecy.stamp","package":"ab","from":"H37.01","to":["H37.02"]}"#,
        );
        assert_eq!(
            (new.code.as_str(), new.vi.as_str(), new.detector.as_deref()),
            ("secrecy.refused", "Mật", Some("secrecy.stamp"))
        );
        let old = read(r#"{"code":"edxml.leading","package":"cd","from":null,"to":[]}"#);
        assert_eq!((old.code.as_str(), old.en.as_str(), old.from), ("edxml.leading", "", None));
        assert_eq!(read("").code, "");
    }
}
