//! JMAP clients that are not ours: `jmapc` (Python) and `jmap-jam` (JavaScript) read, mark, write, send and follow what changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Account, Engine, Jmap, Postfix, Program};

use crate::on_both_engines;

on_both_engines! {
    jmapc_does_a_days_work => a_day_with_jmapc,
    jmap_jam_does_a_days_work => a_day_with_jmap_jam,
}

/// What `jmapc` does: mailboxes, a list, a message, a flag, a draft, a submission, changes of each kind.
const JMAPC: &str = r##"
import sys, requests
from jmapc import (Address, Client, Comparator, Email, EmailAddress, EmailBodyPart, EmailBodyValue, EmailHeader,
    EmailQueryFilterCondition, EmailSubmission, Envelope, MailboxQueryFilterCondition, Ref)
from jmapc.methods import (CoreEcho, EmailChanges, EmailGet, EmailQuery, EmailQueryChanges, EmailSet, EmailSubmissionChanges,
    EmailSubmissionGet, EmailSubmissionSet, IdentityGet, MailboxChanges, MailboxGet, MailboxQuery, ThreadGet)

host, user, password, to, folder = sys.argv[1:6]
client = Client.create_with_password(host, user, password)
assert client.request(CoreEcho(data={"a": [1, "đ"]}), raise_errors=True).data == {"a": [1, "đ"]}
boxes = {m.role: m.id for m in client.request(MailboxGet(ids=None), raise_errors=True).data}
inbox = client.request(MailboxQuery(filter=MailboxQueryFilterCondition(role="inbox")), raise_errors=True).ids
assert inbox == [boxes["inbox"]], (inbox, boxes)

where = EmailQueryFilterCondition(in_mailbox=boxes["inbox"])
newest = [Comparator(property="receivedAt", is_ascending=False)]
answers = client.request([
    EmailQuery(filter=where, sort=newest, limit=10, collapse_threads=False, calculate_total=True),
    EmailGet(ids=Ref("/ids"), fetch_text_body_values=True),
    ThreadGet(ids=Ref("/list/*/threadId")),
], raise_errors=True)
listed, got, threads = [a.response for a in answers]
assert listed.total == 1 and listed.can_calculate_changes, listed
letter = got.data[0]
assert letter.subject == "Giấy mời" and letter.mail_from[0].name == "Nguyễn Văn An", letter
text = letter.body_values[letter.text_body[0].part_id].value
assert text.startswith("Kính gửi"), text
assert threads.data[0].email_ids == [letter.id]
assert letter.attachments[0].name == "giay-moi.pdf", letter.attachments
client.download_attachment(letter.attachments[0], folder + "/a.pdf")
assert open(folder + "/a.pdf", "rb").read().startswith(b"%PDF-1.7")

done = client.request(EmailSet(update={letter.id: {"keywords/$seen": True}}), raise_errors=True)
assert letter.id in done.updated, done
changed = client.request(EmailChanges(since_state=got.state), raise_errors=True)
assert changed.updated == [letter.id] and not changed.created, changed
moved = client.request(EmailQueryChanges(filter=where, sort=newest, since_query_state=listed.query_state), raise_errors=True)
assert [a.id for a in moved.added] == [letter.id] and moved.added[0].index == 0, moved

me = client.request(IdentityGet(ids=None), raise_errors=True).data[0]
with open(folder + "/b.txt", "w") as f:
    f.write("đính kèm\n")
