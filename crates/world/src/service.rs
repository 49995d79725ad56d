//! The supervisor that started us, where there is one: it is told when work can begin, that we live, and that we stop.
//!
//! A service manager that is told nothing calls a daemon healthy that has hung for a week. These words go to systemd by the
//! socket that it names in `NOTIFY_SOCKET`; without one, nobody is told, and nothing changes.

use sd_notify::NotifyState;

/// Everything is ready: from now on work is begun when it is due.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The loop that decides is alive. Where a watchdog is set and this stays out, the supervisor starts us anew.
pub fn alive(status: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// Nothing new begins any more.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// A supervisor that does not listen is no reason to leave a backup undone.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
