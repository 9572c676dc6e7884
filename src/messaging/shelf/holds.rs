//! What a transport holds for the messages on a shelf.

use super::keep::State;
use super::{Item, Shelf};

impl<H> Shelf<H> {
    /// A message came a second time while it is here: what is held for it is replaced. Returns what was held before, or
    /// gives `hold` back where the message is not here.
    pub(crate) fn replace(&self, id: &crate::messaging::MessageId, hold: H) -> Result<H, H> {
        let mut state = self.state();
        let State { waiting, line, held, .. } = &mut *state;
        let mut all = waiting.iter_mut().chain(held.items()).chain(line);
        match all.find(|item| item.envelope.message_id == *id) {
            Some(item) => Ok(std::mem::replace(&mut item.hold, hold)),
            None => Err(hold),
        }
    }

    /// Takes what is held for all messages, which stay; each comes with a copy of its message.
    pub(crate) fn part(&self) -> Vec<Item<H>>
    where
        H: Default,
    {
        let mut state = self.state();
        let State { waiting, line, held, dead, .. } = &mut *state;
        let dead = dead.iter_mut().map(|dead| &mut dead.item);
        waiting
            .iter_mut()
            .chain(line)
            .chain(held.items())
            .chain(dead)
            .map(|item| {
                let (envelope, hold) = (item.envelope.clone(), std::mem::take(&mut item.hold));
                Item { envelope, hold, ..*item }
            })
            .collect()
    }
}
