//! People lists, previewed and applied.

use directory::address::AddressPolicy;
use directory::agencies::add_unit;
use directory::import::{Applied, Context, Plan, apply, preview};
use directory::sign_in::{Claim, SignIn};
use directory::{Limits, Said, accounts};
use mail::EmailAddress;
use store::{AccountState, Role};

use crate::house::{House, NOW, person, read, stories};

fn context() -> Context {
    Context {
        agency: "H07".into(),
        domain: "bentre.gov.vn".into(),
        addresses: AddressPolicy::default(),
        default_role: Role::Staff,
        admins_allowed: false,
        limits: Limits { batch_rows: 2, ..Limits::default() },
    }
}

async fn with_units(house: &House) {
    house.agency("H07", "bentre.gov.vn").await.unwrap();
    for (code, name) in [("vp", "Văn phòng"), ("stttt", "Sở TTTT"), ("a", "Trùng tên"), ("b", "Trùng tên")]
    {
        add_unit(&house.store, "H07", code, name, "test", NOW, &house.chance).await.unwrap();
    }
}

async fn plan(house: &House, text: &str) -> Plan {
    preview(&house.store, text.as_bytes(), &context(), NOW).await.unwrap()
}

/// Line, address, and the codes of everything said.
fn lines(plan: &Plan) -> Vec<(u64, String, String)> {
    let report = plan.report().into_iter();
    let codes = |said: &[directory::Sentence]| said.iter().map(|s| s.code).collect::<Vec<_>>().join(" ");
    report.map(|row| (row.line, row.address.unwrap_or_default(), codes(&row.said))).collect()
}

async fn run(house: &House, plan: Plan) -> Vec<Applied> {
    let mut told = Vec::new();
    let hash = |batch: directory::import::Batch| async move {
        tokio::task::spawn_blocking(move || batch.hash(NOW)).await.ok()
    };
    apply(plan, &house.store, "test", NOW, &house.chance, hash, |one| told.push(one)).await.unwrap();
    told
}

fn expect(rows: &[(u64, &str, &str)]) -> Vec<(u64, String, String)> {
    rows.iter()
        .map(|(line, local, code)| {
            let address = if local.is_empty() { String::new() } else { format!("{local}@bentre.gov.vn") };
            (*line, address, (*code).to_owned())
        })
        .collect()
}

const LIST: &str = "\
ho_ten;dia_chi;don_vi;chuc_vu;vai_tro\r
Nguyễn Văn An;;vp;Chuyên viên;\r
Nguyễn Văn Ân;;VĂN PHÒNG;Văn thư;văn thư\r
Lê Thị Bình;binh.so@bentre.gov.vn;stttt;Giám đốc;Lãnh đạo\r
;;;;\r
Nguyễn Văn An;;vp;;staff\r
Trần An Nguyên Vũ;annv2@bentre.gov.vn;;;\r
Nông Văn Ẩn;;;;\r
";

