//! The configuration as it is written, read and refused.

use super::*;

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let mut config = Config::default();
    config.listen.smtp = vec!["127.0.0.1:2525".parse().unwrap(), "[::1]:2525".parse().unwrap()];
    let printed = config.print().unwrap();
    let back: Config = toml::from_str(&printed).unwrap();
    assert_eq!(back.print().unwrap(), printed);
    // Every key has a line of explanation before it.
    let lines: Vec<&str> = printed.lines().collect();
    for (before, line) in lines.iter().zip(&lines[1..]) {
        assert!(!line.contains(" = ") || line.starts_with('#') || before.starts_with("# "), "{line}");
    }
}

#[test]
fn the_reference_in_docs_is_what_the_program_prints() {
    let kept = include_str!("../../../docs/congvan.example.toml");
    assert_eq!(kept, Config::default().print().unwrap(), "make docs writes it anew");
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let error = toml::from_str::<Config>("[mail]\nmesage_bytes_max = 1").unwrap_err();
    assert!(error.to_string().contains("mesage_bytes_max"), "{error}");
}

#[test]
fn keys_are_named_and_found_in_the_data() {
    let mut config = Config::default();
    config.house.data = PathBuf::from("/srv/congvan");
    assert_eq!(config.tls_key().unwrap(), KeyName::File("/srv/congvan/tls/key.pem".into()));
    config.tls.key = "pkcs11:object=tls?module-path=/m.so&pin-source=file:keys/pin".to_owned();
    config.tls.key_password = "env:PIN".to_owned();
    config.check().unwrap();
    let KeyName::Token(uri) = config.tls_key().unwrap() else { panic!() };
    assert_eq!(uri.pin, Some(PinSource::File("/srv/congvan/keys/pin".into())));
    config.tls.key = "pkcs11:object=tls?module-path=/m.so&pin-value=1234".to_owned();
    let told = format!("{:#}", config.check().unwrap_err());
    assert!(told.contains("tls.key") && told.contains("key.name") && !told.contains("1234"), "{told}");
    config.tls.key = String::new();
    config.tls.key_password = "1234".to_owned();
    config.check().unwrap();
    config.tls.key_password = "pass:1234".to_owned();
    assert!(config.check().is_err(), "a password is not written into the configuration");
}

#[test]
fn r19_days_and_hours_are_read_or_refused() {
    let mut config = Config::default();
    config.upstream.holidays = vec!["2027-02-05".to_owned()];
    assert_eq!(config.calendar().unwrap().holidays, [time::macros::date!(2027 - 02 - 05)].into());
    type Change = fn(&mut Upstream);
    let wrong: [Change; 4] = [
        |upstream| upstream.holidays = vec!["05/02/2027".to_owned()],
        |upstream| upstream.office_hours = "08:00".to_owned(),
        |upstream| upstream.morning_end = "25:00".to_owned(),
        |upstream| upstream.organ_id = "Trục liên thông".to_owned(),
    ];
    for change in wrong {
        let mut config = Config::default();
        change(&mut config.upstream);
        assert!(config.check().is_err(), "{:?}", config.upstream);
    }
}

#[test]
fn r57_plain_http_stays_on_the_machine() {
    let mut config = Config::default();
    config.listen.http = vec!["0.0.0.0:80".parse().unwrap()];
    assert!(config.check().unwrap_err().to_string().contains("loopback"));
    config.listen.http = vec!["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()];
    config.check().unwrap();
}