blob = client.upload_blob(folder + "/b.txt")
draft = Email(
    mail_from=[EmailAddress(name=me.name, email=me.email)], to=[EmailAddress(email=to)], subject="Tra loi tu jmapc",
    in_reply_to=letter.message_id, references=letter.message_id,
    keywords={"$draft": True, "$seen": True}, mailbox_ids={boxes["drafts"]: True},
    body_values={"b": EmailBodyValue(value="Chúng tôi sẽ dự.")}, text_body=[EmailBodyPart(part_id="b", type="text/plain")],
    attachments=[EmailBodyPart(blob_id=blob.id, type="text/plain", name="b.txt", disposition="attachment")],
)
before = client.request(EmailSubmissionGet(ids=[]), raise_errors=True).state
answers = client.request([
    EmailSet(create={"d": draft}),
    EmailSubmissionSet(
        create={"s": EmailSubmission(email_id="#d", identity_id=me.id,
            envelope=Envelope(mail_from=Address(email=me.email), rcpt_to=[Address(email=to)]))},
        on_success_update_email={"#s": {f"mailboxIds/{boxes['drafts']}": None, f"mailboxIds/{boxes['sent']}": True, "keywords/$draft": None}},
    ),
], raise_errors=True)
made, sent, filed = [a.response for a in answers]
email, submission = made.created["d"].id, sent.created["s"].id
assert email in filed.updated, filed
told = client.request(EmailSubmissionChanges(since_state=before), raise_errors=True)
assert submission in told.created + told.updated, told
there = client.request(EmailGet(ids=[email], properties=["mailboxIds", "keywords"]), raise_errors=True).data[0]
assert there.mailbox_ids == {boxes["sent"]: True} and "$draft" not in there.keywords, there
gone = client.request(EmailSet(destroy=[email]), raise_errors=True)
assert gone.destroyed == [email], gone
late = client.request(EmailChanges(since_state=changed.new_state), raise_errors=True)
assert email not in late.created, late
print("jmapc is content")
"##;

/// What `jmap-jam` does. It knows bearer tokens only, so it is given the header it would send.
const JMAP_JAM: &str = r##"
import { JamClient } from "jmap-jam";
import assert from "node:assert/strict";
const [url, user, password, to] = process.argv.slice(2);
const jam = new JamClient({ bearerToken: "none", sessionUrl: url });
await jam.session.catch(() => {});
jam.authHeader = "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
jam.session = JamClient.loadSession(url, jam.authHeader);
const accountId = await jam.getPrimaryAccount();

const [mailboxes] = await jam.api.Mailbox.get({ accountId });
const box = (role) => mailboxes.list.find((m) => m.role === role).id;
const sort = [{ property: "receivedAt", isAscending: false }];
const filter = { inMailbox: box("inbox") };
const [all] = await jam.requestMany((t) => {
  const listed = t.Email.query({ accountId, filter, sort, limit: 5 });
  const got = t.Email.get({ accountId, ids: listed.$ref("/ids"), properties: ["id", "subject", "from", "keywords", "attachments", "messageId", "header:X-Mark:asText"] });
  return { listed, got };
});
assert.equal(all.listed.canCalculateChanges, true);
const letter = all.got.list[0];
assert.equal(letter.subject, "Giấy mời");
const pdf = await jam.downloadBlob({ accountId, blobId: letter.attachments[0].blobId, mimeType: "application/pdf", fileName: "giấy mời.pdf" });
assert.ok((await pdf.text()).startsWith("%PDF-1.7"));

await jam.api.Email.set({ accountId, update: { [letter.id]: { "keywords/$flagged": true } } });
const [changes] = await jam.api.Email.changes({ accountId, sinceState: all.got.state });
assert.deepEqual(changes.updated, [letter.id]);
const [delta] = await jam.api.Email.queryChanges({ accountId, filter, sort, sinceQueryState: all.listed.queryState });
assert.deepEqual(delta.added, [{ id: letter.id, index: 0 }]);

