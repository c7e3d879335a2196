//! Tells systemd how the run goes: that it is ready, what it does, that it ends, and that it is alive (sd_notify(3)).
//!
//! Where nobody asked to be told (`NOTIFY_SOCKET` is not set), nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The run works: whatever needs it may start.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// What it does now, for `systemctl status`.
pub(crate) fn status(words: &str) {
    // A line each: what follows a line feed would be another message.
    let words = words.replace('\n', " ");
    tell(&[NotifyState::Status(&words)]);
}

/// It has begun to end.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells the watchdog that the run is alive, for as long as `is_alive` says so. Never ready where the unit has no watchdog.
///
/// It must run on the thread that it vouches for: when that one stands still, nobody is told, and systemd starts it anew.
pub(crate) async fn stay_alive(is_alive: impl AsyncFn() -> bool) {
    let Some(time) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    loop {
        if is_alive().await {
            tell(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(pause(time)).await;
    }
}

/// sd_watchdog_enabled(3) asks for half the time; a third leaves room for one that is late.
fn pause(time: Duration) -> Duration {
    (time / 3).max(Duration::from_millis(10))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("systemd cannot be told: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_time_for_the_watchdog() {
        for (time, expected) in [(90_000, 30_000), (30, 10), (3, 10), (0, 10)] {
            let time = Duration::from_millis(time);
            assert_eq!(pause(time), Duration::from_millis(expected));
        }
    }
}
