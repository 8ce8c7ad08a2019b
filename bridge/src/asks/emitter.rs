//! Events of an ask, where its actor is: they are sent as far as the asker has said that it has room.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use actorbridge_proto::v1::{Code, EventCredit};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::error::Fault;
use crate::message::{Message, Outgoing};
use crate::node::{Inner, lock};

/// Most events of one ask that are on their way or wait at the asker.
pub(crate) const WINDOW: usize = 32;
/// Most bytes of an event with its type: as many as there may be wait at an asker.
pub(crate) const MAX_EVENT: usize = 64 << 10;
/// Most asks of one node that are answered by events at once.
const MAX_EMITTERS: usize = 65_536;

/// Whose events: the link by which they go (0 = the asker is of this node), and the ask's correlation there.
pub(crate) type EmitterKey = (u64, u64);

/// What is known of an asker that is sent events.
pub(crate) struct Emitter {
    node: Weak<Inner>,
    key: EmitterKey,
    room: Semaphore,
    /// How many events were allowed in all.
    allowed: Mutex<u64>,
    /// The asker waits for the reply alone.
    unread: AtomicBool,
    answered: AtomicBool,
    over: CancellationToken,
}

impl Emitter {
    /// Trips when the asker waits no longer.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// The ask has its answer.
    pub(crate) fn answered(&self) {
        self.answered.store(true, Ordering::Release);
        self.end();
    }

    /// Does the asker wait for what nobody will send?
    pub(crate) fn is_owed(&self) -> bool {
        !self.answered.load(Ordering::Acquire) && !self.over.is_cancelled()
    }

    fn end(&self) {
        self.room.close();
        self.over.cancel();
    }

    fn credit(&self, credit: &EventCredit) {
        if credit.over {
            return self.end();
        }
        if credit.unread {
            self.unread.store(true, Ordering::Release);
            self.room.add_permits(1); // whoever waits for room looks again
            return;
        }
        let mut allowed = lock(&self.allowed);
        // More than a window at once is nothing that an asker has room for.
        let more = credit.upto.saturating_sub(*allowed).min(WINDOW as u64);
        *allowed += more;
        self.room.add_permits(more as usize);
    }

    /// Sends one event; waits for room.
    ///
    /// # Errors
    /// CANCELLED: the asker waits no longer, or its link is lost. TOO_LARGE, MAILBOX_FULL, and UNSUPPORTED_VERSION: this event was
    /// not sent, the next one may be.
    pub(crate) async fn emit(&self, out: Outgoing) -> Result<(), Fault> {
        let size = out.what.bytes.len() + out.body.len();
        if size > MAX_EVENT {
            let detail = format!("an event of {size} bytes with its type is over 64 KiB");
            return Err(Fault::new(Code::TooLarge, detail));
        }
        let gone = || Fault::new(Code::Cancelled, "its asker waits for no events any more");
        if self.unread.load(Ordering::Acquire) {
            return Ok(());
        }
        let room = self.room.acquire().await.map_err(|_| gone())?;
        let node = self.node.upgrade().ok_or_else(gone)?;
        if self.unread.load(Ordering::Acquire) {
            return Ok(());
        }
        let (link, _) = self.key;
        if link == 0 {
            let message = Message::read(Arc::default(), out.what, out.body).map_err(Fault::from)?;
            node.event_came(0, message);
        } else {
            let link = node.link(link).ok_or_else(gone)?;
            if !link.send_off_stream(&out)? {
                return Err(match link.is_up() {
                    true => Fault::new(Code::MailboxFull, "too many answers wait for the link to its asker"),
                    false => gone(),
                });
            }
        }
        room.forget();
        Ok(())
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        if let Some(node) = self.node.upgrade() {
            let mut emitters = lock(&node.emitters);
            // Somebody may have made another one meanwhile.
            if emitters
                .get(&self.key)
                .is_some_and(|emitter| emitter.strong_count() == 0)
            {
                emitters.remove(&self.key);
            }
        }
    }
}

impl Inner {
    /// The one of an ask that is being answered, made when it is needed first.
    ///
    /// # Errors
    /// CANCELLED: no link to its asker is up. MAILBOX_FULL: too many asks are answered by events.
    pub(crate) fn emitter(
        self: &Arc<Self>,
        of: &OnceLock<Arc<Emitter>>,
        reply_to: &str,
        correlation: u64,
    ) -> Result<Arc<Emitter>, Fault> {
        if let Some(emitter) = of.get() {
            return Ok(emitter.clone());
        }
        let address = reply_to.parse::<Address>()?;
        let elsewhere = address.node().filter(|node| *node != self.name);
        let gone = || Fault::new(Code::Cancelled, "no link to its asker is up, and events pass no relay");
        let link = match elsewhere {
            Some(node) => Some(self.link_to(node).ok_or_else(gone)?),
            None => None,
        };
        let key = (link.as_ref().map_or(0, |link| link.id()), correlation);
        let emitter = {
            let mut emitters = lock(&self.emitters);
            match emitters.get(&key).and_then(Weak::upgrade) {
                // The handler and whoever it gave the duty to.
                Some(emitter) => emitter,
                None if emitters.len() >= MAX_EMITTERS => {
                    let detail = format!("this node answers {MAX_EMITTERS} asks by events already");
                    return Err(Fault::new(Code::MailboxFull, detail));
                }
                None => {
                    let emitter = Arc::new(Emitter::new(self, key));
                    emitters.insert(key, Arc::downgrade(&emitter));
                    emitter
                }
            }
        };
        // It may have ended before this one was there to be told.
        if link.is_some_and(|link| link.over.get().is_some()) {
            emitter.end();
        }
        Ok(of.get_or_init(|| emitter).clone())
    }

    /// What an asker says by a link; 0 = one of this node.
    pub(crate) fn event_credit(&self, link: u64, credit: &EventCredit) {
        let emitter = lock(&self.emitters)
            .get(&(link, credit.correlation))
            .and_then(Weak::upgrade);
        if let Some(emitter) = emitter {
            emitter.credit(credit);
        }
    }

    /// A link is over, and with it each ask that came by it.
    pub(crate) fn emitters_lost(&self, link: u64) {
        let lost: Vec<_> = lock(&self.emitters)
            .iter()
            .filter(|((by, _), _)| *by == link)
            .filter_map(|(_, emitter)| emitter.upgrade())
            .collect();
        lost.iter().for_each(|emitter| emitter.end());
    }
}

impl Emitter {
    fn new(node: &Arc<Inner>, key: EmitterKey) -> Self {
        Self {
            node: Arc::downgrade(node),
            key,
            room: Semaphore::new(WINDOW),
            allowed: Mutex::new(WINDOW as u64),
            unread: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            over: CancellationToken::new(),
        }
    }
}
