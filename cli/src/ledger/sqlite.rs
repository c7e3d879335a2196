//! The ledger in one file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rusqlite::{Connection, OptionalExtension, params};
use undeliverable::policy::{Act, AddressState, HourCount, Incident, Settlement, Standing};

use super::store::{DecisionRow, Each, History, NewEvent, StateRow, Store};

/// One text a version; each is run once, in order.
const MIGRATIONS: &[&str] = &[include_str!("sqlite.sql"), include_str!("sqlite-2.sql")];

pub(crate) struct Sqlite {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    /// Locks of this process, by name.
    pub(super) held: HashMap<String, std::fs::File>,
}

impl Sqlite {
    /// Opens the file, waiting `patience` seconds for other writers; makes it where it is missing, and brings it to the newest version.
    ///
    /// # Errors
    /// Where the file cannot be opened, is no ledger, or comes from a newer program.
    pub fn open(path: &Path, patience: u16) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("folder {}", folder.display()))?;
        }
        let shown = || format!("ledger {}", path.display());
        let db = Connection::open(path).with_context(shown)?;
        let patience = Duration::from_secs(patience.into());
        db.busy_timeout(patience)?;
        // WAL with synchronous=FULL: what deliver has acknowledged survives a loss of power.
        use_wal(&db, patience).with_context(shown)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -65_536)?;
        // Pages that many batches change are written back once, every 32 MB of the log, not after each batch.
        db.pragma_update(None, "wal_autocheckpoint", 8192)?;
        db.set_prepared_statement_cache_capacity(64);
        let mut store = Sqlite {
            db,
            path: path.to_owned(),
            held: HashMap::new(),
        };
        store.migrate().with_context(shown)?;
        Ok(store)
    }

    fn version(&self) -> anyhow::Result<usize> {
        let v: i64 = self.db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        Ok(usize::try_from(v)?)
    }

    fn migrate(&mut self) -> anyhow::Result<()> {
        if self.version()? == MIGRATIONS.len() {
            return Ok(());
        }
        self.begin()?;
        // Another process may have been faster.
        let have = self.version()?;
        if have > MIGRATIONS.len() {
            self.rollback();
            bail!(
                "made by a newer version of this program (format {have}, known {})",
                MIGRATIONS.len()
            );
        }
        for text in &MIGRATIONS[have..] {
            self.db.execute_batch(text)?;
        }
        self.db
            .pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len())?)?;
        self.commit()
    }

    fn bodies<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        key: Option<&str>,
    ) -> anyhow::Result<Vec<T>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = match key {
            Some(key) => statement.query([key])?,
            None => statement.query([])?,
        };
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(serde_json::from_str(row.get_ref(0)?.as_str()?)?);
        }
        Ok(all)
    }
}

