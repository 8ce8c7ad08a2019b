//! What tokio itself offers: a task with a channel, by which it gets copied bytes, and answers by one for that answer alone.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::Failed;
use crate::meter::{Left, System};

/// That of an actor's mailbox. Memory is taken as messages come.
const CAPACITY: usize = 1_024;

pub(crate) enum Mail {
    Note(Box<[u8]>),
    Ask(Box<[u8]>, oneshot::Sender<Box<[u8]>>),
}

pub(crate) struct Tasks;

impl System for Tasks {
    type Actor = mpsc::Sender<Mail>;
    const HAS_BATCHES: bool = false;

    fn spawn(&self, _: u64, left: &Arc<Left>) -> Result<Self::Actor, Failed> {
        let (inbox, mut mails) = mpsc::channel(CAPACITY);
        let left = left.clone();
        tokio::spawn(async move {
            while let Some(mail) = mails.recv().await {
                match mail {
                    Mail::Note(data) => left.took(&data),
                    Mail::Ask(data, answer) => drop(answer.send(data.clone())),
                }
            }
        });
        Ok(inbox)
    }

    async fn tell(&self, to: &Self::Actor, data: &[u8]) -> Result<(), Failed> {
        to.send(Mail::Note(data.into()))
            .await
            .map_err(|_| "a task has ended".into())
    }

    async fn tell_all(&self, to: &Self::Actor, data: &[&[u8]]) -> Result<(), Failed> {
        for data in data {
            self.tell(to, data).await?;
        }
        Ok(())
    }

    async fn ask(&self, to: &Self::Actor, data: &[u8]) -> Result<(), Failed> {
        let (answer, answered) = oneshot::channel();
        to.send(Mail::Ask(data.into(), answer))
            .await
            .map_err(|_| "a task has ended")?;
        answered.await?;
        Ok(())
    }
}
