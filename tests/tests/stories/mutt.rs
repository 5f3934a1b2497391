//! mutt at a terminal: somebody reads, answers, flags, moves and throws away, with the keys they would press.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Program};

use crate::on_both_engines;
use crate::thunderbird::morning;

on_both_engines! {
    mutt_does_a_days_work => a_day,
}

/// What is pressed. `=b` lets the server search; what is flagged, moved or deleted is what a search left in sight.
const KEYS: &str = "<limit>~s 'Giấy mời'<enter><display-message><exit><pipe-message>cat >read<enter><reply><send-message>\
    <limit>=b 'đường sắt'<enter><tag-pattern>~A<enter><tag-prefix><flag-message><tag-prefix><save-message>=Việc-giữ-lại<enter>\
    <limit>~s 'nhắc hạn'<enter><tag-pattern>~A<enter><tag-prefix><delete-message><limit>all<enter><sync-mailbox><quit>";

/// Its settings. This mutt takes -PLUS when it is offered and then cannot bind the channel (its library wants `tls-exporter`, RFC 9266), so it
/// is told which mechanism to take.
fn settings(program: &Program, clerk: &Account) -> String {
    let user = clerk.address.replace('@', "%40");
    let (imaps, submissions) = (program.ports.imaps, program.ports.submissions);
    let Account { address, password, .. } = clerk;
    format!(
        "set folder=\"imaps://{user}@localhost:{imaps}/\" imap_pass=\"{password}\" imap_authenticators=\"scram-sha-256\"\n\
         set smtp_url=\"smtps://{user}@localhost:{submissions}/\" smtp_pass=\"{password}\" smtp_authenticators=\"scram-sha-256\"\n\
         set spoolfile=\"=INBOX\" record=\"=Thư đã gửi\" trash=\"=Thùng rác\" postponed=\"=Thư nháp\"\n\
         set ssl_ca_certificates_file=\"{}\" from=\"{address}\" realname=\"Trần Thị Bình\"\n\
         set charset=utf-8 send_charset=utf-8 editor=\"./editor\" tmpdir=\".\" pipe_decode=yes wait_key=no resolve=no\n\
         set fast_reply=yes autoedit=yes include=yes recall=no confirmappend=no confirmcreate=no delete=yes move=no\n\
         push \"{KEYS}\"\n",
        program.data.join("pki/root.pem").display()
    )
}

/// Runs it at a terminal of its own (script(1)), to its end.
async fn run(folder: &Path) {
    let mut command = Command::new("timeout");
    command.args(["120", "script", "-qec", "mutt -F settings -d 2", "terminal"]).current_dir(folder);
    command.env("HOME", folder).env("LANG", "C.UTF-8").env("TERM", "xterm").stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a program");
    let ended = output.expect("mutt is installed (make test does)").status;
    let kept = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap_or_default()).into_owned()
    };
    assert!(ended.success(), "{ended}\n{}\n{}", kept(".muttdebug0"), kept("terminal"));
}

fn write(folder: &Path, name: &str, mode: u32, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a file");
}

async fn a_day(engine: Engine) {
    let (program, clerk, colleague, jmap) = morning(engine).await;
    let directory = tempfile::Builder::new().prefix("congvan-mutt.").tempdir().expect("a directory");
    let folder = directory.path();
    write(folder, "settings", 0o600, &settings(&program, &clerk));
    let editor =
        "#!/bin/sh\necho 'Tôi sẽ dự họp đúng giờ.' | cat - \"$1\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n";
    write(folder, "editor", 0o700, editor);
    run(folder).await;

    let read = std::fs::read_to_string(folder.join("read")).expect("what was read");
    assert!(read.contains("Subject: Giấy mời họp\n") && read.contains("Kính mời đồng chí dự họp."), "{read}");
    let answer = Jmap::sign_in(&program, &colleague).await.wait_for("Re: Giấy mời họp").await;
    assert!(answer["bodyValues"].to_string().contains("Tôi sẽ dự họp đúng giờ."), "{answer}");
    let copy = jmap.messages("sent").await;
    assert_eq!((copy.len(), &copy[0]["messageId"]), (1, &answer["messageId"]), "{copy:?}");
    let left = jmap.messages("inbox").await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["keywords"], json!({ "$seen": true, "$answered": true }));
    let thrown: Vec<Value> = jmap.messages("trash").await;
    assert_eq!(thrown.len(), 1, "{thrown:?}");
    assert_eq!(thrown[0]["subject"], "Nhắc hạn");
    let kept = jmap.messages_in("Việc-giữ-lại").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        (&kept[0]["subject"], &kept[0]["keywords"]["$flagged"]),
        (&json!("Báo cáo quý"), &json!(true))
    );
    program.doctor().await;
}
