//! What to do about a handler's panic: one-for-one restart with a limit in a window.

use std::collections::VecDeque;

use super::Millis;

/// What becomes of an actor whose handler panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directive {
    /// Made anew by its factory; mailbox and address stay.
    Restart,
    /// Too many restarts in the window.
    Stop,
}

/// Counts one actor's restarts.
#[derive(Debug, Clone)]
pub struct Supervisor {
    max_restarts: u32,
    window: Millis,
    restarts: VecDeque<Millis>,
}

impl Supervisor {
    /// At most `max_restarts` in any `window` milliseconds.
    pub fn one_for_one(max_restarts: u32, window: Millis) -> Self {
        Self {
            max_restarts,
            window,
            restarts: VecDeque::new(),
        }
    }

    /// A handler panicked.
    pub fn panicked(&mut self, now: Millis) -> Directive {
        while self
            .restarts
            .front()
            .is_some_and(|t| now.saturating_sub(*t) >= self.window)
        {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.max_restarts as usize {
            return Directive::Stop;
        }
        self.restarts.push_back(now);
        Directive::Restart
    }

    /// Restarts in the present window.
    pub fn restarts(&self) -> u32 {
        self.restarts.len() as u32
    }
}
