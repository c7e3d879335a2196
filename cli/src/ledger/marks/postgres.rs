//! Marks in the ledger that several machines share.

use sha2::{Digest, Sha256};

use super::super::postgres::Postgres;
use super::{Mark, MarkState, Marks, Place};

impl Marks for Postgres {
    fn marks(&mut self, place: &Place) -> anyhow::Result<Vec<Mark>> {
        let sql = "SELECT uid, state, detail, at FROM marks WHERE account = $1 AND folder = $2 AND era = $3";
        let rows = self
            .db
            .query(sql, &[&place.account, &place.folder, &place.era])?;
        rows.iter()
            .map(|r| {
                Ok(Mark {
                    uid: r.get(0),
                    state: MarkState::from_word(r.get(1))?,
                    detail: r.get(2),
                    at: r.get(3),
                })
            })
            .collect()
    }

    fn put_marks(&mut self, place: &Place, marks: &[Mark]) -> anyhow::Result<()> {
        let sql = "INSERT INTO marks SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[])
                   ON CONFLICT (account, folder, era, uid) DO UPDATE
                   SET state = excluded.state, detail = excluded.detail, at = excluded.at";
        let uid: Vec<&str> = marks.iter().map(|m| m.uid.as_str()).collect();
        let state: Vec<&str> = marks.iter().map(|m| m.state.as_str()).collect();
        // PostgreSQL holds no NUL in a text, and a server's words may have one.
        let detail: Vec<String> = marks.iter().map(|m| m.detail.replace('\0', " ")).collect();
        let at: Vec<i64> = marks.iter().map(|m| m.at).collect();
        self.db.execute(
            sql,
            &[
                &place.account,
                &place.folder,
                &place.era,
                &uid,
                &state,
                &detail,
                &at,
            ],
        )?;
        Ok(())
    }

    fn drop_marks(&mut self, place: &Place, uids: &[String]) -> anyhow::Result<()> {
        let sql =
            "DELETE FROM marks WHERE account = $1 AND folder = $2 AND era = $3 AND uid = ANY($4)";
        self.db
            .execute(sql, &[&place.account, &place.folder, &place.era, &uids])?;
        Ok(())
    }

    fn tidy_marks(&mut self, place: &Place, before: i64) -> anyhow::Result<()> {
        let sql = "DELETE FROM marks WHERE account = $1 AND folder = $2
                   AND ((era <> $3 AND state <> 'failed') OR (state = 'failed' AND at < $4))";
        self.db
            .execute(sql, &[&place.account, &place.folder, &place.era, &before])?;
        Ok(())
    }

    fn failures(&mut self, account: &str, limit: u32) -> anyhow::Result<Vec<(String, Mark)>> {
        let sql =
            "SELECT folder, uid, detail, at FROM marks WHERE account = $1 AND state = 'failed'
                   ORDER BY at DESC, folder, uid LIMIT $2";
        let rows = self.db.query(sql, &[&account, &i64::from(limit)])?;
        Ok(rows
            .iter()
            .map(|r| {
                let mark = Mark {
                    uid: r.get(1),
                    state: MarkState::Failed,
                    detail: r.get(2),
                    at: r.get(3),
                };
                (r.get(0), mark)
            })
            .collect())
    }

    fn try_hold(&mut self, name: &str) -> anyhow::Result<bool> {
        if self.held.contains(name) {
            return Ok(true);
        }
        let row = self
            .db
            .query_one("SELECT pg_try_advisory_lock($1)", &[&number(name)])?;
        let held: bool = row.get(0);
        if held {
            self.held.insert(name.to_owned());
        }
        Ok(held)
    }

    fn let_go(&mut self, name: &str) {
        if self.held.remove(name) {
            // A connection that fails here has let go of everything.
            let _ = self
                .db
                .execute("SELECT pg_advisory_unlock($1)", &[&number(name)]);
        }
    }
}

/// The number that stands for a name among PostgreSQL's advisory locks, which know only numbers.
fn number(name: &str) -> i64 {
    let hash = Sha256::digest(name);
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}
