//! The words of the answer, as sentences for people.

use undeliverable::{AddressAction, BounceType, Fault, Kind, Permanence, SenderAction, Signal};

/// What a message of this kind is.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bounce => "A bounce: a message could not be delivered, and the server has given up.",
        Kind::Delay => "A delay warning: the server is still trying, nobody has failed yet.",
        Kind::Delivered => "A success report: the message was delivered or handed on.",
        Kind::AutoReply => {
            "An automatic reply, such as an absence note. Not a bounce: the address works."
        }
        Kind::Challenge => {
            "A challenge: somebody's filter asks the sender to prove something before it delivers the message."
        }
        Kind::Receipt => "A receipt: it says what became of a message that was delivered.",
        Kind::Complaint => {
            "A complaint: a recipient reported a message as unwanted, or asked to be taken off."
        }
        Kind::Report => "A report about authentication or encryption, not about one recipient.",
        Kind::Other => "No bounce: mail of a person, a list or a program.",
        _ => "A message of another kind.",
    }
}

/// Whose problem it is.
pub(crate) fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Recipient => "the recipient's: the address, its mailbox or its owner",
        Fault::Domain => "the recipient's domain",
        Fault::Receiver => "the receiving system; neither you nor the address",
        Fault::Network => "the way between the systems",
        Fault::Sender => {
            "the sender's: reputation, authentication, set-up or speed; the address is not to blame"
        }
        Fault::Content => "the message itself",
        Fault::Policy => "a rule of the receiver that is not explained",
        _ => "unknown",
    }
}

/// The one word, explained.
pub(crate) fn bounce_type(t: BounceType) -> &'static str {
    match t {
        BounceType::Hard => "hard: the address is dead",
        BounceType::Technical => "technical: something about the way of sending is wrong",
        BounceType::Block => "block: the sender or the message is refused, the address is alive",
        BounceType::Soft => "soft: it may work another time",
        _ => "another type",
    }
}

/// Whether the same message could get through later.
pub(crate) fn permanence(p: Permanence) -> &'static str {
    match p {
        Permanence::Permanent => "permanent: the same message will be refused again",
        Permanence::Temporary => "temporary: it may work later",
        _ => "nothing says whether it lasts",
    }
}

/// What to do about the address.
pub(crate) fn address_action(a: AddressAction) -> &'static str {
    match a {
        AddressAction::None => "Nothing.",
        AddressAction::Retry => "Keep it. It may be mailed again later.",
        AddressAction::Hold => {
            "Hold it: do not mail it until the cause is fixed, and do not delete it."
        }
        AddressAction::Suppress => "Suppress it: do not mail it again.",
        AddressAction::SuppressDomain => "Suppress the whole domain: nobody there can get mail.",
        _ => "See below.",
    }
}

/// What the sender can do, in a few words.
pub(crate) fn sender_action(a: SenderAction) -> &'static str {
    match a {
        SenderAction::None => "nothing",
        SenderAction::SlowDown => "send more slowly",
        SenderAction::SplitRecipients => "put fewer recipients into one message",
        SenderAction::FixAuthentication => "fix SPF, DKIM or DMARC",
        SenderAction::FixDns => "fix DNS: reverse name, HELO name or domain",
        SenderAction::FixConfiguration => "fix the set-up of the sending software",
        SenderAction::FixContent => "change the message",
        SenderAction::Delist => "ask the blocklist for removal, after the cause is fixed",
        SenderAction::ContactReceiver => "ask the receiving side",
        SenderAction::UpdateAddress => "use the new address, once its owner confirms it",
        _ => "see below",
    }
}

/// A confidence in words.
pub(crate) fn sure(confidence: f64) -> &'static str {
    match confidence {
        c if c >= 0.9 => "very sure",
        c if c >= 0.75 => "sure",
        c if c >= 0.5 => "fairly sure",
        c if c >= 0.3 => "not sure",
        _ => "little more than a guess",
    }
}

/// What an auto-reply tells.
pub(crate) fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::OutOfOffice => "The owner is away for some time.",
        Signal::LeftCompany => {
            "The owner no longer works there: look for a successor before mailing again."
        }
        Signal::Retired => "The owner has retired.",
        Signal::Deceased => "The owner has died: take the address off with care.",
        Signal::AddressChanged => "The owner has a new address.",
        Signal::MailboxUnmonitored => "Nobody reads this mailbox.",
        Signal::MailboxClosed => "The mailbox is closed or will be.",
        Signal::TicketReceived => "A system took the message and made a ticket of it.",
        _ => "Something else.",
    }
}

/// Seconds in words: "5 minutes", "2 hours".
pub(crate) fn seconds(s: u64) -> String {
    let of = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match s {
        s if s >= 86_400 && s % 86_400 == 0 => of(s / 86_400, "day"),
        s if s >= 3600 && s % 3600 == 0 => of(s / 3600, "hour"),
        s if s >= 60 && s % 60 == 0 => of(s / 60, "minute"),
        s => of(s, "second"),
    }
}
