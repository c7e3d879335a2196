//! The words of the answer: the closed vocabularies that every stage, every rule file and the JSON share.
//!
//! Each word is written in JSON and in rule files exactly as [`Category::as_str`] and its siblings print it.

use serde::{Deserialize, Serialize};

/// Declares a vocabulary: an enum whose variants have one fixed spelling each.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word of the vocabulary, in the order of its definition.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as JSON and rule files spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The variant spelled `word`, or `None`.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

#[allow(unused_imports, reason = "the build script includes this file alone")]
pub(crate) use vocabulary;

vocabulary! {
    /// What sort of message this is.
    ///
    /// ```
    /// use undeliverable::Kind;
    /// assert_eq!(Kind::AutoReply.as_str(), "auto_reply");
    /// assert!(Kind::Bounce.is_failure_notice() && !Kind::Receipt.is_failure_notice());
    /// ```
    Kind {
        /// At least one recipient failed for good, also after retries ran out.
        Bounce = "bounce",
        /// A warning: still being tried, nobody has failed.
        Delay = "delay",
        /// A success report: delivered, relayed or expanded (RFC 3464 section 2.3.3).
        Delivered = "delivered",
        /// Vacation, out of office, ticket acknowledgement, "no longer works here" (RFC 3834).
        AutoReply = "auto_reply",
        /// Asks the sender to prove something before the message is delivered.
        Challenge = "challenge",
        /// A message disposition notification that is no rejection (RFC 8098).
        Receipt = "receipt",
        /// A feedback report of abuse, fraud, virus, opt-out or other (RFC 5965), and JMRP.
        Complaint = "complaint",
        /// DMARC, authentication-failure, TLS and not-spam reports.
        Report = "report",
        /// Everything else: people, lists, newsletters, spam, mail about a bounce.
        Other = "other",
    }
}

impl Kind {
    /// Whether recipients of this message carry verdicts: bounces and delays.
    pub const fn is_failure_notice(self) -> bool {
        matches!(self, Kind::Bounce | Kind::Delay)
    }
}