stories! {
    async fn m2_m3_m23_a_list_is_previewed_applied_and_applied_again(house: House) {
        with_units(&house).await;
        house.person("annv@bentre.gov.vn", None).await.unwrap();
        let first = plan(&house, LIST).await;
        assert_eq!(lines(&first), expect(&[
            (2, "annv1", "account_create"),
            (3, "annv3", "account_create"),
            (4, "binh.so", "account_create"),
            (5, "", "line_empty"),
            (6, "annv4", "account_create same_name_in_file"),
            (7, "annv2", "account_create"),
            (8, "annv5", "account_create"),
        ]), "annv is somebody's in no unit, annv2 is given further down");
        let counts = first.counts();
        assert_eq!((counts.create, counts.there, counts.empty, counts.refused), (6, 0, 1, 0));
        let addresses = |plan: &Plan| -> Vec<String> {
            plan.report().into_iter().filter(|r| r.said[0].code == "account_create").filter_map(|r| r.address).collect()
        };
        let promised = addresses(&first);
        let told = run(&house, first).await;
        let made: Vec<String> = told.iter().map(|one| one.address.to_string()).collect();
        assert_eq!(made, promised, "what was promised is what is done");

        let again = plan(&house, LIST).await;
        assert_eq!(lines(&again), expect(&[
            (2, "annv1", "account_there"),
            (3, "annv3", "account_there"),
            (4, "binh.so", "account_there"),
            (5, "", "line_empty"),
            (6, "annv4", "account_there"),
            (7, "annv2", "account_there"),
            (8, "annv5", "account_there"),
        ]));
        assert!(run(&house, again).await.is_empty());

        let clerk: EmailAddress = "annv3@bentre.gov.vn".parse().unwrap();
        let account = read!(house, |tx| tx.account_at(&clerk, NOW).await?).unwrap();
        assert_eq!((account.role, account.position.as_str()), (Role::Clerk, "Văn thư"));
        assert_eq!(account.display_name, "Nguyễn Văn Ân");
        assert!(account.must_change_password && account.unit_id.is_some());
        assert_eq!(read!(house, |tx| tx.mailboxes(account.account_id).await?).len(), accounts::MAILBOXES.len());
        assert_eq!(read!(house, |tx| tx.audit_trail(account.agency_id, 100).await?).iter()
            .filter(|row| row.action == "account.changed").count(), 7);
    }

    async fn m25_the_passwords_handed_out_open_once_and_for_72_hours(house: House) {
        with_units(&house).await;
        let told = run(&house, plan(&house, "họ tên\nNguyễn Văn An\n").await).await;
        let Ok(password) = &told[0].password else { panic!("{told:?}") };
        assert!(!format!("{told:?}").contains(password.expose_secret().as_str()));
        let door = SignIn::new(Limits::default(), &house.chance);
        let claim = Claim { address: told[0].address.clone(), password: password.clone(), source: [192, 0, 2, 1].into() };
        let run = |work: directory::sign_in::HashWork| async { tokio::task::spawn_blocking(|| work.run()).await.ok() };
        let signed_in = door.sign_in(&house.store, claim.clone(), NOW, run).await.unwrap();
        assert!(signed_in.must_change_password());
        let late = NOW.plus(directory::passwords::ONE_TIME_VALID);
        let refused = door.sign_in(&house.store, claim, late, run).await.unwrap_err();
        assert_eq!(refused.said().code, "sign_in_one_time_expired");
    }

    async fn every_line_that_is_wrong_says_everything_that_is(house: House) {
        with_units(&house).await;
        house.agency("H37", "langson.gov.vn").await.unwrap();
        house.person("cu@bentre.gov.vn", None).await.unwrap();
        let gone = house.person("da-nghi@bentre.gov.vn", None).await.unwrap().account_id;
        for state in [AccountState::Locked, AccountState::Closed] {
            accounts::set_state(&house.store, gone, state, "1/QĐ", "test", NOW).await.unwrap();
        }
        let long = "Ạ".repeat(101);
        let text = format!("\
full_name,address,unit,position,role
,x@bentre.gov.vn,,,
Lê A,,khongco,,giám đốc
Lê B,b@langson.gov.vn,,,
Lê C,c@bentre.gov.vn,,,
Lê D,C@bentre.gov.vn,,,
Lê E,cu@bentre.gov.vn,,,
Lê G,da-nghi@bentre.gov.vn,,,
Lê H,h_1@bentre.gov.vn,,,
Lê I,abuse@bentre.gov.vn,,,
Lê K,,Trùng tên,,
Lê L,,,,quản trị
{long},,,,
NguyÔn V¨n M,,,,
王小明,,,,
Lê N,,,{long}{long}{long},
Lê, O,,,,staff
Lê P,không phải,,,
");
        let plan = plan(&house, &text).await;
        let said: Vec<_> = lines(&plan).into_iter().map(|(line, _, codes)| (line, codes)).collect();
        let expected = [
            (2, "name_missing"),
            (3, "unit_unknown role_unknown"),
            (4, "address_other_domain"),
            (5, "account_create"),
            (6, "address_twice_in_file"),
            (7, "address_taken"),
            (8, "address_was_taken"),
            (9, "address_grammar"),
            (10, "address_reserved"),
            (11, "unit_not_clear"),
            (12, "role_admin_by_list"),
            (13, "too_long"),
            (14, "name_encoding"),
            (15, "name_no_letters"),
            (16, "position_bad"),
            (17, "line_extra_cells"),
            (18, "address_bad"),
        ];
        assert_eq!(said, expected.map(|(line, code)| (line, code.to_owned())));
        for row in plan.report().iter().flat_map(|row| &row.said) {
            assert!(!row.vi.is_empty() && !row.en.is_empty() && row.vi != row.en, "{row:?}");
        }
        assert_eq!(run(&house, plan).await.len(), 1, "the lines in order are not held up");
    }

    async fn who_is_there_with_another_position_is_left_alone_and_said_so(house: House) {
        with_units(&house).await;
        run(&house, plan(&house, "họ tên,chức vụ\nLê Anh,Chuyên viên\n").await).await;
        let changed = plan(&house, "họ tên,chức vụ\nLE\u{302} Anh,Trưởng phòng\n").await;
        assert_eq!(lines(&changed), expect(&[(2, "anhl", "account_there_differs")]));
        assert!(run(&house, changed).await.is_empty());
    }

    async fn m20_a_closed_account_is_not_reopened_by_a_list(house: House) {
        with_units(&house).await;
        let list = "họ tên,vai trò\nPhạm Văn Đồng,chuyên viên\n";
        let told = run(&house, plan(&house, list).await).await;
        let id = read!(house, |tx| tx.account_at(&"dongpv@bentre.gov.vn".parse().unwrap(), NOW).await?).unwrap().account_id;
        assert_eq!(told.len(), 1);
        for state in [AccountState::Locked, AccountState::Closed] {
            accounts::set_state(&house.store, id, state, "1/QĐ", "test", NOW).await.unwrap();
        }
        assert_eq!(lines(&plan(&house, list).await)[0].2, "account_closed");
    }

    async fn an_address_taken_since_the_preview_holds_up_only_its_line(house: House) {
        with_units(&house).await;
        let plan = plan(&house, "họ tên\nLê Anh\nLê Bình\nLê Châu\n").await;
        let taken = accounts::AccountToAdd { display_name: Some("Lê Bốn".into()), ..person("binhl@bentre.gov.vn") };
        let policy = AddressPolicy::default();
        accounts::add_account(&house.store, &policy, &taken, "test", NOW, &house.chance).await.unwrap();
        let told = run(&house, plan).await;
        let outcomes: Vec<_> =
            told.iter().map(|one| one.password.as_ref().map_or_else(|e| e.said().code, |_| "made")).collect();
        assert_eq!(outcomes, ["made", "address_taken", "made"]);
    }

    async fn a_list_for_nowhere_is_refused_whole(house: House) {
        with_units(&house).await;
        house.agency("H37", "langson.gov.vn").await.unwrap();
        let refused = async |bytes: &[u8], context: Context| {
            preview(&house.store, bytes, &context, NOW).await.unwrap_err().said().code
        };
        let list = "họ tên\nLê A\n".as_bytes();
        assert_eq!(refused(b"PK\x03\x04", context()).await, "file_is_workbook");
        assert_eq!(refused(b"ho ten\nNguy\xD4n\n", context()).await, "file_encoding");
        assert_eq!(refused(list, Context { agency: "H99".into(), ..context() }).await, "agency_unknown");
        assert_eq!(refused(list, Context { domain: "gmail.com".into(), ..context() }).await, "domain_unknown");
        assert_eq!(refused(list, Context { domain: "langson.gov.vn".into(), ..context() }).await, "domain_taken");
        assert_eq!(refused(list, Context { domain: "-".into(), ..context() }).await, "domain_bad");
    }

    async fn administrators_come_by_list_only_where_that_is_allowed(house: House) {
        with_units(&house).await;
        let allowed = Context { admins_allowed: true, ..context() };
        let plan = preview(&house.store, "name,role\nLê A,admin\n".as_bytes(), &allowed, NOW).await.unwrap();
        assert_eq!(lines(&plan)[0].2, "account_create");
    }
}
