//! News: over a WebSocket, and to a client that is away.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Program, Swaks};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::on_both_engines;

on_both_engines! {
    rfc_8887_a_foreign_client_speaks_jmap_over_a_websocket => a_websocket,
    rfc_8620_7_2_a_client_that_is_away_is_told => a_client_is_away,
    rfc_8620_8_6_no_push_knocks_at_the_doors_of_the_house => no_push_goes_inside,
}

const PATIENCE: Duration = Duration::from_secs(60);

fn clerk(program: &Program) -> Account {
    let agency = program.systems().0.agency.clone();
    program.account(&agency, "clerk").clone()
}

/// A Python program that says lines.
pub(crate) struct Script {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl Script {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let bin = std::env::var("CONGVAN_PYHANKO")
            .expect("CONGVAN_PYHANKO is not set: scripts/test-tools (make test does)");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(name);
        let mut child = Command::new(Path::new(&bin).join("python3"))
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python is installed");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let input = child.stdin.take().expect("a pipe");
        Self { child, lines, input }
    }

    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
        line.expect("readable lines")
            .unwrap_or_else(|| panic!("the script ended: {:?}", self.child.try_wait()))
    }

    async fn told(&mut self) -> Value {
        let line = self.line().await;
        let told: Value = serde_json::from_str(&line).expect("a line of JSON");
        assert_eq!(told["fault"], Value::Null, "{told}");
        told
    }
}

/// Brings a letter from outside to port 25.
async fn bring(program: &Program, to: &str, subject: &str) {
    Swaks::stranger(program, "an@outside.test", to).subject(subject).send().must_be_taken(program);
}

async fn a_websocket(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let capability = &jmap.session()["capabilities"]["urn:ietf:params:jmap:websocket"];
    assert_eq!(capability["supportsPush"], true);
    let url = capability["url"].as_str().expect("an address");
    assert!(url.starts_with("wss://"), "{url}");
    let root = program.data.join("root.pem");
    std::fs::write(&root, program.root_pem()).unwrap();
    let root = root.to_str().expect("a plain path");
    let arguments = [url, root, &clerk.address, &clerk.password, jmap.account_id()];
    let mut script = Script::start("push_socket.py", &arguments);
    assert_eq!(script.line().await, "waits");
    bring(&program, &clerk.address, "mot").await;
    assert_eq!(script.line().await, "is away");
    bring(&program, &clerk.address, "hai").await;
    jmap.wait_for("hai").await;
    script.input.write_all(b"\n").await.unwrap();
    assert_eq!(script.line().await, "done");
    assert!(!program.log().contains("panicked"), "{}", program.log());
}

/// A push service, and a program that may reach it.
async fn with_service(engine: Engine, answers: &[&str]) -> (Program, Script, Value, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().expect("a plain path").to_owned();
    let mut service = Script::start("push_endpoint.py", &[&[folder.as_str()], answers].concat());
    let listens = service.told().await;
    let authorities = format!("authorities = \"{folder}/push.pem\"");
    let changes =
        [("\naddresses = []", "\naddresses = [\"127.0.0.1\"]"), ("authorities = \"\"", &authorities)];
    let program = Program::demo_of(engine, "H99", &changes).await;
    (program, service, listens, directory)
}

/// Makes or changes subscriptions of whoever is signed in.
async fn set(jmap: &Jmap, arguments: Value) -> Value {
    let answer = jmap.request(json!([["PushSubscription/set", arguments, "0"]])).await;
    assert_eq!(answer[0][0], "PushSubscription/set", "{answer}");
    answer[0][1].clone()
}

