//! What mail systems call themselves in `From`: the head of `rules/headers.toml`.

use super::Knowledge;
use super::file::At;
use super::glob::GlobSet;

/// Fewest bytes of a name: shorter ones stand in the names of people.
const SHORTEST: usize = 5;

/// Names and mailboxes of mail systems, ready to be looked for.
#[derive(Debug, Default)]
pub(crate) struct MailSystems {
    /// Words of which one stands in the field.
    names: GlobSet,
    /// What the local part of the address begins with.
    mailboxes: Vec<String>,
}

/// `Err` is the line of an entry that cannot be used, and what was expected.
pub(crate) fn check(names: &[At<String>], mailboxes: &[At<String>]) -> Result<(), (usize, String)> {
    let fits = |at: &&At<String>| at.entry.len() >= SHORTEST && !at.entry.contains('*');
    match names.iter().chain(mailboxes).find(|at| !fits(at)) {
        Some(at) => {
            let why = format!(
                "mail system {:?}: at least {SHORTEST} bytes, and no `*`",
                at.entry
            );
            Err((at.line, why))
        }
        None => Ok(()),
    }
}

impl MailSystems {
    pub fn new(names: &[String], mailboxes: Vec<String>) -> Self {
        let mut set = GlobSet::default();
        for (i, name) in names.iter().enumerate() {
            set.add(&format!("*{name}*"), i);
        }
        set.ready();
        MailSystems {
            names: set,
            mailboxes,
        }
    }
}

impl Knowledge {
    /// Whether a `From` field names a mail system.
    pub(crate) fn is_mail_system_name(&self, from: &str) -> bool {
        let mut is_one = false;
        let mut room = String::with_capacity(from.len());
        self.mail_systems
            .names
            .find(from, &mut room, |_| is_one = true);
        is_one
    }

    /// Whether an address is that of a mail system.
    pub(crate) fn is_mail_system_address(&self, address: &str) -> bool {
        let local = address.split('@').next().unwrap_or_default();
        self.mail_systems.mailboxes.iter().any(|mailbox| {
            local
                .get(..mailbox.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(mailbox))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Engine;

    #[test]
    fn mail_systems_are_known_by_name_and_by_mailbox() {
        let engine = Engine::new();
        let knowledge = engine.knowledge();
        for (from, named) in [
            ("Mail Delivery SubSystem <x@example.com>", true),
            ("MAILER-DAEMON@example.com", true),
            ("Anna Post <anna@example.com>", false),
        ] {
            assert_eq!(knowledge.is_mail_system_name(from), named, "{from}");
        }
        for (address, is_one) in [
            ("Postmaster@example.com", true),
            ("mailer-daemon-2@example.com", true),
            ("post@example.com", false),
            ("anna@postmaster.example.com", false),
        ] {
            assert_eq!(
                knowledge.is_mail_system_address(address),
                is_one,
                "{address}"
            );
        }
    }

    #[test]
    fn own_files_add_to_them_and_are_checked() {
        let build = |text: &str| Engine::builder().rules("own.toml", text).build();
        let own = build(
            "mail_system_names = [\"der postbote\"]\nmail_system_mailboxes = [\"postbote\"]\n",
        )
        .unwrap();
        let knowledge = own.knowledge();
        assert!(knowledge.is_mail_system_name("Der Postbote <x@example.com>"));
        assert!(knowledge.is_mail_system_address("postbote@example.com"));
        assert!(knowledge.is_mail_system_address("postmaster@example.com"));
        let error = build("mail_system_names = [\n    \"mta\",\n]\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("own.toml:2") && error.contains("5 bytes"),
            "{error}"
        );
    }
}
