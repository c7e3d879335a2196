//! What a reply says beside its category, by fixed words that are found in the same pass as the rules' own: which command
//! was refused, what a limit is counted for, whether it asks to come back.

/// What such words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// The refused SMTP command; of several the one with the least rank counts, of these the last.
    Command { rank: usize, name: &'static str },
    /// What a limit is counted for; of several the one with the least rank counts.
    Scope { rank: usize, name: &'static str },
    /// It speaks of another try.
    Again,
    /// The server refused the connection, before any command.
    AtConnect,
}

/// Words before the name of a command.
const LEADS: &[&str] = &["in reply to ", "in response to ", "after ", "command: "];

const COMMANDS: &[(&str, &str)] = &[
    ("end of data", "DATA"),
    ("rcpt to", "RCPT"),
    ("mail from", "MAIL"),
    ("ehlo", "EHLO"),
    ("helo", "HELO"),
    ("data", "DATA"),
    ("starttls", "STARTTLS"),
    ("auth", "AUTH"),
];

const SCOPES: &[(&str, &[&str])] = &[
    (
        "ip",
        &[
            "your ip",
            "this ip",
            "per ip",
            "ip address",
            "your host",
            "from your server",
            "your network",
        ],
    ),
    (
        "session",
        &[
            "this session",
            "per session",
            "this connection",
            "per connection",
            "one connection",
        ],
    ),
    (
        "recipient",
        &[
            "per recipient",
            "this recipient",
            "user you are trying to contact",
            "for this user",
        ],
    ),
    (
        "domain",
        &["your domain", "per domain", "this domain", "sending domain"],
    ),
    (
        "sender",
        &[
            "per sender",
            "this sender",
            "your account",
            "sender address",
        ],
    ),
    ("message", &["per message", "this message"]),
];

const AGAIN: &[&str] = &[
    "again*",
    "retry*",
    "wait*",
    "later*",
    "back in",
    "listed",
    "greylist*",
    "graylist*",
];

/// As Exim and Postfix say it.
const CONNECT: &[&str] = &["after initial connection", "refused to talk to me"];

/// Every pattern and what it says.
pub(crate) fn patterns() -> impl Iterator<Item = (String, Aside)> {
    let commands = LEADS.iter().enumerate().flat_map(|(rank, lead)| {
        COMMANDS
            .iter()
            .map(move |&(words, name)| (format!("{lead}{words}"), Aside::Command { rank, name }))
    });
    let scopes = SCOPES
        .iter()
        .enumerate()
        .flat_map(|(rank, &(name, words))| {
            words
                .iter()
                .map(move |w| ((*w).to_owned(), Aside::Scope { rank, name }))
        });
    let again = AGAIN.iter().map(|w| ((*w).to_owned(), Aside::Again));
    let connect = CONNECT.iter().map(|w| ((*w).to_owned(), Aside::AtConnect));
    commands.chain(scopes).chain(again).chain(connect)
}
