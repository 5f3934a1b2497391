//! Transactions: every write goes through [`Store::write`], every read through [`Store::read`].
//!
//! On SQLite one writer drains all waiting writes into one transaction, a savepoint each, one sync at the end, and
//! then answers all of them (group commit): throughput grows with concurrency and durability stays full. It waits for the
//! disk on its own thread, and so belongs on a thread of its own. On
//! PostgreSQL each write is a transaction of its own and the engine groups the flushes.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result, is_collision};
use crate::sql::{Conn, Fault, Row, Sql, Value};
use crate::{Backend, Shared, Signal, Store};

/// What a verb's body returns: its future borrows the transaction and the input.
pub type Verb<'t, T, E> = Pin<Box<dyn Future<Output = std::result::Result<T, E>> + Send + 't>>;

/// One transaction, in which verbs run. Got from [`Store::write`] or [`Store::read`].
pub struct Tx {
    conn: Conn,
    /// Told to the house after the commit; forgotten when the verb fails.
    pub(crate) signals: HashSet<Signal>,
    /// Set when the engine has thrown the transaction away (disk full, connection lost): nothing more can run in it.
    broken: bool,
    /// Set when PostgreSQL asks for the whole transaction to be run again.
    collided: bool,
    /// Set when a statement failed: PostgreSQL keeps nothing of such a transaction, and says so to its COMMIT in a word that is
    /// no error.
    failed: bool,
    pub(crate) shared: Arc<Shared>,
}

impl Tx {
    pub(crate) fn new(conn: Conn, shared: Arc<Shared>) -> Self {
        Self { conn, signals: HashSet::new(), broken: false, collided: false, failed: false, shared }
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn exec(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<u64> {
        let outcome = self.conn.exec(sql.into(), values).await;
        self.noted(outcome)
    }

    /// Runs a query and takes all its rows.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let outcome = self.conn.rows(sql.into(), values).await;
        self.noted(outcome)
    }

    /// Runs a query that answers with one row at most.
    pub(crate) async fn row(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a query that was composed for what is asked; see [`Conn::rows_composed`].
    pub(crate) async fn rows_composed(&mut self, sql: String, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let outcome = self.conn.rows_composed(sql, values).await;
        self.noted(outcome)
    }

    /// The connection itself, for who makes a schema on it.
    pub(crate) fn conn_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Closes a connection that nobody else has.
    pub(crate) async fn close(self) -> Result<()> {
        match self.conn {
            Conn::Sqlite(conn) => conn.close().map_err(|(_, error)| error.into()),
            Conn::SqlitePooled(_) | Conn::Postgres(_) => Ok(()),
        }
    }

    /// Which engine a composed query is for.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    fn noted<T>(&mut self, outcome: std::result::Result<T, Fault>) -> Result<T> {
        outcome.map_err(|error| {
            self.collided |= is_collision(&error);
            self.failed = true;
            let error = Error::from(error);
            // A unique key that is taken leaves a SQLite savepoint usable and a PostgreSQL transaction not; either
            // way the verb's own error ends the verb. Only losing the engine ends the others with it.
            self.broken |= matches!(error, Error::Unavailable(_));
            error
        })
    }

    async fn control(&mut self, sql: &'static str) -> Result<()> {
        self.exec(sql, &[]).await.map(drop)
    }
}

/// A write that waits for the SQLite writer.
pub(crate) trait Job: Send {
    /// Runs the verb; `false` when it failed and its savepoint has to be taken back.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 't>>;
    /// Tells the caller. `committed` is the fate of the whole group.
    fn answer(self: Box<Self>, committed: std::result::Result<(), &Error>);
}

struct TypedJob<I, T, E, F> {
    name: &'static str,
    input: I,
    verb: F,
    outcome: Option<std::result::Result<T, E>>,
    reply: oneshot::Sender<std::result::Result<T, E>>,
}

impl<I, T, E, F> Job for TypedJob<I, T, E, F>
where
    I: Send + Sync + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'t> Fn(&'t mut Tx, &'t I) -> Verb<'t, T, E> + Send + Sync + 'static,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Pin<Box<dyn Future<Output = bool> + Send + 't>> {
        Box::pin(async move {
            let outcome = (self.verb)(tx, &self.input).await;
            let kept = outcome.is_ok();
            self.outcome = Some(outcome);
            kept
        })
    }

