//! Doing what a plan says: draw passwords, hash them (slow), write a batch per transaction.

use std::future::Future;

use mail::{AccountId, AgencyId, Chance, EmailAddress, Secret, Timestamp};
use store::{AccountKind, NewAccount, Store};

use crate::accounts::{Ready, quota};
use crate::import::plan::{Create, Outcome, Plan};
use crate::passwords::{self, ONE_TIME_VALID};
use crate::{Error, Result};

/// What came of a line that was to make an account.
#[derive(Debug)]
pub struct Applied {
    /// The line's number.
    pub line: u64,
    /// The name.
    pub display_name: String,
    /// The address.
    pub address: EmailAddress,
    /// The one-time password to hand out, known to nobody else and kept nowhere (RULES M25); or why there is no account:
    /// somebody took the address since the preview.
    pub password: Result<Secret<String>>,
}

struct Person {
    line: u64,
    ready: Ready,
    password: Secret<String>,
    salt: [u8; 16],
}

/// The batches of a plan, each drawn when it is asked for.
pub struct Batches<'c> {
    creates: std::vec::IntoIter<(u64, Create)>,
    agency_id: AgencyId,
    batch_rows: usize,
    now: Timestamp,
    chance: &'c dyn Chance,
}

/// People whose passwords are to be hashed.
#[must_use = "nobody is added before it is hashed and applied"]
pub struct Batch(Vec<Person>);

/// People ready to be written.
#[must_use = "nobody is added before it is applied"]
pub struct Hashed(Vec<Person>);

impl Plan {
    /// The plan cut into batches of one transaction each.
    pub fn into_batches(self, now: Timestamp, chance: &dyn Chance) -> Batches<'_> {
        let creates = self.rows.into_iter().filter_map(|row| match row.outcome {
            Outcome::Create(create) => Some((row.line, *create)),
            _ => None,
        });
        Batches {
            creates: creates.collect::<Vec<_>>().into_iter(),
            agency_id: self.agency.agency_id,
            batch_rows: self.batch_rows,
            now,
            chance,
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let Self { creates, agency_id, batch_rows, now, chance } = self;
        let people: Vec<Person> = creates
            .take(*batch_rows)
            .map(|(line, create)| {
                let mut salt = [0u8; 16];
                chance.fill(&mut salt);
                let new = new_account(create, *agency_id, AccountId::new(*now, *chance));
                let ready = Ready::new(new, *now, *chance);
                Person { line, ready, password: passwords::one_time(*chance), salt }
            })
            .collect();
        if people.is_empty() { None } else { Some(Batch(people)) }
    }
}

fn new_account(create: Create, agency_id: AgencyId, account_id: AccountId) -> NewAccount {
    NewAccount {
        account_id,
        agency_id,
        unit_id: create.unit_id,
        kind: AccountKind::Person,
        role: create.role,
        display_name: create.display_name,
        position: create.position,
        password_hash: None,
        must_change_password: true,
        quota_bytes: quota(AccountKind::Person, create.role),
        address: create.address,
    }
}

impl Batch {
    /// Hashes the passwords: tens of milliseconds each, so run it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::Hashing`], a fault of ours.
    pub fn hash(self, now: Timestamp) -> Result<Hashed> {
        let mut people = self.0;
        for person in &mut people {
            let hash = passwords::hash_salted(&person.password, person.salt)?;
            let hash = hash.until(now.plus(ONE_TIME_VALID));
            person.ready = person.ready.clone().with_password(Some(&hash));
        }
        Ok(Hashed(people))
    }
}

impl Hashed {
    /// Writes the people in one transaction. Somebody whose address was taken since the preview is left out and
    /// said so; the others are not held up.
    ///
    /// # Errors
    /// [`Error::Store`] when nothing was written. Applying the same list again later takes up where this stopped.
    pub async fn apply(self, store: &Store, actor: &str, now: Timestamp) -> Result<Vec<Applied>> {
        let readies: Vec<Ready> = self.0.iter().map(|person| person.ready.clone()).collect();
        let outcomes = match write(store, readies.clone(), actor, now).await {
            // Two imports took an address in the same moment: one by one then, so that only that line is left out.
            Err(Error::Store(store::Error::Conflict(_))) => {
                let mut outcomes = Vec::with_capacity(readies.len());
                for ready in readies {
                    let address = ready.new.address.to_string();
                    outcomes.push(match write(store, vec![ready], actor, now).await {
                        Ok(mut one) => one.pop().flatten(),
                        Err(Error::Store(store::Error::Conflict(_))) => {
                            Some(Error::AddressTaken { address, closed: false })
                        }
                        Err(error) => Some(error),
                    });
                }
                outcomes
            }
            outcomes => outcomes?,
        };
        let told = self.0.into_iter().zip(outcomes).map(|(person, refused)| Applied {
            line: person.line,
            display_name: person.ready.new.display_name,
            address: person.ready.new.address,
            password: refused.map_or(Ok(person.password), Err),
        });
        Ok(told.collect())
    }
}

/// One transaction; for each person why there is no account, if there is none.
async fn write(
    store: &Store,
    readies: Vec<Ready>,
    actor: &str,
    now: Timestamp,
) -> Result<Vec<Option<Error>>> {
    store
        .write("import people", (readies, actor.to_owned(), now), |tx, (readies, actor, now)| {
            Box::pin(async move {
                let mut outcomes = Vec::with_capacity(readies.len());
                for ready in readies {
                    outcomes.push(match ready.add(tx, actor, *now).await {
                        Ok(()) => None,
                        // Found before anything of this person was written.
                        Err(taken @ Error::AddressTaken { .. }) => Some(taken),
                        Err(error) => return Err(error),
                    });
                }
                Ok(outcomes)
            })
        })
        .await
}

/// Does what a plan says, batch by batch, and tells of each account as soon as it is safely stored. `blocking` runs the
/// hashing where that is allowed, for example
/// `|batch| async move { tokio::task::spawn_blocking(move || batch.hash(now)).await.ok() }`; `None` says it could not be run.
///
/// # Errors
/// [`Error::Store`], [`Error::Busy`]: what was told is stored, the rest is not; apply the same list again.
pub async fn apply<F, Fut>(
    plan: Plan,
    store: &Store,
    actor: &str,
    now: Timestamp,
    chance: &dyn Chance,
    blocking: F,
    mut tell: impl FnMut(Applied),
) -> Result<()>
where
    F: Fn(Batch) -> Fut,
    Fut: Future<Output = Option<Result<Hashed>>>,
{
    for batch in plan.into_batches(now, chance) {
        let hashed = blocking(batch).await.ok_or(Error::Busy)??;
        hashed.apply(store, actor, now).await?.into_iter().for_each(&mut tell);
    }
    Ok(())
}
