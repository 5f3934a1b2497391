//! Signing in over a connection, mechanism by mechanism.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use directory::accounts::{set_password, set_state};
use directory::sasl::{Channel, Exchange, Failure, Means, Mechanism, Step};
use directory::sign_in::SignIn;
use directory::{Limits, Said, passwords};
use mail::Secret;
use ring::{hmac, pbkdf2};
use store::AccountState;

use crate::house::{House, NOW, stories};

const AN: &str = "annv@bentre.gov.vn";
const PASSWORD: &str = "Con-Cò-bay-lả-12";

fn channel() -> Channel {
    Channel {
        source: IpAddr::from([192, 0, 2, 1]),
        exporter: Some([7; 32]),
        end_point: Some(vec![9; 32]),
        holder: None,
    }
}

async fn say(exchange: &mut Exchange, door: &SignIn, house: &House, message: &[u8]) -> Result<Step, String> {
    let means = Means { door, store: &house.store, chance: &house.chance, now: NOW, issuer: None };
    let run =
        |work: directory::sign_in::HashWork| async { tokio::task::spawn_blocking(|| work.run()).await.ok() };
    exchange.step(&means, Secret::new(message.to_vec()), run).await.map_err(|failure| match failure {
        Failure::NotUnderstood => "not_understood".to_owned(),
        Failure::Refused(refusal) => refusal.said().code.to_owned(),
    })
}

fn challenge(step: Result<Step, String>) -> Result<String, String> {
    match step? {
        Step::Challenge(challenge) => Ok(String::from_utf8(challenge).unwrap()),
        Step::SignedIn(_) => Err("signed in too early".to_owned()),
    }
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

/// What a client says: who, with which password, how bound, and what it is told to have bound to.
struct Client<'a> {
    who: &'a str,
    password: &'a str,
    header: &'a str,
    bound: &'a [u8],
}

impl Client<'_> {
    /// A client of RFC 5802 as the standard's §3 describes it.
    async fn prove(
        &self,
        house: &House,
        door: &SignIn,
        mechanism: Mechanism,
    ) -> Result<Box<directory::sign_in::SignedIn>, String> {
        let mut exchange = Exchange::begin(mechanism, channel());
        assert_eq!(exchange.first_challenge(), b"");
        let bare = format!("n={},r=fyko+d2lbbFgONRv9qkxdawL", self.who);
        let first = format!("{}{bare}", self.header);
        let ours = challenge(say(&mut exchange, door, house, first.as_bytes()).await)?;
        let field =
            |name: &str| ours.split(',').find_map(|field| field.strip_prefix(name)).unwrap().to_owned();
        let (nonce, salt, count) = (field("r="), STANDARD.decode(field("s=")).unwrap(), field("i="));
        assert!(nonce.starts_with("fyko+d2lbbFgONRv9qkxdawL") && nonce.len() > 40, "{ours}");
        let mut salted = [0; 32];
        let count = count.parse().unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, &salt, self.password.as_bytes(), &mut salted);
        let client_key = mac(&salted, "Client Key");
        let stored_key = ring::digest::digest(&ring::digest::SHA256, &client_key);
        let binding = STANDARD.encode([self.header.as_bytes(), self.bound].concat());
        let last = format!("c={binding},r={nonce}");
        let signed = format!("{bare},{ours},{last}");
        let signature = mac(stored_key.as_ref(), &signed);
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let last = format!("{last},p={}", STANDARD.encode(proof));
        let theirs = challenge(say(&mut exchange, door, house, last.as_bytes()).await)?;
        assert_eq!(theirs, format!("v={}", STANDARD.encode(mac(&mac(&salted, "Server Key"), &signed))));
        match say(&mut exchange, door, house, b"").await? {
            Step::SignedIn(person) => Ok(person),
            Step::Challenge(_) => Err("asked for more".to_owned()),
        }
    }
}

fn client<'a>(who: &'a str, password: &'a str) -> Client<'a> {
    Client { who, password, header: "n,,", bound: &[] }
}