    fn answer(self: Box<Self>, committed: std::result::Result<(), &Error>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(E::from(Error::Unavailable(error.to_string()))),
            (None, Ok(())) => Err(E::from(Error::Internal(format!("{} did not run", self.name)))),
        };
        // A caller that went away has made no promise to anybody.
        let _ = self.reply.send(outcome);
    }
}

/// The SQLite writer. The one owner of the one writing connection.
pub(crate) struct Writer {
    pub(crate) conn: Conn,
    pub(crate) jobs: mpsc::Receiver<Box<dyn Job>>,
    pub(crate) group_max: usize,
    /// Not a [`Store`]: the writer must end when the last of those is gone.
    pub(crate) shared: Arc<Shared>,
}

impl Writer {
    /// Runs until every [`Store`] is gone and every write that was taken is answered.
    pub(crate) async fn run(self) {
        let Self { conn, mut jobs, group_max, shared } = self;
        let mut group: Vec<Box<dyn Job>> = Vec::with_capacity(group_max);
        let mut tx = Tx::new(conn, shared);
        while jobs.recv_many(&mut group, group_max).await > 0 {
            let committed = commit_group(&mut tx, &mut group).await;
            if let Err(error) = &committed {
                tracing::error!(writes = group.len(), "a group of writes was not stored: {error}");
                tx.signals.clear();
                tx.broken = false;
                // Whatever state the connection is in, this leaves it outside a transaction.
                let _ = tx.control("ROLLBACK").await;
                tx.broken = false;
            }
            // From here on what was committed survives a crash; only now is anybody told.
            for job in group.drain(..) {
                job.answer(committed.as_ref().copied());
            }
            let signals = std::mem::take(&mut tx.signals);
            tx.shared.raise(signals);
        }
        if let Conn::Sqlite(conn) = tx.conn
            && let Err((_, error)) = conn.close()
        {
            tracing::warn!("the database did not close cleanly: {error}");
        }
    }
}

async fn commit_group(tx: &mut Tx, group: &mut [Box<dyn Job>]) -> Result<()> {
    tx.control("BEGIN IMMEDIATE").await?;
    for job in group.iter_mut() {
        let before = tx.signals.clone();
        tx.control("SAVEPOINT verb").await?;
        if job.run(tx).await {
            tx.control("RELEASE verb").await?;
        } else {
            tx.signals = before;
            if tx.broken {
                return Err(Error::Unavailable("the transaction was lost".to_owned()));
            }
            tx.control("ROLLBACK TO verb").await?;
            tx.control("RELEASE verb").await?;
        }
    }
    tx.control("COMMIT").await
}