async fn a_client_is_away(engine: Engine) {
    // The first push meets a service that is overloaded, the last one a client that has gone.
    let (program, mut service, listens, _directory) =
        with_service(engine, &["503", "201", "201", "201", "410"]).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let keys = json!({ "p256dh": listens["p256dh"], "auth": listens["auth"] });
    let url = format!("https://localhost:{}/p/1", listens["port"]);
    let wanted = json!({ "deviceClientId": "phone", "url": url, "keys": keys, "types": ["EmailDelivery"] });
    let made = set(&jmap, json!({ "create": { "p": wanted } })).await;
    let id = made["created"]["p"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    // A letter before the client has proved itself is told to nobody.
    bring(&program, &clerk.address, "truoc").await;
    let refused = service.told().await;
    assert_eq!(refused["answered"], 503);
    let code = service.told().await;
    let vapid = &jmap.session()["capabilities"]["urn:ietf:params:jmap:webpush-vapid"]["applicationServerKey"];
    assert_eq!((&code["key"], &code["sealed"], &code["path"]), (vapid, &json!(true), &json!("/p/1")));
    assert_eq!((&code["topic"], &code["type"]), (&json!(id), &json!("application/json")));
    assert_eq!(
        (&code["said"]["@type"], &code["said"]["pushSubscriptionId"]),
        (&json!("PushVerification"), &json!(id))
    );
    assert_eq!(code["said"], refused["said"]);
    let wrong = set(&jmap, json!({ "update": { &id: { "verificationCode": "guessed" } } })).await;
    assert_eq!(wrong["notUpdated"][&id]["type"], "invalidProperties");
    let right = json!({ "verificationCode": code["said"]["verificationCode"] });
    let answer = set(&jmap, json!({ "update": { &id: right } })).await;
    assert_eq!(answer["updated"], json!({ &id: null }));
    bring(&program, &clerk.address, "mot").await;
    let news = service.told().await["said"].clone();
    assert_eq!(news["@type"], "StateChange");
    let types = news["changed"][jmap.account_id()].as_object().expect("the account").clone();
    assert_eq!(types.keys().collect::<Vec<_>>(), ["EmailDelivery"]);
    // Reading is no news to this client; the next letter is.
    let message = jmap.wait_for("mot").await;
    let seen = json!({ "update": { message["id"].as_str().unwrap(): { "keywords/$seen": true } } });
    jmap.call("Email/set", seen).await;
    bring(&program, &clerk.address, "hai").await;
    let later = service.told().await["said"].clone();
    let state = |news: &Value| -> i64 {
        news["changed"][jmap.account_id()]["EmailDelivery"].as_str().unwrap().parse().unwrap()
    };
    assert!(state(&later) > state(&news), "{later}");
    // The service says that the client is gone: so is its subscription.
    bring(&program, &clerk.address, "ba").await;
    assert_eq!(service.told().await["answered"], 410);
    let left = timeout(PATIENCE, async {
        while jmap.request(json!([["PushSubscription/get", {}, "0"]])).await[0][1]["list"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    left.await.expect("the subscription goes");
    program.doctor().await;
}

async fn no_push_goes_inside(engine: Engine) {
    // The service listens, and the operator has not said that it may be reached.
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().expect("a plain path").to_owned();
    let mut service = Script::start("push_endpoint.py", &[&folder]);
    let listens = service.told().await;
    let authorities = PathBuf::from(&folder).join("push.pem");
    let authorities = format!("authorities = {:?}", authorities.to_str().expect("a plain path"));
    let program = Program::demo_of(engine, "H99", &[("authorities = \"\"", &authorities)]).await;
    let jmap = Jmap::sign_in(&program, &clerk(&program)).await;
    let port = &listens["port"];
    let hosts = ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"];
    for host in hosts {
        let wanted = json!({ "deviceClientId": host, "url": format!("https://{host}:{port}/") });
        let made = set(&jmap, json!({ "create": { "p": wanted } })).await;
        assert!(made["created"]["p"]["id"].is_string(), "{made}");
    }
    // Each was decided upon, and none was sent.
    let all = timeout(PATIENCE, async {
        loop {
            let page = metrics(&program).await;
            assert_eq!(pushes(&page, "taken"), 0);
            if pushes(&page, "refused") + pushes(&page, "put-off") >= hosts.len() as u64 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    all.await.expect("each push is decided upon");
    let heard = timeout(Duration::from_millis(200), service.lines.next_line()).await;
    assert!(heard.is_err(), "a push went inside: {heard:?}");
}

async fn metrics(program: &Program) -> String {
    let url = format!("http://127.0.0.1:{}/metrics", program.ports.http);
    program.web_client().get(url).send().await.expect("metrics").text().await.expect("a page")
}

fn pushes(page: &str, outcome: &str) -> u64 {
    let start = format!("congvan_pushes_total{{outcome=\"{outcome}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.map_or(0, |count| count.parse().expect("a count"))
}
