//! What becomes of a message once what it says is stored.

use undeliverable::Kind;

/// What is done with one message in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing: it stays where it is, as unread as it was.
    Keep,
    /// It stays and is marked as read.
    Seen,
    /// It goes.
    Delete,
    /// It goes to a folder.
    Move(String),
}

/// What becomes of messages, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    fates: Vec<(Kind, Fate)>,
    /// The folder for messages that could not be processed.
    pub could_not_process: String,
}

impl Fate {
    /// Reads `keep`, `seen`, `delete` or the name of a folder.
    pub fn from_word(word: &str) -> Self {
        match word {
            "keep" => Fate::Keep,
            "seen" => Fate::Seen,
            "delete" => Fate::Delete,
            folder => Fate::Move(folder.to_owned()),
        }
    }

    /// In words, for people.
    pub fn words(&self) -> String {
        match self {
            Fate::Keep => "keep".to_owned(),
            Fate::Seen => "mark as read".to_owned(),
            Fate::Delete => "delete".to_owned(),
            Fate::Move(folder) => format!("move to {folder}"),
        }
    }
}

impl Default for Plan {
    /// Reports go to folders; what people write stays as it is.
    fn default() -> Self {
        let fate = |kind: Kind| match kind {
            Kind::Bounce | Kind::Delay | Kind::Delivered => Fate::Move("Bounces".to_owned()),
            Kind::AutoReply | Kind::Challenge | Kind::Receipt => {
                Fate::Move("AutoReplies".to_owned())
            }
            Kind::Complaint | Kind::Report => Fate::Move("Complaints".to_owned()),
            _ => Fate::Keep,
        };
        Plan {
            fates: Kind::ALL.iter().map(|k| (*k, fate(*k))).collect(),
            could_not_process: "CouldNotProcess".to_owned(),
        }
    }
}

impl Plan {
    /// Says what becomes of one kind.
    pub fn set(&mut self, kind: Kind, fate: Fate) {
        self.fates.retain(|(k, _)| *k != kind);
        self.fates.push((kind, fate));
    }

    /// What becomes of a message of this kind.
    pub fn fate(&self, kind: Kind) -> Fate {
        self.fates
            .iter()
            .find(|(k, _)| *k == kind)
            .map_or(Fate::Keep, |(_, f)| f.clone())
    }

    /// Every folder that a message may go to, each once.
    pub fn targets(&self) -> Vec<&str> {
        let mut all: Vec<&str> = vec![&self.could_not_process];
        for (_, fate) in &self.fates {
            if let Fate::Move(folder) = fate
                && !all.contains(&folder.as_str())
            {
                all.push(folder);
            }
        }
        all
    }

    /// Whether some kind of message is deleted.
    pub fn deletes(&self) -> bool {
        self.fates.iter().any(|(_, f)| *f == Fate::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_left_alone_unless_somebody_says_otherwise() {
        let mut plan = Plan::default();
        assert_eq!(plan.fate(Kind::Other), Fate::Keep);
        assert_eq!(plan.fate(Kind::Bounce), Fate::Move("Bounces".to_owned()));
        assert_eq!(
            plan.targets(),
            ["CouldNotProcess", "Bounces", "AutoReplies", "Complaints"]
        );
        plan.set(Kind::Bounce, Fate::from_word("delete"));
        assert!(plan.deletes());
        assert_eq!(plan.fate(Kind::Bounce), Fate::Delete);
    }

    #[test]
    fn words() {
        for (word, fate) in [
            ("keep", Fate::Keep),
            ("seen", Fate::Seen),
            ("delete", Fate::Delete),
            ("Keep", Fate::Move("Keep".to_owned())),
            ("INBOX/Done", Fate::Move("INBOX/Done".to_owned())),
        ] {
            assert_eq!(Fate::from_word(word), fate);
        }
    }
}