vocabulary! {
    /// Whose problem a failure is.
    Fault {
        /// The address or its owner.
        Recipient = "recipient",
        /// The recipient's domain.
        Domain = "domain",
        /// The receiving system.
        Receiver = "receiver",
        /// The way between the systems.
        Network = "network",
        /// The sender: reputation, authentication, configuration, speed.
        Sender = "sender",
        /// The message itself.
        Content = "content",
        /// A rule of the receiver that says no more.
        Policy = "policy",
        /// Nothing points anywhere.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// What happened to a recipient. Each category has exactly one [`Fault`].
    ///
    /// ```
    /// use undeliverable::{Category, Fault};
    /// assert_eq!(Category::from_word("mailbox_full"), Some(Category::MailboxFull));
    /// assert_eq!(Category::RelayDenied.fault(), Fault::Domain);
    /// ```
    Category {
        /// The local part names no mailbox there.
        UserUnknown = "user_unknown",
        /// The address is malformed.
        AddressInvalid = "address_invalid",
        /// The mailbox exists but is disabled, suspended, locked or abandoned.
        MailboxDisabled = "mailbox_disabled",
        /// The mailbox is over its quota.
        MailboxFull = "mailbox_full",
        /// The mailbox has moved.
        MailboxMoved = "mailbox_moved",
        /// The mailbox cannot be used now and the reply does not say why.
        MailboxUnavailable = "mailbox_unavailable",
        /// This recipient or list refuses this sender: personal block, members only, internal only.
        RecipientRefused = "recipient_refused",
        /// The sending service did not try: the address is on its own suppression list.
        Suppressed = "suppressed",
        /// The recipient's domain does not exist.
        DomainUnknown = "domain_unknown",
        /// The domain exists but takes no mail (null MX, RFC 7505).
        DomainNotAccepting = "domain_not_accepting",
        /// The host that was asked does not take mail for this domain.
        RelayDenied = "relay_denied",
        /// The receiving system has an error of its own.
        ServerError = "server_error",
        /// The receiving system is out of storage.
        SystemFull = "system_full",
        /// Greylisting: try again in some minutes.
        Greylisted = "greylisted",
        /// Name resolution failed for now.
        DnsFailure = "dns_failure",
        /// No connection, or it broke.
        ConnectionFailed = "connection_failed",
        /// A loop, or no route.
        RoutingError = "routing_error",
        /// TLS is required or could not be established.
        TlsFailed = "tls_failed",
        /// Gave up after retries; the last error is not known.
        Expired = "expired",
        /// Too much in too short a time.
        RateLimited = "rate_limited",
        /// Too many recipients in one message or session.
        TooManyRecipients = "too_many_recipients",
        /// SPF failed (RFC 7208).
        AuthSpf = "auth_spf",
        /// DKIM failed (RFC 6376).
        AuthDkim = "auth_dkim",
        /// DMARC failed (RFC 7489).
        AuthDmarc = "auth_dmarc",
        /// Not authenticated at all, or the text does not say which mechanism.
        AuthMissing = "auth_missing",
        /// Reverse DNS or HELO of the sending host.
        HostIdentity = "host_identity",
        /// Our return-path or its domain is not acceptable.
        SenderInvalid = "sender_invalid",
        /// Our address, domain or account is blocked by name.
        SenderBlocked = "sender_blocked",
        /// Submission needs SMTP AUTH, or it failed (RFC 4954).
        SmtpAuth = "smtp_auth",
        /// A command or its syntax was refused.
        ProtocolError = "protocol_error",
        /// Our IP is on a list, public or the provider's own.
        IpBlocklisted = "ip_blocklisted",
        /// A domain or URL of ours is on a list.
        DomainBlocklisted = "domain_blocklisted",
        /// Our reputation is low and no list is named.
        LowReputation = "low_reputation",
        /// The content was taken for spam.
        SpamContent = "spam_content",
        /// A virus or other malware was found.
        Malware = "malware",
        /// An attachment of this sort is not taken.
        AttachmentRejected = "attachment_rejected",
        /// The message is larger than allowed (RFC 1870).
        MessageTooLarge = "message_too_large",
        /// The message breaks the format: headers, line lengths, encodings.
        MessageMalformed = "message_malformed",
        /// Refused by a policy that is not explained.
        PolicyRejected = "policy_rejected",
        /// Nobody can tell from this reply.
        Unknown = "unknown",
    }
}

impl Category {
    /// Whose problem this is.
    pub const fn fault(self) -> Fault {
        use Category::*;
        match self {
            UserUnknown | AddressInvalid | MailboxDisabled | MailboxFull | MailboxMoved
            | MailboxUnavailable | RecipientRefused | Suppressed => Fault::Recipient,
            DomainUnknown | DomainNotAccepting | RelayDenied => Fault::Domain,
            ServerError | SystemFull | Greylisted => Fault::Receiver,
            DnsFailure | ConnectionFailed | RoutingError | TlsFailed | Expired => Fault::Network,
            RateLimited | TooManyRecipients | AuthSpf | AuthDkim | AuthDmarc | AuthMissing
            | HostIdentity | SenderInvalid | SenderBlocked | SmtpAuth | ProtocolError
            | IpBlocklisted | DomainBlocklisted | LowReputation => Fault::Sender,
            SpamContent | Malware | AttachmentRejected | MessageTooLarge | MessageMalformed => {
                Fault::Content
            }
            PolicyRejected => Fault::Policy,
            Unknown => Fault::Unknown,
        }
    }

    /// The permanence a failure of this category has where neither code nor words give one.
    pub const fn own_permanence(self) -> Permanence {
        if self.kills_address() || matches!(self.fault(), Fault::Content | Fault::Policy) {
            Permanence::Permanent
        } else if matches!(self, Category::Unknown) {
            Permanence::Unknown
        } else {
            Permanence::Temporary
        }
    }

    /// Whether a permanent failure of this category means that the address is dead (type `hard`).
    pub const fn kills_address(self) -> bool {
        use Category::*;
        matches!(
            self,
            UserUnknown
                | AddressInvalid
                | MailboxDisabled
                | MailboxMoved
                | Suppressed
                | DomainUnknown
                | DomainNotAccepting
        )
    }

    /// The word people know, derived from category and permanence by the first row that fits.
    ///
    /// ```
    /// use undeliverable::{BounceType, Category, Permanence};
    /// assert_eq!(Category::UserUnknown.bounce_type(Permanence::Permanent), BounceType::Hard);
    /// assert_eq!(Category::UserUnknown.bounce_type(Permanence::Temporary), BounceType::Soft);
    /// assert_eq!(Category::AuthSpf.bounce_type(Permanence::Permanent), BounceType::Block);
    /// ```
    pub const fn bounce_type(self, permanence: Permanence) -> BounceType {
        use Category::*;
        if !matches!(permanence, Permanence::Permanent) {
            return BounceType::Soft;
        }
        if self.kills_address() {
            return BounceType::Hard;
        }
        match self {
            ProtocolError | SmtpAuth | SenderInvalid | TooManyRecipients | TlsFailed
            | RelayDenied | MessageMalformed => BounceType::Technical,
            RecipientRefused => BounceType::Block,
            _ if matches!(self.fault(), Fault::Sender | Fault::Content | Fault::Policy) => {
                BounceType::Block
            }
            _ => BounceType::Soft,
        }
    }

    /// The advice for the address from this one failure; a delay's is always [`AddressAction::None`].
    pub const fn address_action(self, permanence: Permanence) -> AddressAction {
        use Category::*;
        if !matches!(permanence, Permanence::Permanent) {
            return AddressAction::Retry;
        }
        if matches!(self, DomainUnknown | DomainNotAccepting) {
            return AddressAction::SuppressDomain;
        }
        if self.kills_address() {
            return AddressAction::Suppress;
        }
        if matches!(self.fault(), Fault::Sender | Fault::Content | Fault::Policy)
            || matches!(self, RecipientRefused | RelayDenied)
        {
            return AddressAction::Hold;
        }
        AddressAction::Retry
    }

    /// What the sender can do about failures of this category.
    pub const fn sender_action(self) -> SenderAction {
        use Category::*;
        match self {
            RateLimited | LowReputation | Greylisted => SenderAction::SlowDown,
            TooManyRecipients => SenderAction::SplitRecipients,
            AuthSpf | AuthDkim | AuthDmarc | AuthMissing => SenderAction::FixAuthentication,
            HostIdentity => SenderAction::FixDns,
            SenderInvalid | SmtpAuth | ProtocolError | TlsFailed => SenderAction::FixConfiguration,
            SpamContent | Malware | AttachmentRejected | MessageTooLarge | MessageMalformed => {
                SenderAction::FixContent
            }
            IpBlocklisted | DomainBlocklisted => SenderAction::Delist,
            SenderBlocked | PolicyRejected | RecipientRefused => SenderAction::ContactReceiver,
            MailboxMoved => SenderAction::UpdateAddress,
            _ => SenderAction::None,
        }
    }
}

vocabulary! {
    /// What the receiving side says about *this message*, corrected by what is known of the provider.
    Permanence {
        /// Sending the same message again is useless.
        Permanent = "permanent",
        /// It may work later.
        Temporary = "temporary",
        /// Nothing says.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// The single word people know; always derived by [`Category::bounce_type`].
    BounceType {
        /// The address is dead.
        Hard = "hard",
        /// Something about the way of sending is wrong.
        Technical = "technical",
        /// The sender, the message or the sender's systems are refused.
        Block = "block",
        /// Everything else.
        Soft = "soft",
    }
}

vocabulary! {
    /// Advice about the address from one message; only a policy with history decides.
    AddressAction {
        /// Nothing: a delay, or nothing failed.
        None = "none",
        /// May be mailed again later. Never means "queue this message again".
        Retry = "retry",
        /// Do not mail until somebody has fixed the cause.
        Hold = "hold",
        /// Do not mail this address.
        Suppress = "suppress",
        /// Do not mail this domain.
        SuppressDomain = "suppress_domain",
    }
}

vocabulary! {
    /// What the sender can do.
    SenderAction {
        /// Nothing.
        None = "none",
        /// Send more slowly.
        SlowDown = "slow_down",
        /// Put fewer recipients into one message.
        SplitRecipients = "split_recipients",
        /// Fix SPF, DKIM or DMARC.
        FixAuthentication = "fix_authentication",
        /// Fix PTR, HELO or other DNS records.
        FixDns = "fix_dns",
        /// Fix the sending software's configuration.
        FixConfiguration = "fix_configuration",
        /// Change the message.
        FixContent = "fix_content",
        /// Ask a blocklist for removal after fixing the cause.
        Delist = "delist",
        /// Ask the receiving side.
        ContactReceiver = "contact_receiver",
        /// Use the new address.
        UpdateAddress = "update_address",
    }
}

vocabulary! {
    /// How far the message itself can be trusted. Anybody can send a forged bounce.
    Trust {
        /// A signed token of ours was found and is right.
        Verified = "verified",
        /// It names a message that we know we sent.
        Matched = "matched",
        /// Nothing speaks for it or against it.
        Unverified = "unverified",
        /// It claims something that cannot be.
        Suspicious = "suspicious",
    }
}

vocabulary! {
    /// The `Action` field of RFC 3464 section 2.3.3.
    Action {
        /// Failed for good.
        Failed = "failed",
        /// Still being tried.
        Delayed = "delayed",
        /// Delivered to the mailbox.
        Delivered = "delivered",
        /// Handed to a system that sends no reports.
        Relayed = "relayed",
        /// Handed to the members of a list.
        Expanded = "expanded",
    }
}

vocabulary! {
    /// Where the address of a recipient was found, best source first.
    AddressSource {
        /// `Final-Recipient` of a delivery status.
        FinalRecipient = "final-recipient",
        /// `Original-Recipient` of a delivery status that has no usable Final-Recipient.
        OriginalRecipient = "original-recipient",
        /// The words of the notice.
        Text = "text",
        /// The `X-Failed-Recipients` header (Exim, Gmail and others).
        XFailedRecipients = "x-failed-recipients",
        /// A variable envelope return path decoded from the address the notice was sent to.
        Verp = "verp",
        /// A sender rewriting scheme address decoded from the address the notice was sent to.
        Srs = "srs",
        /// The header of the returned message.
        ReturnedHeaders = "returned-headers",
    }
}

vocabulary! {
    /// What an auto-reply tells about its owner.
    Signal {
        /// Away for some time.
        OutOfOffice = "out_of_office",
        /// No longer works there.
        LeftCompany = "left_company",
        /// Retired.
        Retired = "retired",
        /// Has died.
        Deceased = "deceased",
        /// Has a new address.
        AddressChanged = "address_changed",
        /// Nobody reads this mailbox.
        MailboxUnmonitored = "mailbox_unmonitored",
        /// The mailbox is closed or will be.
        MailboxClosed = "mailbox_closed",
        /// A system received the message and made a ticket of it.
        TicketReceived = "ticket_received",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_round_trip() {
        for c in Category::ALL {
            assert_eq!(Category::from_word(c.as_str()), Some(*c));
            let json = serde_json::to_string(c).unwrap();
            assert_eq!(json, format!("\"{}\"", c.as_str()));
        }
        assert_eq!(Category::ALL.len(), 40);
    }
}
