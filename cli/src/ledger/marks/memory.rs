//! Marks that are gone with the process.

use super::super::memory::Memory;
use super::{Mark, MarkState, Marks, Place};

impl Marks for Memory {
    fn marks(&mut self, place: &Place) -> anyhow::Result<Vec<Mark>> {
        let here = self.data.marks.iter().filter(|(p, _)| p == place);
        Ok(here.map(|(_, m)| m.clone()).collect())
    }

    fn put_marks(&mut self, place: &Place, marks: &[Mark]) -> anyhow::Result<()> {
        let uids: Vec<String> = marks.iter().map(|m| m.uid.clone()).collect();
        self.drop_marks(place, &uids)?;
        self.data
            .marks
            .extend(marks.iter().map(|m| (place.clone(), m.clone())));
        Ok(())
    }

    fn drop_marks(&mut self, place: &Place, uids: &[String]) -> anyhow::Result<()> {
        self.data
            .marks
            .retain(|(p, m)| p != place || !uids.contains(&m.uid));
        Ok(())
    }

    fn tidy_marks(&mut self, place: &Place, before: i64) -> anyhow::Result<()> {
        self.data.marks.retain(|(p, m)| {
            let here = (&p.account, &p.folder) == (&place.account, &place.folder);
            let failed = m.state == MarkState::Failed;
            !here
                || if failed {
                    m.at >= before
                } else {
                    p.era == place.era
                }
        });
        Ok(())
    }

    fn failures(&mut self, account: &str, limit: u32) -> anyhow::Result<Vec<(String, Mark)>> {
        let mut all: Vec<(String, Mark)> = self
            .data
            .marks
            .iter()
            .filter(|(p, m)| p.account == account && m.state == MarkState::Failed)
            .map(|(p, m)| (p.folder.clone(), m.clone()))
            .collect();
        all.sort_by(|a, b| (b.1.at, &a.0, &a.1.uid).cmp(&(a.1.at, &b.0, &b.1.uid)));
        all.truncate(limit as usize);
        Ok(all)
    }

    fn try_hold(&mut self, _: &str) -> anyhow::Result<bool> {
        Ok(true)
    }

    fn let_go(&mut self, _: &str) {}
}
