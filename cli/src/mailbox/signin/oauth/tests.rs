//! The endpoint of the tests hands out tokens, lets them end, rotates and refuses them, and misbehaves.

use std::fs;
use std::path::PathBuf;

use super::*;
use support::{CLIENT, CLIENT_SECRET, FIRST_REFRESH, Mood, TokenServer};

#[path = "../../../../tests/support/token_server.rs"]
pub(super) mod support;

/// An endpoint and the files of a client.
struct Set {
    server: TokenServer,
    folder: tempfile::TempDir,
}

impl Set {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), CLIENT_SECRET).unwrap();
        fs::write(folder.path().join("refresh"), FIRST_REFRESH).unwrap();
        Set {
            server: TokenServer::start(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stored(&self) -> String {
        fs::read_to_string(self.path("refresh"))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn config(&self) -> OauthConfig {
        OauthConfig {
            client_id: CLIENT.to_owned(),
            token_endpoint: Some(self.server.url("token")),
            ..OauthConfig::default()
        }
    }

    fn by_client(&self) -> Tokens {
        let config = OauthConfig {
            client_secret_file: Some(self.path("secret")),
            scope: Some("https://mail.example.com/.default".to_owned()),
            ..self.config()
        };
        self.open(&config)
    }

    fn by_refresh_token(&self) -> Tokens {
        let config = OauthConfig {
            refresh_token_file: Some(self.path("refresh")),
            ..self.config()
        };
        self.open(&config)
    }

    fn open(&self, config: &OauthConfig) -> Tokens {
        config
            .open_with(
                "bounces@example.com",
                Endpoint::with_time(Duration::from_millis(700)),
            )
            .unwrap()
    }

    fn asked(&self) -> usize {
        self.server.state().forms.len()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_signs_in_by_itself() {
    let set = Set::new();
    let token = set.by_client().access().unwrap();
    assert_eq!(token.expose().split('.').count(), 3, "a JWT");
    let state = set.server.state();
    let mut form: Vec<(&str, &str)> = state.forms[0]
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    form.sort_unstable();
    assert_eq!(
        form,
        [
            ("client_id", CLIENT),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "client_credentials"),
            ("scope", "https://mail.example.com/.default"),
        ]
    );
}

#[test]
fn tokens_are_renewed_before_they_end() {
    for (lifetime, still_good, renewed) in [
        (Some(3600), 3539, 3541),
        (Some(86_400), 86_339, 86_341),
        (Some(100), 89, 91),
        (Some(10), 8, 10),
        (Some(0), -1, 0),
        (None, 269, 271),
        (Some(u64::MAX), 86_339, 86_341),
    ] {
        let set = Set::new();
        set.server.state().lifetime = lifetime.map(|l| l.min(i64::MAX as u64 / 2));
        let tokens = set.by_client();
        let now = Instant::now();
        tokens.access_at(now).unwrap();
        if let Ok(still_good) = u32::try_from(still_good) {
            tokens.access_at(now + still_good * SECOND).unwrap();
            assert_eq!(set.asked(), 1, "{lifetime:?}: kept");
        }
        tokens.access_at(now + renewed * SECOND).unwrap();
        assert_eq!(set.asked(), 2, "{lifetime:?}: renewed");
    }
}

#[test]
fn a_token_that_the_mail_server_refuses_is_forgotten() {
    let set = Set::new();
    let tokens = set.by_client();
    tokens.access().unwrap();
    tokens.access().unwrap();
    assert_eq!(set.asked(), 1);
    tokens.forget();
    tokens.access().unwrap();
    assert_eq!(set.asked(), 2);
}

#[test]
fn many_sessions_ask_once() {
    let set = Set::new();
    let tokens = set.by_client();
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| tokens.access().unwrap());
        }
    });
    assert_eq!(set.asked(), 1);
}

#[test]
fn a_refresh_token_that_stays() {
    let set = Set::new();
    let tokens = set.by_refresh_token();
    for _ in 0..3 {
        tokens.access().unwrap();
        tokens.forget();
    }
    assert_eq!(set.stored(), FIRST_REFRESH);
    assert!(!set.server.state().forms[0].contains_key("client_secret"));
}

#[test]
fn a_refresh_token_that_changes_is_stored() {
    let set = Set::new();
    set.server.state().rotates = true;
    let tokens = set.by_refresh_token();
    for _ in 0..3 {
        tokens.access().unwrap();
        assert_eq!(set.stored(), set.server.state().refresh);
        tokens.forget();
    }
    assert_ne!(set.stored(), FIRST_REFRESH);
    // Another process, or the next start, goes on where this one was.
    set.by_refresh_token().access().unwrap();
}

