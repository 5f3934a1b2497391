//! Provisioning by command: agencies, domains, accounts one by one and by the file.

use tests::{Account, Engine, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    an_agency_is_set_up => an_agency_is_set_up,
}

async fn an_agency_is_set_up(engine: Engine) {
    let program = Program::demo(engine).await;
    program
        .must(&["agency", "add", "H99.05", "--name", "Sở Y tế tỉnh Mẫu", "--domain", "soyte.mau.test"])
        .await;
    let again =
        program.command(&["agency", "add", "h99.05", "--name", "Khác", "--domain", "khac.mau.test"]).await;
    assert!(!again.status.success());
    assert!(
        String::from_utf8_lossy(&again.stderr).contains(" / "),
        "an error a person reads has both languages"
    );
    program.must(&["domain", "add", "trungtam.soyte.mau.test"]).await;

    let printed = program
        .must(&["account", "add", "annv@soyte.mau.test", "--agency", "H99.05", "--role", "staff", "--json"])
        .await;
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let account = Account {
        address: "annv@soyte.mau.test".to_owned(),
        password: printed["password"].as_str().expect("a one-time password").to_owned(),
        role: "staff".to_owned(),
        agency: "H99.05".to_owned(),
    };
    // The server was running all the while; the account is there at once. The one-time password opens nothing but the
    // page that changes it (RULES M25).
    let account = with_own_password(&program, account).await;
    let jmap = Jmap::sign_in(&program, &account).await;
    assert!(jmap.messages("inbox").await.is_empty());

    let people = program.data.join("people.csv");
    let csv = "họ tên,đơn vị,chức vụ,vai trò,địa chỉ\n\
        Nguyễn Văn An,,Chuyên viên,staff,\n\
        Trần Thị Bình,khong-co,Chuyên viên,staff,\n\
        Lê Văn Cường,,Chuyên viên,staff,annv@soyte.mau.test\n\
        ,,Chuyên viên,staff,\n\
        Đặng Thị Ánh Tuyết,,Văn thư,clerk,\n";
    std::fs::write(&people, csv).unwrap();
    let import = [
        "account",
        "import",
        people.to_str().unwrap(),
        "--agency",
        "H99.05",
        "--domain",
        "soyte.mau.test",
        "--json",
    ];
    let mut dry = import.to_vec();
    dry.push("--dry-run");
    let preview: serde_json::Value = serde_json::from_str(&program.must(&dry).await).unwrap();
    let rows = preview["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    // annv is taken (M2, M3): the next free number; and what is wrong is told row by row.
    assert_eq!(rows[0]["address"], "annv1@soyte.mau.test", "{preview}");
    assert_eq!(rows[4]["address"], "tuyetdta@soyte.mau.test", "{preview}");
    for wrong in [1, 2, 3] {
        assert!(rows[wrong]["error"]["code"].is_string(), "{preview}");
        assert!(
            rows[wrong]["error"]["vi"].is_string() && rows[wrong]["error"]["en"].is_string(),
            "{preview}"
        );
    }
    let applied = program.command(&import).await;
    let applied: serde_json::Value = serde_json::from_slice(&applied.stdout).unwrap();
    let created =
        applied["rows"].as_array().unwrap().iter().filter(|row| row["password"].is_string()).count();
    assert_eq!(created, 2, "{applied}");
    // Run again, it makes nobody twice.
    let again = program.command(&import).await;
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(again["rows"].as_array().unwrap().iter().all(|row| !row["password"].is_string()), "{again}");

    // Files that are no UTF-8 are told from files that are.
    std::fs::write(&people, b"h\xe4 t\xean,\xff\xfe\n").unwrap();
    assert!(!program.command(&dry).await.status.success());
}

/// Changes a one-time password on the page.
async fn with_own_password(program: &Program, account: Account) -> Account {
    let client = program.web_client();
    let session =
        client.get(program.https("/jmap/session")).basic_auth(&account.address, Some(&account.password));
    assert_eq!(session.send().await.unwrap().status(), 403);
    let change = async |old: &str, new: &str| {
        let form = [("address", account.address.as_str()), ("old", old), ("new", new), ("again", new)];
        client.post(program.https("/mat-khau")).form(&form).send().await.unwrap().status().as_u16()
    };
    let own = "Mot cau de nho, kho doan 26!";
    assert_eq!(change("sai mat khau hoan toan", own).await, 401);
    assert_eq!(change(&account.password, "ngan").await, 422);
    assert_eq!(change(&account.password, own).await, 200);
    Account { password: own.to_owned(), ..account }
}
