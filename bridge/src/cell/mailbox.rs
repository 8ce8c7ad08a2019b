//! What waits for an actor: messages, and runs of them.

use std::collections::VecDeque;

use crate::message::Message;
use crate::run::Run;

/// One entry of a mailbox.
#[allow(clippy::large_enum_variant)] // A box would cost an allocation for each message.
pub(crate) enum Mail {
    One(Message),
    Run(Box<Run>),
}

/// Messages in order. The pool bounds them.
#[derive(Default)]
pub(crate) struct Mailbox(VecDeque<Mail>);

impl Mailbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the memory of an empty one back.
    pub(crate) fn shrink(&mut self) {
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
    }

    pub(crate) fn push(&mut self, message: Message) {
        self.begin();
        self.0.push_back(Mail::One(message));
    }

    pub(crate) fn push_run(&mut self, run: Box<Run>) {
        self.begin();
        self.0.push_back(Mail::Run(run));
    }

    /// The first entry has no more memory than it needs: most mailboxes never have two, and there are many of them.
    fn begin(&mut self) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(1);
        }
    }

    /// Puts back what is left of a run that was taken.
    pub(crate) fn put_back(&mut self, run: Box<Run>) {
        self.0.push_front(Mail::Run(run));
    }

    pub(crate) fn pop(&mut self) -> Option<Mail> {
        self.0.pop_front()
    }

    /// The messages one by one, as they are from now on: what is pushed later may be runs again.
    pub(crate) fn singles(&mut self) -> impl ExactSizeIterator<Item = &Message> {
        if self.0.iter().any(|mail| matches!(mail, Mail::Run(_))) {
            let all = std::mem::take(self).into_messages();
            self.0 = all.into_iter().map(Mail::One).collect();
        }
        self.0.iter().map(|mail| match mail {
            Mail::One(message) => message,
            Mail::Run(_) => unreachable!("they were taken apart above"),
        })
    }

    pub(crate) fn into_messages(self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(self.0.len());
        for mail in self.0 {
            match mail {
                Mail::One(message) => messages.push(message),
                Mail::Run(run) => messages.extend(*run),
            }
        }
        messages
    }

    /// Takes out the first message that is picked, of those that are not in a run, unless it is one of the first `kept`.
    pub(crate) fn take(&mut self, kept: usize, is_it: impl Fn(&Message) -> bool) -> Option<Message> {
        let at = self
            .0
            .iter()
            .position(|mail| matches!(mail, Mail::One(message) if is_it(message)))?;
        if at < kept {
            return None;
        }
        match self.0.remove(at)? {
            Mail::One(message) => Some(message),
            Mail::Run(_) => unreachable!("it is a message"),
        }
    }
}