impl Store {
    /// Runs `verb` in a transaction of its own and commits. When this returns `Ok`, what was written survives a
    /// power cut; when it returns `Err`, nothing was written.
    ///
    /// `name` says in the log what was going on. `input` is plain data, because PostgreSQL may ask for the verb to be
    /// run again.
    ///
    /// # Errors
    /// What the verb refuses with, or [`Error::Busy`] and [`Error::Unavailable`] in its words.
    pub async fn write<I, T, E, F>(&self, name: &'static str, input: I, verb: F) -> std::result::Result<T, E>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t I) -> Verb<'t, T, E> + Send + Sync + 'static,
    {
        match &self.backend {
            Backend::Sqlite { writer, .. } => {
                let (reply, answer) = oneshot::channel();
                let job = TypedJob { name, input, verb, outcome: None, reply };
                writer
                    .send(Box::new(job))
                    .await
                    .map_err(|_| Error::Unavailable("the writer has stopped".to_owned()))?;
                answer.await.map_err(|_| Error::Unavailable("the writer has stopped".to_owned()))?
            }
            Backend::Postgres { pool } => self.write_postgres(pool, &input, &verb).await,
        }
    }

    async fn write_postgres<I, T, E, F>(
        &self,
        pool: &sqlx::PgPool,
        input: &I,
        verb: &F,
    ) -> std::result::Result<T, E>
    where
        E: From<Error>,
        F: for<'t> Fn(&'t mut Tx, &'t I) -> Verb<'t, T, E>,
    {
        /// Two writers that stood in each other's way twice will hardly do so a fifth time.
        const TRIES: usize = 5;
        let mut tries = 0;
        loop {
            tries += 1;
            let conn = pool.acquire().await.map_err(Error::from)?;
            let mut open = OpenTx::begin(Tx::new(Conn::Postgres(conn), self.shared.clone()), "BEGIN").await?;
            let outcome = match verb(open.tx(), input).await {
                // A verb that went on after a statement had failed has been given nothing to promise.
                Ok(_) if open.tx().failed => {
                    let _ = open.finish("ROLLBACK").await;
                    Err(E::from(Error::Internal("a verb went on after a failed statement".to_owned())))
                }
                Ok(value) => open.finish("COMMIT").await.map(|signals| (value, signals)).map_err(E::from),
                Err(error) => {
                    let collided = open.tx().collided;
                    let _ = open.finish("ROLLBACK").await;
                    if collided && tries < TRIES {
                        continue;
                    }
                    Err(error)
                }
            };
            return outcome.map(|(value, signals)| {
                if let Some(wire) = &self.shared.wire {
                    wire.tell(&signals);
                }
                self.shared.raise(signals);
                value
            });
        }
    }

    /// Runs `verb` on one consistent view of the data. It cannot write: the connection refuses.
    ///
    /// # Errors
    /// What the verb refuses with, or [`Error::Unavailable`] in its words.
    pub async fn read<I, T, E, F>(&self, input: I, verb: F) -> std::result::Result<T, E>
    where
        E: From<Error>,
        F: for<'t> FnOnce(&'t mut Tx, &'t I) -> Verb<'t, T, E>,
    {
        let mut open = self.open_view().await?;
        let outcome = verb(open.tx(), &input).await;
        open.finish("ROLLBACK").await?;
        outcome
    }

    /// A transaction that sees the data as it is now and cannot write.
    pub(crate) async fn open_view(&self) -> Result<OpenTx> {
        let (conn, begin) = match &self.backend {
            Backend::Sqlite { readers, .. } => (Conn::SqlitePooled(readers.acquire().await?), "BEGIN"),
            Backend::Postgres { pool } => (
                Conn::Postgres(pool.acquire().await.map_err(Error::from)?),
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        };
        OpenTx::begin(Tx::new(conn, self.shared.clone()), begin).await
    }
}

/// A transaction on a pooled connection. When it is dropped half-way (its caller went away) the connection is
/// closed instead of going back to the pool with a transaction open.
pub(crate) struct OpenTx(Option<Tx>);

impl OpenTx {
    async fn begin(tx: Tx, begin: &'static str) -> Result<Self> {
        let mut open = Self(Some(tx));
        open.tx().control(begin).await?;
        Ok(open)
    }

    pub(crate) fn tx(&mut self) -> &mut Tx {
        // Only `finish` takes it out, and that consumes `self`.
        self.0.as_mut().unwrap_or_else(|| unreachable!("an open transaction holds its connection"))
    }

    async fn finish(mut self, end: &'static str) -> Result<HashSet<Signal>> {
        self.tx().control(end).await?;
        // The connection is clean again: let it go back to its pool.
        let Some(tx) = self.0.take() else { return Ok(HashSet::new()) };
        if let Conn::SqlitePooled(conn) = tx.conn {
            conn.give_back();
        }
        Ok(tx.signals)
    }
}

impl Drop for OpenTx {
    fn drop(&mut self) {
        if let Some(Conn::Postgres(conn)) = self.0.take().map(|tx| tx.conn) {
            drop(conn.detach());
        }
    }
}