impl Store for Sqlite {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.db
            .execute_batch("BEGIN IMMEDIATE")
            .with_context(|| format!("ledger {} is locked or cannot be written", self.name()))
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        self.db
            .execute_batch("COMMIT")
            .with_context(|| format!("ledger {}", self.name()))
    }

    fn rollback(&mut self) {
        // SQLite has rolled back itself after some errors; then there is nothing to do.
        let _ = self.db.execute_batch("ROLLBACK");
    }

    fn setting(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        let sql = "SELECT value FROM settings WHERE name = ?1";
        Ok(self
            .db
            .prepare_cached(sql)?
            .query_row([name], |r| r.get(0))
            .optional()?)
    }

    fn set_setting(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.db.prepare_cached(sql)?.execute([name, value])?;
        Ok(())
    }

    fn insert_events(&mut self, events: &[NewEvent]) -> anyhow::Result<Vec<bool>> {
        let sql =
            "INSERT INTO events (address, event_id, at, domain, provider, kind, is_domain, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut new = Vec::with_capacity(events.len());
        for n in events {
            let e = &n.event;
            let body = serde_json::to_string(e)?;
            let rows = statement.execute(params![
                e.address,
                e.event_id,
                e.at,
                n.domain,
                e.provider,
                e.kind.as_str(),
                n.is_domain,
                body
            ])?;
            new.push(rows == 1);
        }
        Ok(new)
    }

    fn insert_acts(&mut self, acts: &[Act]) -> anyhow::Result<()> {
        let mut statement = self
            .db
            .prepare_cached("INSERT INTO acts VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
        for a in acts {
            statement.execute(params![a.id, a.target, a.at, serde_json::to_string(a)?])?;
        }
        Ok(())
    }

    fn histories(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, History>> {
        let mut all = HashMap::with_capacity(keys.len());
        for key in keys {
            let events = match key.strip_prefix('@') {
                None => self.bodies("SELECT body FROM events WHERE address = ?1", Some(key))?,
                Some(domain) => {
                    let mut events = self.bodies(
                        "SELECT body FROM events WHERE domain = ?1 AND is_domain",
                        Some(domain),
                    )?;
                    if !events.is_empty() {
                        let sql = "SELECT body FROM events WHERE domain = ?1 AND kind IN ('delivered', 'receipt', 'other')";
                        events.extend(self.bodies(sql, Some(domain))?);
                    }
                    events
                }
            };
            let acts = self.bodies("SELECT body FROM acts WHERE target = ?1", Some(key))?;
            all.insert(key.clone(), History { events, acts });
        }
        Ok(all)
    }

    fn put_states(&mut self, states: &[StateRow]) -> anyhow::Result<()> {
        let sql = "INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (address) DO UPDATE
                   SET standing = excluded.standing, until = excluded.until, more = excluded.more, body = excluded.body";
        let mut statement = self.db.prepare_cached(sql)?;
        for s in states {
            let state = s.state.as_ref().context("a state without its body")?;
            let more = state.outcomes.len() > 1;
            statement.execute(params![
                s.key,
                s.standing.as_str(),
                s.until,
                more,
                serde_json::to_string(state)?
            ])?;
        }
        Ok(())
    }

    fn states(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, AddressState>> {
        let mut statement = self
            .db
            .prepare_cached("SELECT body FROM states WHERE address = ?1")?;
        let mut all = HashMap::new();
        for key in keys {
            let mut rows = statement.query([key])?;
            if let Some(row) = rows.next()? {
                all.insert(
                    key.clone(),
                    serde_json::from_str(row.get_ref(0)?.as_str()?)?,
                );
            }
        }
        Ok(all)
    }

    fn each_state(&mut self, each: Each<'_, StateRow>) -> anyhow::Result<()> {
        let sql = "SELECT address, standing, until, CASE WHEN more THEN body END FROM states ORDER BY address";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state = match row.get_ref(3)?.as_str_or_null()? {
                Some(body) => Some(serde_json::from_str(body)?),
                None => None,
            };
            each(StateRow {
                key: row.get(0)?,
                standing: standing(row.get_ref(1)?.as_str()?)?,
                until: row.get(2)?,
                state,
            })?;
        }
        Ok(())
    }

    fn count_states(&mut self) -> anyhow::Result<u64> {
        let n: i64 = self
            .db
            .query_row("SELECT count(*) FROM states", [], |r| r.get(0))?;
        Ok(u64::try_from(n)?)
    }

    fn insert_decisions(&mut self, decisions: &[DecisionRow]) -> anyhow::Result<()> {
        let mut statement = self.db.prepare_cached(
            "INSERT INTO decisions VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?;
        for d in decisions {
            let body = serde_json::to_string(&d.outcome)?;
            statement.execute(params![
                d.key,
                d.outcome.since,
                d.policy,
                super::short_hash(&body),
                body
            ])?;
        }
        Ok(())
    }

    fn decisions(&mut self, key: &str) -> anyhow::Result<Vec<DecisionRow>> {
        let sql =
            "SELECT policy, body FROM decisions WHERE address = ?1 ORDER BY since, policy, hash";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(DecisionRow {
                key: key.to_owned(),
                policy: row.get(0)?,
                outcome: serde_json::from_str(row.get_ref(1)?.as_str()?)?,
            });
        }
        Ok(all)
    }

    fn add_counts(&mut self, counts: &[(String, HourCount)]) -> anyhow::Result<()> {
        let sql =
            "INSERT INTO counts VALUES (?1, ?2, ?3, ?4) ON CONFLICT (provider, hour) DO UPDATE
                   SET failed = failed + excluded.failed, dead = dead + excluded.dead";
        let mut statement = self.db.prepare_cached(sql)?;
        for (provider, c) in counts {
            statement.execute(params![provider, c.hour, c.failed, c.dead])?;
        }
        Ok(())
    }

    fn counts(&mut self) -> anyhow::Result<Vec<(String, HourCount)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT provider, hour, failed, dead FROM counts ORDER BY provider, hour",
        )?;
        let rows = statement.query_map([], |r| {
            Ok((
                r.get(0)?,
                HourCount {
                    hour: r.get(1)?,
                    failed: r.get(2)?,
                    dead: r.get(3)?,
                },
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn incidents(&mut self) -> anyhow::Result<Vec<Incident>> {
        self.bodies("SELECT body FROM incidents ORDER BY provider, starts", None)
    }

    fn replace_incidents(&mut self, incidents: &[Incident]) -> anyhow::Result<()> {
        self.db.execute("DELETE FROM incidents", [])?;
        let mut statement = self
            .db
            .prepare_cached("INSERT INTO incidents VALUES (?1, ?2, ?3)")?;
        for i in incidents {
            statement.execute(params![i.provider, i.from, serde_json::to_string(i)?])?;
        }
        Ok(())
    }

    fn settlements(&mut self) -> anyhow::Result<Vec<Settlement>> {
        self.bodies(
            "SELECT body FROM settlements ORDER BY provider, at, body",
            None,
        )
    }

    fn insert_settlement(&mut self, s: &Settlement) -> anyhow::Result<()> {
        let sql = "INSERT INTO settlements VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.db.prepare_cached(sql)?.execute(params![
            s.provider,
            s.at,
            serde_json::to_string(s)?
        ])?;
        Ok(())
    }

    fn keys_of(&mut self, provider: &str, from: i64, until: i64) -> anyhow::Result<Vec<String>> {
        let sql = "SELECT DISTINCT address FROM events WHERE provider = ?1 AND at >= ?2 AND at < ?3 AND kind = 'bounce'";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(params![provider, from, until], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn each_event(&mut self, each: Each<'_, NewEvent>) -> anyhow::Result<()> {
        let sql = "SELECT body, domain, is_domain FROM events ORDER BY domain, address, event_id";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(NewEvent {
                event: serde_json::from_str(row.get_ref(0)?.as_str()?)?,
                domain: row.get(1)?,
                is_domain: row.get(2)?,
            })?;
        }
        Ok(())
    }

    fn acts(&mut self) -> anyhow::Result<Vec<Act>> {
        self.bodies("SELECT body FROM acts ORDER BY target, at, id", None)
    }

    fn set_domain_events(&mut self, keys: &[(String, String, bool)]) -> anyhow::Result<()> {
        let mut statement = self.db.prepare_cached(
            "UPDATE events SET is_domain = ?3 WHERE address = ?1 AND event_id = ?2",
        )?;
        for (address, id, is_domain) in keys {
            statement.execute(params![address, id, is_domain])?;
        }
        Ok(())
    }

    fn erase(&mut self, key: &str) -> anyhow::Result<u64> {
        let mut n = 0;
        for sql in [
            "DELETE FROM events WHERE address = ?1",
            "DELETE FROM acts WHERE target = ?1",
            "DELETE FROM states WHERE address = ?1",
            "DELETE FROM decisions WHERE address = ?1",
        ] {
            n += self.db.execute(sql, [key])?;
        }
        Ok(n as u64)
    }
}

/// Switches to a write-ahead log. Of several processes that make the file at once only one can, and the switch does not
/// wait for others by itself.
fn use_wal(db: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let end = Instant::now() + patience;
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(e) if is_busy(&e) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn is_busy(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

pub(super) fn standing(word: &str) -> anyhow::Result<Standing> {
    Standing::from_word(word).with_context(|| {
        format!("the ledger holds a standing `{word}` that this program does not know")
    })
}
