use super::*;
use crate::cli::seal::Seal;
use crate::cli::sign::Sign;
use certs::Serial;
use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
use certs::keys::{Key, Size};
use clap::Parser;
use signer::judge::Role;
use signer::{Judged, Verdict, pdf};
use std::fs;
use std::process::Command;

#[derive(Parser)]
enum Line {
    Sign(Box<Sign>),
    Seal(Box<Seal>),
}

/// A directory with the keys, certificates and lists of a leader and an agency, and papers to sign.
struct House {
    directory: tempfile::TempDir,
    root: Authority,
}

impl House {
    fn new() -> Self {
        crate::tls::install_provider();
        let now = files::now().secs();
        let long = Validity { from: now - 1000, until: now + 100_000 };
        let name =
            |text: &str, uid: &str| Subject::vietnamese("THỬ NGHIỆM", text).user_id(uid).name().unwrap();
        let key = || Key::generate(Size::P256).unwrap();
        let root = key();
        let certificate = issue::root(&name("Gốc", "MST:1"), root.public(), Serial::from_u64(1), long);
        let root = Authority::new(certificate.self_signed(&root).unwrap(), root).unwrap();
        let house = Self { directory: tempfile::tempdir().unwrap(), root };
        let (leader, seal) = (key(), key());
        let (serial, mail) = (Serial::from_u64, "a@x.gov.vn");
        let drafts = [
            (
                "leader",
                issue::leader(&name("Nguyễn Văn A", "CCCD:1"), leader.public(), serial(2), long, mail),
                leader,
            ),
            ("seal", issue::agency_seal(&name("UBND", "MST:2"), seal.public(), serial(3), long, mail), seal),
        ];
        for (name, draft, key) in drafts {
            let certificate = draft.signed_by(&house.root).unwrap();
            house.put(&format!("{name}.key"), &key.to_pem().unwrap());
            let chain = certificate.to_pem() + &house.root.certificate().to_pem();
            house.put(&format!("{name}.pem"), chain.as_bytes());
        }
        house.put("root.pem", house.root.certificate().to_pem().as_bytes());
        let crl = CrlDraft::new(now - 60, Some(now + 5000), 1).signed_by(&house.root).unwrap();
        house.put("root.crl", crl.der());
        for paper in ["a.pdf", "b.pdf"] {
            house.put(paper, &make::blank_pdf(paper, &["Kính gửi"]));
        }
        house
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command; words that begin with `@` are files of the house. The exit code, or the fault.
    fn run(&self, words: &str) -> Result<String, String> {
        self.run_as_is(&format!("{words} --trust @root.pem --crls @root.crl --offline"))
    }

    fn run_as_is(&self, words: &str) -> Result<String, String> {
        let own = |word: &str| word.strip_prefix('@').map_or(word.to_owned(), |name| self.path(name));
        let words = ["congvan"].into_iter().chain(words.split(' ')).map(own);
        let nowhere = Path::new("/nonexistent/congvan.toml");
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let done = match line {
            Line::Sign(command) => command.run(nowhere),
            Line::Seal(command) => command.run(nowhere),
        };
        done.map(|code| format!("{code:?}")).map_err(|error| format!("{error:#}"))
    }

    fn judge(&self, name: &str) -> Judged {
        let trust = files::anchors(&[self.path("root.pem").into()]).unwrap();
        let policy = Policy { trust, ..Policy::default() };
        signer::judge(fs::read(self.path(name)).unwrap(), &policy, &Evidence::default(), files::now())
    }
}

fn ok() -> Result<String, String> {
    Ok(format!("{:?}", ExitCode::SUCCESS))
}

fn some_failed() -> Result<String, String> {
    Ok(format!("{:?}", ExitCode::from(1)))
}

const LEADER: &str = "--key @leader.key --certificate @leader.pem";
const SEAL: &str = "--key @seal.key --certificate @seal.pem";

#[test]
fn r82_d23_the_leader_signs_then_the_agency_seals() {
    let house = House::new();
    assert_eq!(
        house.run(&format!("seal @a.pdf {SEAL} --out @early.pdf")),
        some_failed(),
        "nobody signed yet"
    );
    assert!(!Path::new(&house.path("early.pdf")).exists());
    assert_eq!(house.run(&format!("sign @a.pdf {LEADER} --role leader --out @a1.pdf")), ok());
    let facts = pdf::read(&fs::read(house.path("a1.pdf")).unwrap(), &Limits::default()).unwrap();
    assert_eq!(facts.signatures[0].signature.as_ref().unwrap().kind, pdf::Kind::Certification(2));
    assert_eq!(house.run(&format!("seal @a1.pdf {SEAL} --out @a2.pdf")), ok());
    let judged = house.judge("a2.pdf");
    assert_eq!(judged.verdict(), Verdict::Valid, "the file brings its evidence");
    let roles: Vec<Role> = judged.report().signatures.iter().map(|s| s.role).collect();
    assert_eq!(roles, [Role::Leader, Role::Agency]);
    // Existing results stay, unless told otherwise.
    assert_eq!(house.run(&format!("seal @a1.pdf {SEAL} --out @a2.pdf")), some_failed());
    assert_eq!(house.run(&format!("seal @a1.pdf {SEAL} --out @a2.pdf --force")), ok());
    assert_eq!(house.run(&format!("seal @a.pdf {SEAL} --out @why.pdf --without-leader khẩn")), ok());
    let lines = ["--attachment 05/QĐ-BNV", "--copy sao-y --agency UBND"];
    for (index, options) in lines.into_iter().enumerate() {
        let out = format!("text{index}.pdf");
        assert_eq!(house.run(&format!("seal @b.pdf {SEAL} {options} --out @{out}")), ok());
        let read = Command::new("pdftotext").args([&house.path(&out), "-"]).output().unwrap().stdout;
        let read = String::from_utf8(read).unwrap();
        let expected = ["Số: 05/QĐ-BNV; ", "SAO Y; UBND; "][index];
        assert!(read.contains(expected) && read.contains(" +07:00"), "{read}");
    }
    for bad in
        ["--copy sao-y", "--attachment 1 --without-leader x", "--diameter 360", "--level lt", "--at 1,2,3,4"]
    {
        assert!(house.run(&format!("seal @b.pdf {SEAL} {bad} --out @bad.pdf")).is_err(), "{bad}");
    }
}

#[test]
fn d8_one_file_that_fails_does_not_stop_the_others() {
    let house = House::new();
    house.put("broken.pdf", b"%PDF-1.7\nnothing");
    fs::create_dir(house.path("out")).unwrap();
    let batch = format!("sign @a.pdf @broken.pdf @missing.pdf @b.pdf {LEADER} --out-dir @out --json");
    assert_eq!(house.run(&batch), some_failed());
    let mut made: Vec<_> =
        fs::read_dir(house.path("out")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    made.sort();
    assert_eq!(made, ["a.pdf", "b.pdf"]);
    for name in ["out/a.pdf", "out/b.pdf"] {
        assert_eq!(house.judge(name).verdict(), Verdict::Valid);
    }
    let twice = house.run(&format!("sign @a.pdf @out/a.pdf {LEADER} --out-dir @out"));
    assert!(twice.unwrap_err().contains("twice"));
    assert!(house.run(&format!("sign @a.pdf @b.pdf {LEADER} --out @one.pdf")).unwrap_err().contains("twice"));
    assert!(house.run(&format!("sign @a.pdf {LEADER}")).unwrap_err().contains("--out"));
    let higher = house.run(&format!("sign @a.pdf {LEADER} --out @t.pdf --level t --tsa http://127.0.0.1:1/"));
    assert_eq!(higher, some_failed(), "no authority answers");
    assert!(!Path::new(&house.path("t.pdf")).exists());
}

#[test]
fn d28_a_key_elsewhere_signs_in_two_steps() {
    let house = House::new();
    assert_eq!(
        house.run("sign @a.pdf --certificate @leader.pem --role leader --prepare @state --json"),
        ok()
    );
    let state = Prepared::from_bytes(&fs::read(house.path("state")).unwrap(), &Limits::default()).unwrap();
    house.put("dtbs", state.to_sign());
    let run = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let (key, value, data) = (house.path("leader.key"), house.path("value"), house.path("dtbs"));
    run(&["dgst", "-sha256", "-sign", &key, "-out", &value, &data]);
    assert_eq!(house.run("sign --finish @state --signature @value --out @done.pdf"), ok());
    assert_eq!(house.judge("done.pdf").verdict(), Verdict::Valid);
    // As text, the way services answer.
    house.put("text", BASE64.encode(fs::read(&value).unwrap()).as_bytes());
    assert_eq!(house.run("sign --finish @state --signature @text --out @done2.pdf"), ok());
    // A whole container.
    house.put("content", &state.content().concat());
    let (content, certificate, cms) = (house.path("content"), house.path("leader.pem"), house.path("cms"));
    let made = ["cms", "-sign", "-binary", "-cades", "-md", "sha256", "-outform", "DER", "-in", &content];
    run(&[&made[..], &["-signer", &certificate, "-inkey", &key, "-out", &cms]].concat());
    assert_eq!(house.run("sign --finish @state --cms @cms --out @done3.pdf"), ok());
    assert_eq!(house.judge("done3.pdf").verdict(), Verdict::Valid);
    // Somebody else's key.
    let other = house.path("seal.key");
    run(&["dgst", "-sha256", "-sign", &other, "-out", &value, &data]);
    assert_eq!(house.run("sign --finish @state --signature @value --out @no.pdf"), some_failed());
    assert!(!Path::new(&house.path("no.pdf")).exists());
    assert!(house.run("sign --finish @state --out @no.pdf").unwrap_err().contains("--signature"));
    assert!(house.run("sign @a.pdf --prepare @state2").unwrap_err().contains("--certificate"));
}

#[test]
fn what_is_no_pdf_is_signed_at_the_same_desk() {
    let house = House::new();
    house.put("a.txt", b"text");
    fs::create_dir(house.path("out")).unwrap();
    for (form, made) in [("cms", "a.txt.p7m"), ("cms-detached", "a.txt.p7s")] {
        let words =
            format!("sign @a.txt {LEADER} --format {form} --out-dir @out --trust @root.pem --offline");
        assert_eq!(house.run_as_is(&words), ok());
        assert!(Path::new(&house.path("out")).join(made).exists());
    }
    let told =
        house.run_as_is(&format!("sign @a.txt {LEADER} --format cms --role leader --out @x --offline"));
    assert!(told.unwrap_err().contains("--format"));
}

#[test]
fn answers_from_elsewhere_may_be_text() {
    assert_eq!(binary(b"AQID\nBA==\n".to_vec()), [1, 2, 3, 4]);
    assert_eq!(binary(vec![0x30, 0x82, 0xFF]), [0x30, 0x82, 0xFF]);
    assert_eq!(binary(b"no base64!".to_vec()), b"no base64!");
}
