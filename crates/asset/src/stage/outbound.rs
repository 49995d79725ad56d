//! Attempts to reach something outside. None can succeed: there is no way out. That they were made is what is told.

/// What was attempted since the website was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Connections and datagrams to addresses outside, as the kernel counted them. One `connect` is one.
    pub attempts: u64,
    /// Names that were asked for, in order, each once: `api.wordpress.org`. Asking is an attempt too, and counted in `questions`.
    pub names: Vec<String>,
    /// Questions for names.
    pub questions: u64,
}

impl Outbound {
    /// Whether nothing was attempted.
    pub fn is_quiet(&self) -> bool {
        self.attempts == 0 && self.questions == 0
    }
}
