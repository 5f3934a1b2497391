//! The mirror of revocation lists for networks without a way out (RULES D27): the directory `evidence` of the installation's
//! data, where [`super::imports`] finds them. Each list is a file named after its digest; of lists that speak about the same
//! certificates only the newest stays.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::revocation::Crl;
use certs::{Certificate, Limits};
use mail::Timestamp;

use super::imports;
use crate::config::Config;
use crate::house::private_directory;

/// What became of a list that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    /// New in the mirror; `true`: its signature is a known authority's. Otherwise the judgement will see who signed it.
    Taken(bool),
    /// There already.
    Known(bool),
}

impl Import {
    pub(crate) fn is_verified(self) -> bool {
        let (Self::Taken(verified) | Self::Known(verified)) = self;
        verified
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Taken(_) => "taken",
            Self::Known(_) => "known",
        }
    }

    pub(crate) fn english(self) -> &'static str {
        match self {
            Self::Taken(true) => "taken, signature verified",
            Self::Taken(false) => "taken; its authority is not known here yet",
            Self::Known(_) => "there already",
        }
    }

    pub(crate) fn vietnamese(self) -> &'static str {
        match self {
            Self::Taken(true) => "đã nhập, chữ ký đúng",
            Self::Taken(false) => "đã nhập; chưa biết tổ chức phát hành",
            Self::Known(_) => "đã có sẵn",
        }
    }
}

/// Why a list was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(certs::Error),
    /// A known authority of that name has another key, and nobody else does.
    #[error("the signature is not that of any known authority of this name")]
    Signature,
    /// A newer one about the same certificates is there.
    #[error("the mirror has a newer list of this authority")]
    Older,
    /// Issued after the present moment.
    #[error("the list comes from the future")]
    Future,
    /// It could not be written.
    #[error("{0:#}")]
    Disk(#[from] anyhow::Error),
}

impl Refusal {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(error) => error.code(),
            Self::Signature => "crl.signature",
            Self::Older => "crl.older",
            Self::Future => "crl.future",
            Self::Disk(_) => "crl.disk",
        }
    }

    pub(crate) fn vietnamese(&self) -> &'static str {
        match self {
            Self::Unreadable(error) => error.vietnamese(),
            Self::Signature => "Chữ ký của danh sách không phải của tổ chức chứng thực đã biết.",
            Self::Older => "Kho đã có danh sách mới hơn của tổ chức này.",
            Self::Future => "Danh sách có thời điểm phát hành trong tương lai.",
            Self::Disk(_) => "Không ghi được danh sách vào kho.",
        }
    }
}

/// The directory.
pub(crate) struct Mirror {
    directory: PathBuf,
    limits: Limits,
    /// One import at a time.
    _turn: File,
}

