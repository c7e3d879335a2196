//! The ledger that several machines share.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, bail};
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, NoTls};
use undeliverable::policy::{Act, AddressState, HourCount, Incident, Settlement};

use super::sqlite::standing;
use super::store::{DecisionRow, Each, History, NewEvent, StateRow, Store};

/// One text a version; each is run once, in order.
const MIGRATIONS: &[&str] = &[include_str!("postgres.sql"), include_str!("postgres-2.sql")];

/// The number of the one write lock of a ledger, as PostgreSQL's advisory locks have it: `undel`.
const WRITE_LOCK: i64 = 0x75_6e_64_65_6c;

pub(crate) struct Postgres {
    pub(super) db: Client,
    name: String,
    /// Locks of this connection, by name.
    pub(super) held: HashSet<String>,
}

impl Postgres {
    /// Connects and brings the tables to the newest version. The password comes from the URL, from `password`, or from
    /// the environment (`PGPASSWORD`).
    ///
    /// # Errors
    /// Where the URL is none, nobody answers, or the ledger comes from a newer program. No error names the password.
    pub fn open(url: &str, password: Option<&str>, patience: u16) -> anyhow::Result<Self> {
        // The parser's own error could quote the URL.
        let mut config: Config = url
            .parse()
            .ok()
            .context("--db: not a PostgreSQL URL, expected postgres://user@host:port/database")?;
        if config.get_password().is_none() {
            if let Some(p) = password {
                config.password(p);
            } else if let Some(p) = std::env::var_os("PGPASSWORD") {
                config.password(p.as_encoded_bytes());
            }
        }
        config.application_name("undeliverable");
        config.connect_timeout(std::time::Duration::from_secs(10));
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .map(|h| match h {
                postgres::config::Host::Tcp(h) => h.clone(),
                #[cfg(unix)]
                postgres::config::Host::Unix(p) => p.display().to_string(),
            })
            .collect();
        let name = format!(
            "postgres://{}/{}",
            hosts.join(","),
            config.get_dbname().unwrap_or_default()
        );
        let mut db = config
            .connect(NoTls)
            .with_context(|| format!("ledger {name}"))?;
        db.batch_execute(&format!(
            "SET lock_timeout = '{patience}s'; SET client_min_messages = warning"
        ))?;
        let mut store = Postgres {
            db,
            name,
            held: HashSet::new(),
        };
        store.migrate()?;
        Ok(store)
    }

    fn migrate(&mut self) -> anyhow::Result<()> {
        if self.version()? == MIGRATIONS.len() {
            return Ok(());
        }
        self.begin()?;
        let have = self.version()?;
        if have > MIGRATIONS.len() {
            self.rollback();
            bail!(
                "ledger {}: made by a newer version of this program (format {have}, known {})",
                self.name,
                MIGRATIONS.len()
            );
        }
        self.db.batch_execute("CREATE SCHEMA IF NOT EXISTS undeliverable; CREATE TABLE IF NOT EXISTS undeliverable.version (n BIGINT NOT NULL)")?;
        self.db.batch_execute("SET search_path = undeliverable")?;
        for text in &MIGRATIONS[have..] {
            self.db.batch_execute(text)?;
        }
        self.db.batch_execute(&format!(
            "DELETE FROM version; INSERT INTO version VALUES ({})",
            MIGRATIONS.len()
        ))?;
        self.commit()
    }

    fn version(&mut self) -> anyhow::Result<usize> {
        self.db.batch_execute("SET search_path = undeliverable")?;
        // Not `to_regclass`: it answers from a cache that does not know what another process made while this one waited.
        let sql = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'undeliverable' AND tablename = 'version')";
        let there: bool = self.db.query_one(sql, &[])?.get(0);
        if !there {
            return Ok(0);
        }
        let n: Option<i64> = self.db.query_one("SELECT max(n) FROM version", &[])?.get(0);
        Ok(usize::try_from(n.unwrap_or(0))?)
    }

    fn bodies<T: serde::de::DeserializeOwned>(&mut self, sql: &str) -> anyhow::Result<Vec<T>> {
        let rows = self.db.query(sql, &[])?;
        rows.iter()
            .map(|r| Ok(serde_json::from_str(r.get(0))?))
            .collect()
    }

    fn keyed(
        &mut self,
        sql: &str,
        keys: &[&str],
        mut put: impl FnMut(&str, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let statement = self.db.prepare(sql)?;
        for row in self.db.query(&statement, &[&keys])? {
            put(row.get(0), row.get(1))?;
        }
        Ok(())
    }
}

