//! The tasks of one run: a stack that all workers share.
//!
//! Last in, first out: the run goes depth first, so the number of open directories is bounded by depth and not by
//! breadth, and chunks of a big file, pushed last, are taken before anything new is opened.

use parking_lot::{Condvar, Mutex};

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    stack: Vec<T>,
    /// Tasks on the stack or being worked on. At 0 nothing can be pushed any more.
    outstanding: usize,
    is_stopped: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue {
            state: Mutex::new(State { stack: Vec::new(), outstanding: 0, is_stopped: false }),
            changed: Condvar::new(),
        }
    }

    /// Adds tasks; the last one is taken first.
    pub(crate) fn push(&self, tasks: impl IntoIterator<Item = T>) {
        let mut state = self.state.lock();
        let before = state.stack.len();
        state.stack.extend(tasks);
        let added = state.stack.len() - before;
        state.outstanding += added;
        if added > 1 {
            self.changed.notify_all();
        } else {
            self.changed.notify_one();
        }
    }

    /// The next task; `None` when all work is done or was stopped. Each task taken must be followed by [`Queue::done`].
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state.lock();
        loop {
            if state.is_stopped || state.outstanding == 0 {
                return None;
            }
            if let Some(task) = state.stack.pop() {
                return Some(task);
            }
            self.changed.wait(&mut state);
        }
    }

    /// Notes that a task which was taken is finished, after it pushed what follows from it.
    pub(crate) fn done(&self) {
        let mut state = self.state.lock();
        state.outstanding -= 1;
        if state.outstanding == 0 {
            self.changed.notify_all();
        }
    }

    /// Makes every worker stop after its current task.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        state.is_stopped = true;
        state.stack.clear();
        self.changed.notify_all();
    }
}