impl Mirror {
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        Self::at(&super::imported_to(config))
    }

    fn at(directory: &Path) -> anyhow::Result<Self> {
        private_directory(directory)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let turn = options.open(directory.join(".lock")).context("cannot lock the mirror of lists")?;
        turn.lock().context("cannot lock the mirror of lists")?;
        Ok(Self { directory: directory.to_owned(), limits: Limits::default(), _turn: turn })
    }

    /// Takes a list, if it is not older than what is there. `issuers`: whom the caller knows, besides the certificates that lie
    /// in the mirror.
    pub(crate) fn import(
        &self,
        crl: &Crl,
        issuers: &[Certificate],
        now: Timestamp,
    ) -> Result<Import, Refusal> {
        if crl.this_update() > now.secs().saturating_add(self.limits.clock_skew_seconds) {
            return Err(Refusal::Future);
        }
        let (lists, certificates) = imports::lists_and_certificates(&self.directory, &self.limits);
        let named = issuers.iter().chain(&certificates).filter(|one| one.subject() == crl.issuer());
        let (mut known, mut verified) = (false, false);
        for issuer in named {
            known = true;
            verified |= crl.verify_signature(issuer.public_key()).is_ok();
        }
        if known && !verified {
            return Err(Refusal::Signature);
        }
        if lists.iter().any(|(_, own)| own.sha256() == crl.sha256()) {
            return Ok(Import::Known(verified));
        }
        let alike: Vec<_> = lists.iter().filter(|(_, own)| replaces(own, crl)).collect();
        if alike.iter().any(|(_, own)| is_newer(own, crl)) {
            return Err(Refusal::Older);
        }
        self.write(crl)?;
        for (path, _) in alike {
            // Somebody else may have taken it away; a bundle with others in it stays as it is.
            if path.file_name().and_then(|name| name.to_str()).is_some_and(is_own) {
                let _ = fs::remove_file(path);
            }
        }
        Ok(Import::Taken(verified))
    }

    fn write(&self, crl: &Crl) -> anyhow::Result<()> {
        let path = self.directory.join(format!("{}.crl", crl.sha256()));
        let fresh = self.directory.join(".new");
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(crl.der())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A name this mirror gives: a digest.
fn is_own(name: &str) -> bool {
    name.strip_suffix(".crl").is_some_and(|digest| digest.parse::<certs::Fingerprint>().is_ok())
}

/// Both are complete lists, or both deltas, about the same certificates.
fn replaces(one: &Crl, other: &Crl) -> bool {
    one.is_alike(other) && one.is_delta() == other.is_delta()
}

/// By number, and where that says nothing by date.
fn is_newer(one: &Crl, other: &Crl) -> bool {
    let number = |crl: &Crl| {
        crl.number().map(|number| {
            let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
            (number.len(), number)
        })
    };
    match (number(one), number(other)) {
        (Some(one_number), Some(other_number)) if one_number != other_number => one_number > other_number,
        _ => one.this_update() > other.this_update(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::Serial;
    use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
    use certs::keys::{Key, Size};

    const NOW: i64 = 1_790_000_000;
    const DAY: i64 = 86_400;

    fn authority(name: &str) -> Authority {
        let key = Key::generate(Size::P256).unwrap();
        let name = Subject::vietnamese("THỬ NGHIỆM", name).name().unwrap();
        let life = Validity { from: 0, until: 4_000_000_000 };
        let root = issue::root(&name, key.public(), Serial::from_u64(1), life).self_signed(&key).unwrap();
        Authority::new(root, key).unwrap()
    }

    fn list(by: &Authority, number: u64, age_days: i64) -> Crl {
        let issued = NOW - age_days * DAY;
        CrlDraft::new(issued, Some(issued + 7 * DAY), number).signed_by(by).unwrap()
    }

    #[test]
    fn d27_the_newest_list_stays_and_older_ones_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (ca, namesake, other) = (authority("CA 1"), authority("CA 1"), authority("CA 2"));
        let known = [ca.certificate().clone()];
        let mirror = Mirror::at(directory.path()).unwrap();
        let import = |crl: &Crl| match mirror.import(crl, &known, Timestamp::from_secs(NOW)) {
            Ok(import) => format!("{} {}", import.code(), import.is_verified()),
            Err(refusal) => refusal.code().to_owned(),
        };
        let (first, second) = (list(&ca, 9, 3), list(&ca, 10, 2));
        #[rustfmt::skip]
        let rows = [
            ("the first",                  first.clone(),            "taken true"),
            ("again",                      first.clone(),            "known true"),
            ("newer",                      second,                   "taken true"),
            ("older by its number",        first,                    "crl.older"),
            ("older by its date",          list(&ca, 10, 4),         "crl.older"),
            ("of a namesake",              list(&namesake, 11, 1),   "crl.signature"),
            ("of somebody not known here", list(&other, 1, 9),       "taken false"),
            ("from the future",            list(&ca, 12, -2),        "crl.future"),
        ];
        for (what, crl, expected) in rows {
            assert_eq!(import(&crl), expected, "{what}");
        }
        let names = fs::read_dir(directory.path()).unwrap().flatten();
        let names = names.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "crl"));
        assert_eq!(names.count(), 2, "one list of each authority");
    }

    #[test]
    fn a_delta_stands_beside_its_complete_list() {
        let directory = tempfile::tempdir().unwrap();
        let ca = authority("CA");
        let mirror = Mirror::at(directory.path()).unwrap();
        let base = list(&ca, 9, 3);
        let number = certs::der::Writer::build(|w| w.unsigned(&[9]));
        let delta = CrlDraft::new(NOW - DAY, Some(NOW + DAY), 10)
            .extension(certs::oids::DELTA_CRL_INDICATOR, true, number)
            .signed_by(&ca)
            .unwrap();
        for crl in [&delta, &base] {
            assert_eq!(mirror.import(crl, &[], Timestamp::from_secs(NOW)).unwrap(), Import::Taken(false));
        }
        let (lists, _) = imports::lists_and_certificates(directory.path(), &Limits::default());
        assert_eq!(lists.len(), 2);
    }
}
