//! Marks in the ledger of one file.

use rusqlite::params;

use super::super::sqlite::Sqlite;
use super::{Mark, MarkState, Marks, Place, hold_file};

impl Marks for Sqlite {
    fn marks(&mut self, place: &Place) -> anyhow::Result<Vec<Mark>> {
        let sql = "SELECT uid, state, detail, at FROM marks WHERE account = ?1 AND folder = ?2 AND era = ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params![place.account, place.folder, place.era])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Mark {
                uid: row.get(0)?,
                state: MarkState::from_word(row.get_ref(1)?.as_str()?)?,
                detail: row.get(2)?,
                at: row.get(3)?,
            });
        }
        Ok(all)
    }

    fn put_marks(&mut self, place: &Place, marks: &[Mark]) -> anyhow::Result<()> {
        let sql = "INSERT INTO marks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE
                   SET state = excluded.state, detail = excluded.detail, at = excluded.at";
        let mut statement = self.db.prepare_cached(sql)?;
        for m in marks {
            statement.execute(params![
                place.account,
                place.folder,
                place.era,
                m.uid,
                m.state.as_str(),
                m.detail,
                m.at
            ])?;
        }
        Ok(())
    }

    fn drop_marks(&mut self, place: &Place, uids: &[String]) -> anyhow::Result<()> {
        let sql = "DELETE FROM marks WHERE account = ?1 AND folder = ?2 AND era = ?3 AND uid = ?4";
        let mut statement = self.db.prepare_cached(sql)?;
        for uid in uids {
            statement.execute(params![place.account, place.folder, place.era, uid])?;
        }
        Ok(())
    }

    fn tidy_marks(&mut self, place: &Place, before: i64) -> anyhow::Result<()> {
        let sql = "DELETE FROM marks WHERE account = ?1 AND folder = ?2
                   AND ((era <> ?3 AND state <> 'failed') OR (state = 'failed' AND at < ?4))";
        self.db.prepare_cached(sql)?.execute(params![
            place.account,
            place.folder,
            place.era,
            before
        ])?;
        Ok(())
    }

    fn failures(&mut self, account: &str, limit: u32) -> anyhow::Result<Vec<(String, Mark)>> {
        let sql =
            "SELECT folder, uid, detail, at FROM marks WHERE account = ?1 AND state = 'failed'
                   ORDER BY at DESC, folder, uid LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(params![account, limit], |r| {
            let mark = Mark {
                uid: r.get(1)?,
                state: MarkState::Failed,
                detail: r.get(2)?,
                at: r.get(3)?,
            };
            Ok((r.get(0)?, mark))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn try_hold(&mut self, name: &str) -> anyhow::Result<bool> {
        if self.held.contains_key(name) {
            return Ok(true);
        }
        let file = hold_file(&self.path, name)?;
        Ok(file.is_some_and(|f| self.held.insert(name.to_owned(), f).is_none()))
    }

    fn let_go(&mut self, name: &str) {
        self.held.remove(name);
    }
}