const blob = await jam.uploadBlob(accountId, "đính kèm");
const [identities] = await jam.api.Identity.get({ accountId });
const me = identities.list[0];
const [sent] = await jam.requestMany((t) => {
  const draft = t.Email.set({ accountId, create: { d: {
    mailboxIds: { [box("drafts")]: true }, keywords: { $draft: true }, subject: "Tra loi tu jmap-jam",
    from: [{ name: me.name, email: me.email }], to: [{ email: to }], inReplyTo: letter.messageId,
    bodyValues: { t: { value: "Chúng tôi sẽ dự." } }, textBody: [{ partId: "t", type: "text/plain" }],
    attachments: [{ blobId: blob.blobId, type: "text/plain", name: "b.txt", disposition: "attachment" }],
  } } });
  const submission = t.EmailSubmission.set({ accountId, create: { s: {
    emailId: "#d", identityId: me.id, envelope: { mailFrom: { email: me.email, parameters: null }, rcptTo: [{ email: to, parameters: null }] },
  } }, onSuccessUpdateEmail: { "#s": { [`mailboxIds/${box("drafts")}`]: null, [`mailboxIds/${box("sent")}`]: true, "keywords/$draft": null } } });
  return { draft, submission };
});
const email = sent.draft.created.d.id;
// The Email/set that followed answers under the same call id.
assert.ok(email in sent.submission.updated, JSON.stringify(sent));
const [vacation] = await jam.api.VacationResponse.get({ accountId });
assert.equal(vacation.list[0].id, "singleton");
await assert.rejects(jam.api.Email.get({ accountId: "x", ids: [] }), (error) => error.type === "accountNotFound");
console.log("jmap-jam is content");
"##;

fn tools() -> PathBuf {
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools says where the tools are (make test does)");
    PathBuf::from(bin)
}

fn letter(to: &str) -> String {
    format!(
        "From: =?UTF-8?Q?Nguy=E1=BB=85n_V=C4=83n_An?= <an@outside.test>\nTo: <{to}>\nSubject: =?UTF-8?B?R2nhuqV5IG3hu51p?=\n\
         Message-ID: <letter-1@outside.test>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b1\"\n\n\
         --b1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nKính gửi quý cơ quan.\n--b1\n\
         Content-Type: application/pdf; name=\"giay-moi.pdf\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"giay-moi.pdf\"\n\nJVBERi0xLjcK\n--b1--\n"
    )
}

/// A program with one letter in the clerk's inbox, and the outside world.
async fn with_a_letter(engine: Engine) -> (Program, Postfix, Account) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let agency = program.systems().0.agency.clone();
    let clerk = program.account(&agency, "clerk").clone();
    postfix.send("an@outside.test", &clerk.address, &letter(&clerk.address));
    Jmap::sign_in(&program, &clerk).await.wait_for("Giấy mời").await;
    (program, postfix, clerk)
}

/// Runs somebody else's client to its end.
async fn must(mut command: Command, program: &Program, folder: &Path, script: &str, name: &str) {
    let path = folder.join(name);
    std::fs::write(&path, script).expect("a script");
    let root = folder.join("root.pem");
    std::fs::write(&root, program.root_pem()).expect("a certificate");
    command.env("REQUESTS_CA_BUNDLE", &root).env("NODE_EXTRA_CA_CERTS", &root);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a client");
    let output = output.expect("the client runs");
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        program.log()
    );
}

async fn a_day_with_jmapc(engine: Engine) {
    let (program, postfix, clerk) = with_a_letter(engine).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(tools().join("python3"));
    command
        .arg(folder.path().join("day.py"))
        .arg(format!("localhost:{}", program.ports.https))
        .args([&clerk.address, &clerk.password, "an@outside.test"])
        .arg(folder.path());
    must(command, &program, folder.path(), JMAPC, "day.py").await;
    let received = postfix.wait_for("Tra loi tu jmapc");
    assert!(received.contains("In-Reply-To: <letter-1@outside.test>"), "{received}");
    program.doctor().await;
}

async fn a_day_with_jmap_jam(engine: Engine) {
    let (program, postfix, clerk) = with_a_letter(engine).await;
    let folder = tempfile::tempdir().expect("a folder");
    let modules = tools().parent().expect("a folder above").join("jmap-jam/node_modules");
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).expect("a link");
    let mut command = Command::new("node");
    command.arg(folder.path().join("day.mjs")).arg(program.https("/jmap/session")).args([
        &clerk.address,
        &clerk.password,
        "an@outside.test",
    ]);
    must(command, &program, folder.path(), JMAP_JAM, "day.mjs").await;
    let received = postfix.wait_for("Tra loi tu jmap-jam");
    assert!(received.contains("In-Reply-To: <letter-1@outside.test>"), "{received}");
    program.doctor().await;
}