impl Store for Postgres {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        let name = self.name.clone();
        self.db
            .batch_execute("BEGIN")
            .with_context(|| format!("ledger {name}"))?;
        // One writer at a time: a fold that misses another's uncommitted event would store a stale state.
        let locked = self
            .db
            .execute("SELECT pg_advisory_xact_lock($1)", &[&WRITE_LOCK]);
        if let Err(e) = locked {
            self.rollback();
            return Err(e).with_context(|| format!("ledger {name}: another writer holds it"));
        }
        Ok(())
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let name = self.name.clone();
        self.db
            .batch_execute("COMMIT")
            .with_context(|| format!("ledger {name}"))
    }

    fn rollback(&mut self) {
        let _ = self.db.batch_execute("ROLLBACK");
    }

    fn setting(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self
            .db
            .query_opt("SELECT value FROM settings WHERE name = $1", &[&name])?
            .map(|r| r.get(0)))
    }

    fn set_setting(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let sql = "INSERT INTO settings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.db.execute(sql, &[&name, &value])?;
        Ok(())
    }

    fn insert_events(&mut self, events: &[NewEvent]) -> anyhow::Result<Vec<bool>> {
        let sql = "INSERT INTO events (address, event_id, at, domain, provider, kind, is_domain, body)
                   SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::text[])
                   ON CONFLICT DO NOTHING RETURNING address, event_id";
        let of = |f: fn(&NewEvent) -> &str| events.iter().map(f).collect::<Vec<&str>>();
        let address = of(|n| &n.event.address);
        let id = of(|n| &n.event.event_id);
        let at: Vec<i64> = events.iter().map(|n| n.event.at).collect();
        let domain: Vec<Option<&str>> = events.iter().map(|n| n.domain.as_deref()).collect();
        let provider: Vec<Option<&str>> =
            events.iter().map(|n| n.event.provider.as_deref()).collect();
        let kind = of(|n| n.event.kind.as_str());
        let is_domain: Vec<bool> = events.iter().map(|n| n.is_domain).collect();
        // PostgreSQL holds no NUL in a text; JSON writes one as an escape, so only the columns can hold one.
        let body: Vec<String> = events
            .iter()
            .map(|n| serde_json::to_string(&n.event))
            .collect::<Result<_, _>>()?;
        let statement = self.db.prepare(sql)?;
        let rows = self.db.query(
            &statement,
            &[
                &address, &id, &at, &domain, &provider, &kind, &is_domain, &body,
            ],
        )?;
        let mut fresh: HashSet<(String, String)> =
            rows.iter().map(|r| (r.get(0), r.get(1))).collect();
        Ok(events
            .iter()
            .map(|n| fresh.remove(&(n.event.address.clone(), n.event.event_id.clone())))
            .collect())
    }

    fn insert_acts(&mut self, acts: &[Act]) -> anyhow::Result<()> {
        let sql = "INSERT INTO acts SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) ON CONFLICT DO NOTHING";
        let id: Vec<&str> = acts.iter().map(|a| a.id.as_str()).collect();
        let target: Vec<&str> = acts.iter().map(|a| a.target.as_str()).collect();
        let at: Vec<i64> = acts.iter().map(|a| a.at).collect();
        let body: Vec<String> = acts
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        self.db.execute(sql, &[&id, &target, &at, &body])?;
        Ok(())
    }

    fn histories(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, History>> {
        let mut all: HashMap<String, History> = keys
            .iter()
            .map(|k| (k.clone(), History::default()))
            .collect();
        let addresses: Vec<&str> = keys
            .iter()
            .map(String::as_str)
            .filter(|k| !k.starts_with('@'))
            .collect();
        let domains: Vec<&str> = keys.iter().filter_map(|k| k.strip_prefix('@')).collect();
        self.keyed(
            "SELECT address, body FROM events WHERE address = ANY($1)",
            &addresses,
            |k, body| {
                all.entry(k.to_owned())
                    .or_default()
                    .events
                    .push(serde_json::from_str(body)?);
                Ok(())
            },
        )?;
        let sql = "SELECT domain, body FROM events e WHERE domain = ANY($1) AND (is_domain OR kind IN ('delivered', 'receipt', 'other')
                   AND EXISTS (SELECT 1 FROM events d WHERE d.domain = e.domain AND d.is_domain))";
        self.keyed(sql, &domains, |k, body| {
            all.entry(format!("@{k}"))
                .or_default()
                .events
                .push(serde_json::from_str(body)?);
            Ok(())
        })?;
        let every: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.keyed(
            "SELECT target, body FROM acts WHERE target = ANY($1)",
            &every,
            |k, body| {
                all.entry(k.to_owned())
                    .or_default()
                    .acts
                    .push(serde_json::from_str(body)?);
                Ok(())
            },
        )?;
        Ok(all)
    }

    fn put_states(&mut self, states: &[StateRow]) -> anyhow::Result<()> {
        let sql = "INSERT INTO states SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bool[], $5::text[])
                   ON CONFLICT (address) DO UPDATE
                   SET standing = excluded.standing, until = excluded.until, more = excluded.more, body = excluded.body";
        let key: Vec<&str> = states.iter().map(|s| s.key.as_str()).collect();
        let standing: Vec<&str> = states.iter().map(|s| s.standing.as_str()).collect();
        let until: Vec<Option<i64>> = states.iter().map(|s| s.until).collect();
        let more: Vec<bool> = states
            .iter()
            .map(|s| s.state.as_ref().is_some_and(|x| x.outcomes.len() > 1))
            .collect();
        let body: Vec<String> = states
            .iter()
            .map(|s| {
                Ok(serde_json::to_string(
                    s.state.as_ref().context("a state without its body")?,
                )?)
            })
            .collect::<anyhow::Result<_>>()?;
        let statement = self.db.prepare(sql)?;
        self.db
            .execute(&statement, &[&key, &standing, &until, &more, &body])?;
        Ok(())
    }

    fn states(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, AddressState>> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut all = HashMap::new();
        self.keyed(
            "SELECT address, body FROM states WHERE address = ANY($1)",
            &keys,
            |k, body| {
                all.insert(k.to_owned(), serde_json::from_str(body)?);
                Ok(())
            },
        )?;
        Ok(all)
    }

    fn each_state(&mut self, each: Each<'_, StateRow>) -> anyhow::Result<()> {
        let sql = "SELECT address, standing, until, CASE WHEN more THEN body END FROM states ORDER BY address";
        let mut rows = self.db.query_raw(sql, std::iter::empty::<&str>())?;
        while let Some(row) = rows.next()? {
            let state = match row.get::<_, Option<&str>>(3) {
                Some(body) => Some(serde_json::from_str(body)?),
                None => None,
            };
            each(StateRow {
                key: row.get(0),
                standing: standing(row.get(1))?,
                until: row.get(2),
                state,
            })?;
        }
        Ok(())
    }

    fn count_states(&mut self) -> anyhow::Result<u64> {
        let n: i64 = self
            .db
            .query_one("SELECT count(*) FROM states", &[])?
            .get(0);
        Ok(u64::try_from(n)?)
    }

    fn insert_decisions(&mut self, decisions: &[DecisionRow]) -> anyhow::Result<()> {
        let sql = "INSERT INTO decisions SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING";
        let key: Vec<&str> = decisions.iter().map(|d| d.key.as_str()).collect();
        let since: Vec<i64> = decisions.iter().map(|d| d.outcome.since).collect();
        let policy: Vec<&str> = decisions.iter().map(|d| d.policy.as_str()).collect();
        let body: Vec<String> = decisions
            .iter()
            .map(|d| serde_json::to_string(&d.outcome))
            .collect::<Result<_, _>>()?;
        let hash: Vec<String> = body.iter().map(|b| super::short_hash(b)).collect();
        let statement = self.db.prepare(sql)?;
        self.db
            .execute(&statement, &[&key, &since, &policy, &hash, &body])?;
        Ok(())
    }

    fn decisions(&mut self, key: &str) -> anyhow::Result<Vec<DecisionRow>> {
        let sql =
            "SELECT policy, body FROM decisions WHERE address = $1 ORDER BY since, policy, hash";
        let rows = self.db.query(sql, &[&key])?;
        rows.iter()
            .map(|r| {
                Ok(DecisionRow {
                    key: key.to_owned(),
                    policy: r.get(0),
                    outcome: serde_json::from_str(r.get(1))?,
                })
            })
            .collect()
    }

    fn add_counts(&mut self, counts: &[(String, HourCount)]) -> anyhow::Result<()> {
        let sql = "INSERT INTO counts AS c SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
                   ON CONFLICT (provider, hour) DO UPDATE SET failed = c.failed + excluded.failed, dead = c.dead + excluded.dead";
        let provider: Vec<&str> = counts.iter().map(|c| c.0.as_str()).collect();
        let hour: Vec<i64> = counts.iter().map(|c| c.1.hour).collect();
        let failed: Vec<i64> = counts.iter().map(|c| i64::from(c.1.failed)).collect();
        let dead: Vec<i64> = counts.iter().map(|c| i64::from(c.1.dead)).collect();
        self.db.execute(sql, &[&provider, &hour, &failed, &dead])?;
        Ok(())
    }

    fn counts(&mut self) -> anyhow::Result<Vec<(String, HourCount)>> {
        let rows = self.db.query(
            "SELECT provider, hour, failed, dead FROM counts ORDER BY provider, hour",
            &[],
        )?;
        let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(rows
            .iter()
            .map(|r| {
                (
                    r.get(0),
                    HourCount {
                        hour: r.get(1),
                        failed: small(r.get(2)),
                        dead: small(r.get(3)),
                    },
                )
            })
            .collect())
    }

    fn incidents(&mut self) -> anyhow::Result<Vec<Incident>> {
        self.bodies("SELECT body FROM incidents ORDER BY provider, starts")
    }

    fn replace_incidents(&mut self, incidents: &[Incident]) -> anyhow::Result<()> {
        self.db.execute("DELETE FROM incidents", &[])?;
        for i in incidents {
            let body = serde_json::to_string(i)?;
            self.db.execute(
                "INSERT INTO incidents VALUES ($1, $2, $3)",
                &[&i.provider, &i.from, &body],
            )?;
        }
        Ok(())
    }

    fn settlements(&mut self) -> anyhow::Result<Vec<Settlement>> {
        self.bodies("SELECT body FROM settlements ORDER BY provider, at, body")
    }

    fn insert_settlement(&mut self, s: &Settlement) -> anyhow::Result<()> {
        let body = serde_json::to_string(s)?;
        self.db.execute(
            "INSERT INTO settlements VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[&s.provider, &s.at, &body],
        )?;
        Ok(())
    }

    fn keys_of(&mut self, provider: &str, from: i64, until: i64) -> anyhow::Result<Vec<String>> {
        let sql = "SELECT DISTINCT address FROM events WHERE provider = $1 AND at >= $2 AND at < $3 AND kind = 'bounce'";
        Ok(self
            .db
            .query(sql, &[&provider, &from, &until])?
            .iter()
            .map(|r| r.get(0))
            .collect())
    }

    fn each_event(&mut self, each: Each<'_, NewEvent>) -> anyhow::Result<()> {
        let sql = "SELECT body, domain, is_domain FROM events ORDER BY domain NULLS FIRST, address, event_id";
        let mut rows = self.db.query_raw(sql, std::iter::empty::<&str>())?;
        while let Some(row) = rows.next()? {
            each(NewEvent {
                event: serde_json::from_str(row.get(0))?,
                domain: row.get(1),
                is_domain: row.get(2),
            })?;
        }
        Ok(())
    }

    fn acts(&mut self) -> anyhow::Result<Vec<Act>> {
        self.bodies("SELECT body FROM acts ORDER BY target, at, id")
    }

    fn set_domain_events(&mut self, keys: &[(String, String, bool)]) -> anyhow::Result<()> {
        let statement = self
            .db
            .prepare("UPDATE events SET is_domain = $3 WHERE address = $1 AND event_id = $2")?;
        for (address, id, is_domain) in keys {
            self.db.execute(&statement, &[address, id, is_domain])?;
        }
        Ok(())
    }

    fn erase(&mut self, key: &str) -> anyhow::Result<u64> {
        let mut n = 0;
        for sql in [
            "DELETE FROM events WHERE address = $1",
            "DELETE FROM acts WHERE target = $1",
            "DELETE FROM states WHERE address = $1",
            "DELETE FROM decisions WHERE address = $1",
        ] {
            n += self.db.execute(sql, &[&key])?;
        }
        Ok(n)
    }
}
