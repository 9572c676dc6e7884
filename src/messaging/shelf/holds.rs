//! What a transport holds for the messages on a shelf.

use super::state::State;
use super::{Item, Shelf};

/// Whether what is held for two messages tells that they are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    None,
    /// Unless another one is more like it.
    Likely,
    Sure,
}

impl<H> Shelf<H> {
    /// A message came that may be here already: then what is held for it is replaced by `hold`. Returns what was held before,
    /// or gives `hold` back where the message is not here.
    pub(crate) fn replace(&self, hold: H, likeness: impl Fn(&H, &H) -> Likeness) -> Result<H, H> {
        let mut state = self.state();
        let State { waiting, line, held, dead, burying, .. } = &mut *state;
        let dead = dead.iter_mut().map(|dead| &mut dead.item);
        let items = waiting.iter_mut().chain(line).chain(held.items()).chain(dead);
        let holds = items.map(|item| &mut item.hold).chain(burying.iter_mut().map(|(_, hold)| hold));
        let mut likely = None;
        for known in holds {
            match likeness(known, &hold) {
                Likeness::Sure => return Ok(std::mem::replace(known, hold)),
                Likeness::Likely if likely.is_none() => likely = Some(known),
                _ => {}
            }
        }
        match likely {
            Some(known) => Ok(std::mem::replace(known, hold)),
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
