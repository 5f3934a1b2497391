//! `docs/CODES.md` is made from the codes themselves: every stable code of the checks, with its sentence in both
//! languages. `make docs` writes it anew; this test notices when it drifts.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use directory::Said;
use directory::mail_policy::Reason;
use registry::accept::SignatureFault;
use registry::receipt;
use signer::Code;
use signer::page::Lang;
use web::check::Trouble;

fn catalogue() -> String {
    let mut out = String::from(
        "# Stable codes\n\nCodes never change their meaning; sentences may be improved. Made by `make docs` from the program's own \
         tables.\n",
    );
    let mut section = |title: &str, rows: Vec<[String; 3]>| {
        // Writing to a String does not fail.
        let _ = write!(out, "\n## {title}\n\n| code | Tiếng Việt | English |\n| --- | --- | --- |\n");
        for [code, vi, en] in rows {
            let _ = writeln!(out, "| `{code}` | {vi} | {en} |");
        }
    };
    let row = |code: &str, vi: &str, en: &str| [code.to_owned(), vi.to_owned(), en.to_owned()];
    section(
        "In a report: `reasons` and `notes` of `congvan verify --json`",
        Code::ALL.iter().map(|code| row(code.id(), code.vi(), code.en())).collect(),
    );
    let bare = |text: String, code: &str| text.replace(&format!(" ({code})"), "");
    section(
        "Why the exchange refuses a document for its signatures",
        SignatureFault::ALL
            .iter()
            .map(|fault| {
                let code = fault.code();
                row(code, &bare(fault.vi(), code), &bare(fault.en(), code))
            })
            .collect(),
    );
    section(
        "Why a mail is refused by a rule of the house, or remarked on",
        Reason::ALL
            .iter()
            .map(|reason| {
                let said = reason.said();
                row(said.code, &said.vi, &said.en)
            })
            .collect(),
    );
    section(
        "Why a receipt is not proven",
        receipt::Trouble::ALL.iter().map(|trouble| row(trouble.code(), trouble.vi(), trouble.en())).collect(),
    );
    section(
        "Why the public page did not check a file",
        Trouble::ALL
            .iter()
            .map(|trouble| row(trouble.code(), &trouble.text(Lang::Vi), &trouble.text(Lang::En)))
            .collect(),
    );
    out
}

#[test]
fn the_catalogue_in_docs_is_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CODES.md");
    if std::env::var_os("CONGVAN_WRITE_DOCS").is_some() {
        std::fs::write(&path, catalogue()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == catalogue(), "make docs writes docs/CODES.md anew");
}

#[test]
fn no_code_means_two_things() {
    let codes = Code::ALL.iter().map(|code| code.id().to_owned());
    let faults = SignatureFault::ALL.iter().map(|fault| fault.code().to_owned());
    let troubles = receipt::Trouble::ALL.iter().map(|trouble| trouble.code().to_owned());
    let pages = Trouble::ALL.iter().map(|trouble| trouble.code().to_owned());
    let rules = Reason::ALL.iter().map(|reason| reason.code().to_owned());
    let all: Vec<String> = rules.chain(codes).chain(faults).chain(troubles).chain(pages).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}
