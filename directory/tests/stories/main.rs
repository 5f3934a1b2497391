//! Stories of the directory on real stores. Each runs on SQLite, and on PostgreSQL too when `CONGVAN_TEST_POSTGRES` is set
//! (`scripts/with-postgres`).

mod house;

mod delegates;
mod import;
mod provision;
mod register;
mod sasl;
mod sign_in;

/// The server spawns these: their futures go from thread to thread.
#[test]
fn everything_slow_may_be_spawned() {
    use directory::{accounts, agencies, import, sign_in};
    use mail::{Chance, Timestamp};
    use store::Store;

    fn is_send(_: impl Send) {}
    fn ask(
        store: &Store,
        chance: &dyn Chance,
        now: Timestamp,
        door: &sign_in::SignIn,
        claim: sign_in::Claim,
    ) {
        let policy = directory::address::AddressPolicy::default();
        let rules = directory::codes::CodeRules::default();
        is_send(agencies::add_agency(store, &rules, &agencies::AgencyToAdd::default(), "", now, chance));
        is_send(agencies::add_system(store, "", "", None, "", now, chance));
        is_send(agencies::add_route(store, "", "", "", now));
        is_send(accounts::add_account(store, &policy, &house::person(""), "", now, chance));
        is_send(door.sign_in(store, claim, now, |work| async {
            tokio::task::spawn_blocking(|| work.run()).await.ok()
        }));
        let context = import::Context {
            agency: String::new(),
            domain: String::new(),
            addresses: policy.clone(),
            default_role: store::Role::Staff,
            admins_allowed: false,
            limits: directory::Limits::default(),
        };
        is_send(import::preview(store, b"", &context, now));
        let hash = move |batch: import::Batch| async move {
            tokio::task::spawn_blocking(move || batch.hash(now)).await.ok()
        };
        let plan = |plan: import::Plan| is_send(import::apply(plan, store, "", now, chance, hash, |_| {}));
        let _ = plan;
    }
    let _ = ask;
}
