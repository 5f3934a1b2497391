//! Thunderbird as Debian has it: a person types a name, an address and a password, and works. It finds the doors by what we answer, and each
//! thing it shows as done is looked for here.

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Program, Swaks, Thunderbird, Tunnel};

use crate::on_both_engines;

on_both_engines! {
    thunderbird_does_a_days_work => a_day,
}

const PDF: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\nph\xE1\xBB\xA5 l\xE1\xBB\xA5c\n";

/// A colleague's letters, one with an attachment whose name has marks.
fn letters(colleague: &Account, clerk: &Account) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(PDF);
    let text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let head = |number: u32, subject: &str| {
        format!(
            "From: =?utf-8?B?UGjhuqFtIFbEg24gxJDhu5Fj?= <{}>\r\nTo: <{}>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
             Date: Sun, 22 Nov 2026 08:0{number}:00 +0700\r\nMessage-ID: <{number}@colleague.test>\r\n",
            colleague.address, clerk.address
        )
    };
    let invitation = format!(
        "{}Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n{text}Kính mời đồng chí dự họp.\r\n--b\r\n\
         Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=utf-8''gi%E1%BA%A5y%20m%E1%BB%9Di.pdf\r\n\r\n{encoded}\r\n--b--\r\n",
        head(1, "=?UTF-8?B?R2nhuqV5IG3hu51pIGjhu41w?=")
    );
    let report = format!("{}{text}Số liệu ngành đường sắt.\r\n", head(2, "=?UTF-8?B?QsOhbyBjw6FvIHF1w70=?="));
    let reminder = format!("{}{text}Đề nghị trả lời sớm.\r\n", head(3, "=?UTF-8?B?Tmjhuq9jIGjhuqFu?="));
    [invitation, report, reminder].map(String::into_bytes).into()
}

/// Somebody's morning: a program at work, who works, who wrote, and the letters in the inbox.
pub(crate) async fn morning(engine: Engine) -> (Program, Account, Account, Jmap) {
    let program = Program::demo(engine).await;
    let (ours, theirs) = program.systems();
    let clerk = program.account(&ours.agency, "clerk").clone();
    let colleague = program.account(&theirs.agency, "leader").clone();
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for letter in letters(&colleague, &clerk) {
        jmap.import("inbox", letter).await;
    }
    (program, clerk, colleague, jmap)
}

async fn a_day(engine: Engine) {
    let (program, clerk, colleague, jmap) = morning(engine).await;
    let (_, domain) = clerk.address.split_once('@').expect("an address");
    let tunnel = Tunnel::start(&format!("autoconfig.{domain}"), program.ports.https).await;
    let mut thunderbird = Thunderbird::open(&program, tunnel.port, include_str!("thunderbird.js")).await;
    set_up(&mut thunderbird, &program, &tunnel, &clerk).await;
    let listed = thunderbird.does("openInbox", json!([3])).await;
    assert_eq!(sorted(&listed), ["Báo cáo quý", "Giấy mời họp", "Nhắc hạn"]);
    read_and_answer(&mut thunderbird, &program, &jmap, &colleague).await;
    find(&mut thunderbird).await;
    put_in_order(&mut thunderbird, &jmap).await;
    // A letter arrives while the list is open.
    thunderbird.listens_in("INBOX").await;
    Swaks::submit(&program, &colleague, &clerk.address).subject("Tin moi").send().must_be_taken(&program);
    jmap.wait_for("Tin moi").await;
    thunderbird.does("hearOf", json!(["Tin moi"])).await;
    let protocol = thunderbird.protocol();
    for refusal in [" BAD ", " NO "] {
        let refused = protocol.lines().find(|line| line.contains(":CreateNewLine") && line.contains(refusal));
        assert_eq!(refused, None, "nothing it says is refused");
    }
    program.doctor().await;
}

fn sorted(list: &Value) -> Vec<&str> {
    let mut all: Vec<&str> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    all.sort_unstable();
    all
}

