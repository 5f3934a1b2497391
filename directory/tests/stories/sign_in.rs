//! Signing in.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use directory::accounts::{set_password, set_state};
use directory::passwords::{self, ONE_TIME_VALID};
use directory::policy::Act;
use directory::sign_in::{Claim, Refusal, SignIn, SignedIn};
use directory::{Limits, Said};
use mail::{Secret, Timestamp};
use store::AccountState;

use crate::house::{House, NOW, stories};

const PASSWORD: &str = "Con-Cò-bay-lả-12";

/// A door, and how often it paid for a hash.
struct Door {
    door: SignIn,
    hashes: AtomicUsize,
}

impl Door {
    fn new(house: &House, limits: Limits) -> Self {
        Self { door: SignIn::new(limits, &house.chance), hashes: AtomicUsize::new(0) }
    }

    async fn knock(
        &self,
        house: &House,
        who: &str,
        password: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        let claim = Claim {
            address: who.parse().unwrap(),
            password: Secret::from(password),
            source: source.parse::<IpAddr>().unwrap(),
        };
        let run = |work: directory::sign_in::HashWork| async {
            self.hashes.fetch_add(1, Ordering::Relaxed);
            tokio::task::spawn_blocking(|| work.run()).await.ok()
        };
        self.door.sign_in(&house.store, claim, now, run).await
    }

    async fn code(
        &self,
        house: &House,
        who: &str,
        password: &str,
        source: &str,
        now: Timestamp,
    ) -> &'static str {
        self.knock(house, who, password, source, now)
            .await
            .map_or_else(|refusal| refusal.said().code, |_| "in")
    }

    fn hashes(&self) -> usize {
        self.hashes.load(Ordering::Relaxed)
    }
}

/// Limits small enough to reach.
fn small() -> Limits {
    Limits { failures_per_account: 3, failures_per_source: 5, ..Limits::default() }
}

const AN: &str = "annv@bentre.gov.vn";
const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