#[test]
fn two_processes_share_a_refresh_token_that_changes() {
    let set = Set::new();
    set.server.state().rotates = true;
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let tokens = set.by_refresh_token();
                for _ in 0..5 {
                    tokens.access().unwrap();
                    tokens.forget();
                }
            });
        }
    });
    assert_eq!(set.asked(), 20);
    assert_eq!(set.stored(), set.server.state().refresh);
}

#[cfg(target_os = "linux")]
#[test]
fn a_refresh_token_that_cannot_be_stored_is_not_lost() {
    let set = Set::new();
    // A file that can be read, in a folder where nobody can make one, root neither.
    let path = PathBuf::from("/proc/self/comm");
    let first = fs::read_to_string(&path).unwrap();
    {
        let mut state = set.server.state();
        state.rotates = true;
        state.refresh = first.trim_end().to_owned();
    }
    let config = OauthConfig {
        refresh_token_file: Some(path),
        ..set.config()
    };
    let tokens = set.open(&config);
    for _ in 0..3 {
        tokens.access().unwrap();
        tokens.forget();
    }
    let error = set.open(&config).access().unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("invalid_grant"),
        "the first one is void: {error}"
    );
}

#[test]
fn who_signs_in_again_is_not_overruled() {
    let set = Set::new();
    let tokens = set.by_refresh_token();
    tokens.cache().unstored = Some((Secret::new("newer"), Secret::new(FIRST_REFRESH)));
    set.server.state().refresh = "newer".to_owned();
    tokens.access().unwrap();
    assert_eq!(
        set.stored(),
        "newer",
        "what could not be stored is, as soon as it can"
    );

    tokens.forget();
    tokens.cache().unstored = Some((Secret::new("newer still"), Secret::new("newer")));
    set.server.state().refresh = "by hand".to_owned();
    fs::write(set.path("refresh"), "by hand\n").unwrap();
    tokens.access().unwrap();
    assert_eq!(set.stored(), "by hand");
}