/// A name, an address and a password; the rest is asked of `autoconfig.DOMAIN`, over TLS.
async fn set_up(thunderbird: &mut Thunderbird, program: &Program, tunnel: &Tunnel, clerk: &Account) {
    let found = thunderbird.does("giveAddress", json!(["Trần Thị Bình", clerk.address])).await;
    let (imaps, submissions) = (program.ports.imaps, program.ports.submissions);
    let told = json!(["imap", "localhost", imaps.to_string(), "localhost", submissions.to_string()]);
    assert_eq!(found, told);
    let asked = tunnel.asked();
    assert!(asked.iter().any(|line| line.starts_with("CONNECT autoconfig.")), "{asked:?}");
    thunderbird.picture("thunderbird-found").await;
    let made = thunderbird.does("givePassword", json!([clerk.password])).await;
    assert_eq!(made, json!(["localhost", imaps, true, format!("localhost:{submissions}")]));
}

async fn read_and_answer(thunderbird: &mut Thunderbird, program: &Program, jmap: &Jmap, colleague: &Account) {
    let text = thunderbird.does("read", json!(["Giấy mời họp", "dự họp"])).await;
    assert!(text.as_str().is_some_and(|text| text.contains("Kính mời đồng chí dự họp.")), "{text}");
    let place = thunderbird.place("saved.pdf");
    let attachment = thunderbird.does("saveAttachment", json!([place])).await;
    assert_eq!(attachment, json!(["giấy mời.pdf", "application/pdf"]));
    assert_eq!(std::fs::read(&place).expect("a saved file"), PDF);
    thunderbird.picture("thunderbird-letter").await;
    thunderbird.does("starAndTag", json!([])).await;
    thunderbird.does("reply", json!(["Tôi sẽ dự họp đúng giờ."])).await;
    // It marks what was read, starred, tagged and answered, in its own time.
    let keywords = json!({ "$seen": true, "$flagged": true, "$label1": true, "$answered": true });
    jmap.until("the marks of the letter", async |jmap| {
        let inbox = jmap.messages("inbox").await;
        inbox.into_iter().find(|letter| letter["subject"] == "Giấy mời họp" && letter["keywords"] == keywords)
    })
    .await;
    let theirs = Jmap::sign_in(program, colleague).await;
    let answer = theirs.wait_for("Re: Giấy mời họp").await;
    let text = answer["bodyValues"].to_string();
    assert!(text.contains("Tôi sẽ dự họp đúng giờ."), "{answer}");
    let copy = jmap.messages("sent").await;
    assert_eq!(copy.len(), 1, "{copy:?}");
    assert_eq!((&copy[0]["subject"], &copy[0]["messageId"]), (&answer["subject"], &answer["messageId"]));
    assert_eq!(copy[0]["keywords"]["$seen"], true);
}

async fn find(thunderbird: &mut Thunderbird) {
    assert_eq!(thunderbird.does("quickFilter", json!(["nhắc"])).await, json!(["Nhắc hạn"]));
    thunderbird.picture("thunderbird-quick-filter").await;
    thunderbird.does("endQuickFilter", json!([3])).await;
    // The words stand in the text only, and in no file of the profile that it would look into.
    assert_eq!(thunderbird.does("searchOnServer", json!(["đường sắt"])).await, json!(["Báo cáo quý"]));
    let protocol = thunderbird.protocol();
    assert!(protocol.to_lowercase().contains("uid search undeleted body"), "{protocol}");
}

async fn put_in_order(thunderbird: &mut Thunderbird, jmap: &Jmap) {
    thunderbird.does("makeFolder", json!(["Việc cần làm"])).await;
    thunderbird.does("read", json!(["Báo cáo quý", "đường sắt"])).await;
    let left = thunderbird.does("moveTo", json!(["Việc cần làm"])).await;
    assert_eq!(sorted(&left), ["Giấy mời họp", "Nhắc hạn"]);
    thunderbird.does("read", json!(["Nhắc hạn", "trả lời"])).await;
    assert_eq!(thunderbird.does("remove", json!([])).await, json!(["Giấy mời họp"]));
    thunderbird.picture("thunderbird-order").await;
    for (folder, subject) in [("Việc cần làm", "Báo cáo quý"), ("Thùng rác", "Nhắc hạn")] {
        jmap.until(folder, async |jmap| {
            let there = jmap.messages_in(folder).await;
            (there.len() == 1 && there[0]["subject"] == subject).then_some(())
        })
        .await;
    }
}