stories! {
    async fn rfc_7677_the_right_password_is_proven_and_never_told(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let id = house.person(AN, Some(PASSWORD)).await.unwrap().account_id;
        let door = SignIn::new(Limits::default(), &house.chance);
        let person = client(AN, PASSWORD).prove(&house, &door, Mechanism::ScramSha256).await.unwrap();
        assert_eq!(person.account_id(), id);
        assert!(person.account().password_hash.is_none());
        let wrong = client(AN, "sai").prove(&house, &door, Mechanism::ScramSha256).await;
        assert_eq!(wrong.unwrap_err(), "sign_in_wrong");
        // A new password, and the old verifier is gone with the old one.
        let new = passwords::hash(&Secret::from("Mật-khẩu-mới-2026"), &house.chance).unwrap();
        set_password(&house.store, id, &new, false, "test", NOW).await.unwrap();
        let old = client(AN, PASSWORD).prove(&house, &door, Mechanism::ScramSha256).await;
        assert_eq!(old.unwrap_err(), "sign_in_wrong");
        client(AN, "Mật-khẩu-mới-2026").prove(&house, &door, Mechanism::ScramSha256).await.unwrap();
        set_state(&house.store, id, AccountState::Suspended, "1/QĐ", "test", NOW).await.unwrap();
        let off = client(AN, "Mật-khẩu-mới-2026").prove(&house, &door, Mechanism::ScramSha256).await;
        assert_eq!(off.unwrap_err(), "sign_in_disabled");
    }

    async fn rfc_5802_6_a_proof_is_good_on_its_own_connection_only(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let door = SignIn::new(Limits::default(), &house.chance);
        let bound = |header, bound| Client { header, bound, ..client(AN, PASSWORD) };
        let rows: [(&str, &[u8], Result<(), &str>); 4] = [
            ("p=tls-exporter,,", &[7; 32], Ok(())),
            ("p=tls-server-end-point,,", &[9; 32], Ok(())),
            ("p=tls-exporter,,", &[8; 32], Err("sign_in_wrong")),
            ("n,,", &[], Err("not_understood")),
        ];
        for (header, bytes, expected) in rows {
            let outcome = bound(header, bytes).prove(&house, &door, Mechanism::ScramSha256Plus).await;
            assert_eq!(outcome.map(drop).map_err(|code| code.to_owned()), expected.map_err(str::to_owned), "{header}");
        }
        // A client that could have bound and was told it cannot.
        let outcome = bound("y,,", &[]).prove(&house, &door, Mechanism::ScramSha256).await;
        assert_eq!(outcome.map(drop).unwrap_err(), "not_understood");
    }

    async fn an_address_nobody_has_looks_like_one_that_somebody_has(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person("khong-mat-khau@bentre.gov.vn", None).await.unwrap();
        let door = SignIn::new(Limits::default(), &house.chance);
        let mut salts = Vec::new();
        for who in ["khongco@bentre.gov.vn", "khongco@bentre.gov.vn", "khong-mat-khau@bentre.gov.vn"] {
            let outcome = client(who, PASSWORD).prove(&house, &door, Mechanism::ScramSha256).await;
            assert_eq!(outcome.map(drop).unwrap_err(), "sign_in_wrong", "{who}");
            let mut exchange = Exchange::begin(Mechanism::ScramSha256, channel());
            let first = format!("n,,n={who},r=abc");
            let ours = challenge(say(&mut exchange, &door, &house, first.as_bytes()).await).unwrap();
            salts.push(ours.split(',').nth(1).unwrap().to_owned());
        }
        assert_eq!(salts[0], salts[1], "the same address, the same salt");
        assert_ne!(salts[0], salts[2]);
    }

    async fn a15_guessing_by_proof_is_counted_as_guessing(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let door = SignIn::new(Limits { failures_per_account: 3, ..Limits::default() }, &house.chance);
        for _ in 0..3 {
            let outcome = client(AN, "sai").prove(&house, &door, Mechanism::ScramSha256).await;
            assert_eq!(outcome.map(drop).unwrap_err(), "sign_in_wrong");
        }
        let outcome = client(AN, PASSWORD).prove(&house, &door, Mechanism::ScramSha256).await;
        assert_eq!(outcome.map(drop).unwrap_err(), "sign_in_locked");
    }

    async fn plain_and_login_tell_the_password(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let door = SignIn::new(Limits::default(), &house.chance);
        let mut plain = Exchange::begin(Mechanism::Plain, channel());
        let message = format!("\0{AN}\0{PASSWORD}");
        assert!(matches!(say(&mut plain, &door, &house, message.as_bytes()).await, Ok(Step::SignedIn(_))));
        let mut login = Exchange::begin(Mechanism::Login, channel());
        assert_eq!(login.first_challenge(), b"Username:");
        assert_eq!(challenge(say(&mut login, &door, &house, AN.as_bytes()).await).unwrap(), "Password:");
        assert!(matches!(say(&mut login, &door, &house, PASSWORD.as_bytes()).await, Ok(Step::SignedIn(_))));
        // Over is over.
        assert_eq!(say(&mut login, &door, &house, b"").await.err().unwrap(), "not_understood");
        let long = vec![b'x'; 9_000];
        let mut plain = Exchange::begin(Mechanism::Plain, channel());
        assert_eq!(say(&mut plain, &door, &house, &long).await.err().unwrap(), "not_understood");
    }
}