#[test]
fn an_endpoint_that_misbehaves() {
    for (mood, expected, passes) in [
        (
            Mood::Refuse("invalid_client", ""),
            "client secret is wrong, or",
            false,
        ),
        (
            Mood::Refuse("invalid_grant", "revoked"),
            "invalid_grant",
            false,
        ),
        (
            Mood::Refuse("temporarily_unavailable", ""),
            "cannot now",
            true,
        ),
        (
            Mood::Say(200, "not JSON"),
            "something else than a token",
            false,
        ),
        (Mood::Say(200, "{}"), "something else than a token", false),
        (
            Mood::Say(200, r#"{"access_token":"x","token_type":"mac"}"#),
            "expected bearer",
            false,
        ),
        (Mood::Say(302, ""), "points elsewhere", false),
        (Mood::Say(404, "<html>"), "is the address right?", false),
        (Mood::Say(429, ""), "too many requests", true),
        (Mood::Say(500, "<html>"), "trouble of its own", true),
        (
            Mood::Say(503, r#"{"error":"server_error"}"#),
            "cannot now",
            true,
        ),
        (Mood::Hang, "no answer in time", true),
        (Mood::Cut, "unexpected end of file", true),
        (Mood::Endless, "longer than 262144 bytes", false),
        (Mood::Gibberish, "does not speak HTTP", false),
    ] {
        let set = Set::new();
        set.server.state().mood = mood;
        for tokens in [set.by_client(), set.by_refresh_token()] {
            let started = Instant::now();
            let error = tokens.access().unwrap_err();
            let text = format!("{error:#}");
            assert!(
                text.contains("token endpoint 127.0.0.1"),
                "{mood:?}: {text}"
            );
            assert!(text.contains(expected), "{mood:?}: {text}");
            assert_eq!(super::super::may_pass(&error), passes, "{mood:?}");
            assert!(started.elapsed() < Duration::from_secs(5), "{mood:?}");
            // It gets well again, and so do we.
            set.server.state().mood = Mood::Well;
            tokens.access().unwrap();
            set.server.state().mood = mood;
        }
        assert_eq!(set.stored(), FIRST_REFRESH, "{mood:?}");
    }
}

#[test]
fn an_endpoint_that_quotes_secrets() {
    for secret in [CLIENT_SECRET, FIRST_REFRESH] {
        let set = Set::new();
        set.server.state().mood = Mood::Refuse("invalid_grant", secret);
        let config = OauthConfig {
            client_secret_file: Some(set.path("secret")),
            refresh_token_file: Some(set.path("refresh")),
            ..set.config()
        };
        let error = format!("{:#}", set.open(&config).access().unwrap_err());
        assert!(error.ends_with("(it says: ***)"), "{error}");
    }
}

#[test]
fn an_endpoint_that_is_not_there() {
    let set = Set::new();
    let config = OauthConfig {
        token_endpoint: Some("http://127.0.0.1:1/token".to_owned()),
        client_secret_file: Some(set.path("secret")),
        ..set.config()
    };
    let error = format!("{:#}", set.open(&config).access().unwrap_err());
    assert!(error.contains("connection refused"), "{error}");
}

#[test]
fn a_service_account_stands_in_for_a_person() {
    let set = Set::new();
    let Some(path) = assertion::tests::key_file(set.folder.path(), &set.server.url("token")) else {
        return;
    };
    let config = OauthConfig {
        provider: Some(config::Provider::Google),
        service_account_file: Some(path),
        ..OauthConfig::default()
    };
    let tokens = set.open(&config);
    tokens.access().unwrap();
    tokens.access().unwrap();
    assert_eq!(set.asked(), 1, "kept like any other");
    {
        let state = set.server.state();
        let form = &state.forms[0];
        assert_eq!(
            form["grant_type"],
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        );
        assert_eq!(form["assertion"].split('.').count(), 3);
        assert_eq!(form.len(), 2, "{form:?}");
    }
    tokens.forget();
    set.server.state().mood = Mood::Refuse("unauthorized_client", "not for these scopes");
    let error = format!("{:#}", tokens.access().unwrap_err());
    assert!(
        error.contains("token endpoint 127.0.0.1") && error.contains("not for these scopes"),
        "{error}"
    );
}

#[test]
fn settings_that_do_not_go_together() {
    let secret = |c: OauthConfig| OauthConfig {
        client_secret_env: Some("X".to_owned()),
        ..c
    };
    let of = |provider| OauthConfig {
        client_id: CLIENT.to_owned(),
        provider: Some(provider),
        ..OauthConfig::default()
    };
    use config::Provider::{Google, Microsoft};
    for (config, expected) in [
        (OauthConfig::default(), "client_id is expected"),
        (
            OauthConfig {
                client_id: CLIENT.to_owned(),
                ..OauthConfig::default()
            },
            "or a token_endpoint is expected",
        ),
        (
            of(Microsoft),
            "a refresh_token_file, or one of client_secret_file",
        ),
        (secret(of(Microsoft)), "the tenant is expected"),
        (
            secret(of(Google)),
            "Google gives no mailbox to a client alone",
        ),
        (
            OauthConfig {
                service_account_file: Some("x".into()),
                ..of(Google)
            },
            "stands alone",
        ),
        (
            OauthConfig {
                service_account_file: Some("x".into()),
                ..OauthConfig::default()
            },
            "or a scope is expected",
        ),
        (
            OauthConfig {
                tenant: Some("../evil".to_owned()),
                ..secret(of(Microsoft))
            },
            "is no tenant",
        ),
        (
            OauthConfig {
                client_secret_file: Some("x".into()),
                ..secret(of(Google))
            },
            "not several",
        ),
        (
            OauthConfig {
                token_endpoint: Some("http://login.example.com/token".to_owned()),
                ..secret(of(Google))
            },
            "clear text",
        ),
    ] {
        let error = format!("{:#}", config.open("bounces@example.com").unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_known_of_providers() {
    use config::Provider::{Google, Microsoft};
    let config = |provider, tenant: Option<&str>, refresh: bool| OauthConfig {
        provider: Some(provider),
        tenant: tenant.map(str::to_owned),
        client_id: CLIENT.to_owned(),
        client_secret_env: Some("X".to_owned()),
        refresh_token_file: refresh.then(|| "x".into()),
        ..OauthConfig::default()
    };
    for (config, url, scope) in [
        (
            config(Microsoft, Some("example.onmicrosoft.com"), false),
            "https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token",
            "https://outlook.office365.com/.default",
        ),
        (
            config(Microsoft, None, true),
            "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
            "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        ),
        (
            config(Google, None, true),
            "https://oauth2.googleapis.com/token",
            "https://mail.google.com/",
        ),
    ] {
        let tokens = config.open("bounces@example.com").unwrap();
        assert_eq!(
            (tokens.token_url.as_str(), tokens.scope.as_str()),
            (url, scope)
        );
    }
}