stories! {
    async fn the_right_password_opens_and_is_not_hashed_again_for_a_while(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let door = Door::new(&house, Limits::default());
        let signed_in = door.knock(&house, "AnNV@bentre.gov.vn", PASSWORD, HERE, NOW).await.unwrap();
        assert!(signed_in.account().password_hash.is_none() && !signed_in.must_change_password());
        assert!(signed_in.actor().may_on_account(Act::ReadMail, signed_in.account_id(), signed_in.agency_id()).is_ok());
        for seconds in [1, 100, 299] {
            assert_eq!(door.code(&house, AN, PASSWORD, THERE, after(seconds)).await, "in");
        }
        assert_eq!(door.hashes(), 1);
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, after(300)).await, "in");
        assert_eq!(door.hashes(), 2);
        assert_eq!(door.code(&house, AN, "sai", HERE, after(301)).await, "sign_in_wrong");
        assert_eq!(door.hashes(), 3);
    }

    async fn an_address_nobody_has_costs_and_sounds_the_same(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        house.person("khong-mat-khau@bentre.gov.vn", None).await.unwrap();
        let door = Door::new(&house, Limits::default());
        for who in [AN, "khong-mat-khau@bentre.gov.vn", "khongco@bentre.gov.vn", "an@gmail.com"] {
            let before = door.hashes();
            assert_eq!(door.code(&house, who, "sai", HERE, NOW).await, "sign_in_wrong", "{who}");
            assert_eq!(door.hashes(), before + 1, "{who}");
        }
    }

    async fn m21_a_locked_account_or_changed_password_counts_at_once(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let id = house.person(AN, Some(PASSWORD)).await.unwrap().account_id;
        let door = Door::new(&house, Limits::default());
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "in");
        for state in [AccountState::Suspended, AccountState::Locked, AccountState::Closed] {
            set_state(&house.store, id, state, "1/QĐ", "test", NOW).await.unwrap();
            assert_eq!(door.code(&house, AN, PASSWORD, HERE, after(1)).await, "sign_in_disabled");
            assert_eq!(door.code(&house, AN, "sai", HERE, after(1)).await, "sign_in_wrong", "said to who knows it only");
        }
        let id = house.person("binh@bentre.gov.vn", Some(PASSWORD)).await.unwrap().account_id;
        assert_eq!(door.code(&house, "binh@bentre.gov.vn", PASSWORD, HERE, after(2)).await, "in");
        let new = passwords::hash(&Secret::from("Mật-khẩu-mới-2026"), &house.chance).unwrap();
        set_password(&house.store, id, &new, false, "test", after(3)).await.unwrap();
        assert_eq!(door.code(&house, "binh@bentre.gov.vn", PASSWORD, HERE, after(4)).await, "sign_in_wrong");
        assert_eq!(door.code(&house, "binh@bentre.gov.vn", "Mật-khẩu-mới-2026", HERE, after(4)).await, "in");
    }

    async fn m25_a_one_time_password_must_be_changed_and_runs_out(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let id = house.person(AN, None).await.unwrap().account_id;
        let once = passwords::one_time(&house.chance);
        let hash = passwords::hash(&once, &house.chance).unwrap().until(NOW.plus(ONE_TIME_VALID));
        set_password(&house.store, id, &hash, true, "test", NOW).await.unwrap();
        let door = Door::new(&house, Limits::default());
        let signed_in = door.knock(&house, AN, once.expose_secret(), HERE, after(60)).await.unwrap();
        assert!(signed_in.must_change_password());
        let late = NOW.plus(ONE_TIME_VALID);
        assert_eq!(door.code(&house, AN, once.expose_secret(), HERE, late).await, "sign_in_one_time_expired");
        assert_eq!(door.code(&house, AN, "sai", HERE, late).await, "sign_in_wrong");
    }

    async fn a15_failures_lock_one_account_at_one_source_for_12_hours(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = small();
        let door = Door::new(&house, limits);
        for n in 0..3 {
            assert_eq!(door.code(&house, AN, &format!("sai {n}"), HERE, NOW).await, "sign_in_wrong");
        }
        let hashes = door.hashes();
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, after(1)).await, "sign_in_locked");
        assert_eq!(door.hashes(), hashes, "a locked pair costs nothing");
        assert_eq!(door.code(&house, AN, PASSWORD, THERE, after(1)).await, "in", "nobody is locked out elsewhere");
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, after(12 * 3600 - 1)).await, "sign_in_locked");
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, after(12 * 3600)).await, "in");
    }

    async fn a15_an_administrator_unlocks(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = small();
        let door = Door::new(&house, limits);
        for n in 0..3 {
            door.code(&house, AN, &format!("sai {n}"), HERE, NOW).await;
        }
        door.door.unlock(&"AnNV@bentre.gov.vn".parse().unwrap());
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "in");
    }

    async fn a_client_that_goes_on_with_an_old_password_has_failed_once(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = Limits { failures_per_source: 100, ..small() };
        let door = Door::new(&house, limits);
        for _ in 0..6 {
            assert_eq!(door.code(&house, AN, "mật khẩu cũ", HERE, NOW).await, "sign_in_wrong");
            assert_eq!(door.code(&house, AN, "mật khẩu cũ hơn", HERE, NOW).await, "sign_in_wrong");
        }
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "in");
    }

    async fn a15_a_success_does_not_set_a_guesser_behind_the_same_address_free(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = small();
        let door = Door::new(&house, limits);
        for guess in ["sai 1", "sai 2"] {
            assert_eq!(door.code(&house, AN, guess, HERE, NOW).await, "sign_in_wrong");
            assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "in");
        }
        assert_eq!(door.code(&house, AN, "sai 3", HERE, NOW).await, "sign_in_wrong");
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "sign_in_locked");
    }

    async fn a15_a_guessing_source_is_held_up_but_not_those_known_there(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        house.person("binh@bentre.gov.vn", Some(PASSWORD)).await.unwrap();
        let limits = small();
        let door = Door::new(&house, limits);
        assert_eq!(door.code(&house, AN, PASSWORD, "2001:db8:0:1::1", NOW).await, "in");
        for n in 0..5 {
            // The same /64, another address each time.
            let source = format!("2001:db8:0:1::{}", n + 10);
            assert_eq!(door.code(&house, &format!("doan{n}@bentre.gov.vn"), "sai", &source, after(1)).await, "sign_in_wrong");
        }
        let guess = |who: &'static str| door.code(&house, who, PASSWORD, "2001:db8:0:1::99", after(2));
        assert_eq!(guess("binh@bentre.gov.vn").await, "sign_in_locked");
        assert_eq!(guess(AN).await, "in");
        assert_eq!(door.code(&house, "binh@bentre.gov.vn", PASSWORD, "2001:db8:0:2::1", after(2)).await, "in");
        assert_eq!(door.code(&house, "binh@bentre.gov.vn", PASSWORD, "2001:db8:0:1::99", after(901)).await, "in");
    }

    async fn a15_a_burst_gains_nothing_and_what_is_remembered_is_bounded(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = Limits { pairs_max: 4, sources_max: 4, verified_max: 2, failures_per_source: 100, ..small() };
        let door = Door::new(&house, limits);
        let guesses: Vec<String> = (0..12).map(|n| format!("sai {n}")).collect();
        let mut outcomes = Vec::new();
        {
            let burst: Vec<_> = guesses.iter().map(|guess| Box::pin(door.code(&house, AN, guess, HERE, NOW))).collect();
            for outcome in futures_join(burst).await {
                outcomes.push(outcome);
            }
        }
        assert!(door.hashes() <= 3, "{} guesses were tried", door.hashes());
        assert_eq!(outcomes.iter().filter(|o| **o == "sign_in_wrong").count(), 3, "{outcomes:?}");
        for n in 0..20 {
            let source = format!("198.51.100.{n}");
            assert_eq!(door.code(&house, "ai@bentre.gov.vn", "sai", &source, after(1)).await, "sign_in_wrong");
        }
        assert_eq!(door.code(&house, AN, PASSWORD, THERE, after(2)).await, "in");
    }

    async fn work_that_could_not_be_run_is_no_failure(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.person(AN, Some(PASSWORD)).await.unwrap();
        let limits = small();
        let door = Door::new(&house, limits);
        for _ in 0..10 {
            let claim = Claim { address: AN.parse().unwrap(), password: Secret::from(PASSWORD), source: HERE.parse().unwrap() };
            let refused = door.door.sign_in(&house.store, claim, NOW, |_| async { None }).await;
            assert!(matches!(&refused, Err(refusal) if refusal.is_temporary()), "{refused:?}");
        }
        assert_eq!(door.code(&house, AN, PASSWORD, HERE, NOW).await, "in");
    }
}

/// Polls all at once until all are ready.
async fn futures_join<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut slots: Vec<(F, Option<F::Output>)> = futures.into_iter().map(|f| (f, None)).collect();
    std::future::poll_fn(|cx| {
        for (future, slot) in &mut slots {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = std::pin::Pin::new(future).poll(cx)
            {
                *slot = Some(value);
            }
        }
        match slots.iter().all(|(_, slot)| slot.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    slots.into_iter().filter_map(|(_, slot)| slot).collect()
}
