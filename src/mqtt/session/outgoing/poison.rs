//! Messages that may be what the broker ends each link for.
//!
//! A broker that cannot take a message often ends the connection instead of saying so: on 3.1.1 it has no other way. Sent
//! again on each link, such a message would end all of them, and nothing behind it would ever arrive. So after some links
//! that the broker ended without a single acknowledgement, what was out is sent one message at a time; the one that ends
//! links all alone is given up.
//!
//! Meanwhile the others are held up no longer than that takes. What the search needs is that nothing is on its way beside
//! the suspect, so between two of them a number of other messages passes: of QoS 0, and of all topics but those of suspects,
//! whose order must stay. After the first suspects that prove innocent they go out in growing groups. So a message that is
//! no suspect waits for a few round trips at a time; one behind a suspect of its topic waits until that is acknowledged or
//! given up, which is [`LINKS_ALONE`] links after it was alone first.
//!
//! QoS 0 is never acknowledged: once some has gone out, it may be what ends the link for as long as that lasts. Such a link
//! counts against no suspect, and the next one begins with the suspects, all of them, before anything passes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::{Outgoing, Phase};
use crate::mqtt::QoS;
use crate::mqtt::protocol::Publish;

/// After so many links in a row that ended without an acknowledgement, messages go one at a time.
const BARREN: u32 = 2;

/// So many links in a row that a message ended alone are no accident.
pub(crate) const LINKS_ALONE: u32 = 3;

/// So many suspects in a row go out one by one on a link, and then twice as many at a time each time.
const ONE_BY_ONE: u32 = 8;

/// How many other messages pass between two groups of suspects.
const PASS: u32 = 64;

/// What the search does now.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many others may go out.
    Pass(u32),
    /// What is out is to be acknowledged.
    Drain,
    /// The suspects of a group go out.
    Try,
}

impl Default for Step {
    fn default() -> Self {
        Self::Pass(PASS)
    }
}

#[derive(Default)]
pub(super) struct PoisonSearch {
    /// Something was acknowledged on this link.
    pub(super) fruitful: bool,
    /// How many links in a row have ended without that.
    barren: u32,
    /// What is sent one at a time, oldest first: order of acceptance and id.
    suspects: VecDeque<(u64, u16)>,
    /// How many of them have been in a group on this link, or gone out otherwise.
    tried: usize,
    /// Those that go out together now. They have left the queue.
    group: VecDeque<u16>,
    /// What is behind them on these topics waits for them.
    topics: HashSet<Arc<str>>,
    step: Step,
    /// QoS 0 has gone out on this link.
    plain: bool,
    /// This link begins with the suspects, since QoS 0 was beside them on the one before.
    suspects_first: bool,
    /// How many groups of suspects have proven innocent on this link.
    innocent: u32,
    /// How many links in a row the first of them has ended.
    alone: u32,
    /// How many messages in a row were given up without an acknowledgement of others in between.
    given_up: u32,
    /// The ids of QoS 2 messages that were given up. The broker may know them, and would take the next message under such
    /// an id for a repetition, so they rest for as long as the session lives, and others are used instead.
    burned: Vec<u16>,
}

/// Who may be sent next.
pub(super) enum Turn {
    /// Whoever is next in the queue.
    Any,
    /// Nobody, before what is out is acknowledged.
    Nobody,
    /// This one alone.
    Only(u16),
    /// Whoever is next and may pass the suspects.
    Others,
}

impl PoisonSearch {
    /// The next link begins anew.
    pub(super) fn link_ends(&mut self) {
        (self.plain, self.innocent, self.tried) = (false, 0, 0);
        self.step = if self.suspects_first { Step::Drain } else { Step::default() };
    }

    /// A message of QoS 0 goes out.
    pub(super) fn plain_went(&mut self) {
        self.plain = true;
        self.went();
    }

    /// A message goes out.
    pub(super) fn went(&mut self) {
        if let Step::Pass(left) = &mut self.step {
            *left = left.saturating_sub(1);
        }
    }

    /// Nobody is there who may pass.
    pub(super) fn passed(&mut self) {
        self.step = Step::Drain;
    }

    /// Whether messages of other topics than these pass the suspects now.
    pub(super) fn passing(&self) -> Option<&HashSet<Arc<str>>> {
        (matches!(self.step, Step::Pass(_)) && !self.suspects.is_empty()).then_some(&self.topics)
    }

    /// One of the group that goes out now has to go out later; false if no group does.
    pub(super) fn again(&mut self, id: u16) -> bool {
        let trying = matches!(self.step, Step::Try) && !self.suspects.is_empty();
        if trying {
            self.group.push_front(id);
        }
        trying
    }

    /// Those of a group that have not gone out, because the link is gone.
    pub(super) fn left(&mut self) -> VecDeque<u16> {
        std::mem::take(&mut self.group)
    }

    /// It need not go out any more.
    pub(super) fn drop_from_group(&mut self, id: u16) {
        self.group.retain(|one| *one != id);
    }

    /// How many suspects go out together.
    fn size(&self) -> usize {
        2_usize.saturating_pow(self.innocent.saturating_sub(ONE_BY_ONE - 1))
    }
}

impl<W> Outgoing<W> {
    /// A link has ended; `theirs` says whether the broker ended it. Returns a message that is given up, because it has ended
    /// [`LINKS_ALONE`] links in a row with nothing else on its way. Comes before [`link_lost`](Self::link_lost).
    pub(crate) fn find_poison(&mut self, theirs: bool) -> Option<(Publish, W)> {
        let fruitful = std::mem::take(&mut self.poison.fruitful);
        if fruitful {
            self.poison.given_up = 0;
        }
        self.poison.suspects_first = theirs && self.poison.plain;
        let Some(&(number, id)) = self.poison.suspects.front() else {
            self.suspect(fruitful, theirs);
            return None;
        };
        let out = self.out();
        if !theirs || out.first() != Some(&(number, id)) {
            // Those that passed may have ended it.
            let passed = if theirs { out } else { Vec::new() };
            self.accuse(passed.into_iter().filter(|(number, _)| !self.is_suspect(*number)).collect());
            return None;
        }
        if out.len() > 1 || self.poison.plain {
            // One of a group, or QoS 0 beside it: next time the first of them is alone.
            return None;
        }
        self.poison.alone += 1;
        if self.poison.alone < LINKS_ALONE {
            return None;
        }
        self.poison.alone = 0;
        self.poison.given_up += 1;
        self.poison.suspects.pop_front();
        let given_up = self.take(id)?;
        if given_up.0.qos == QoS::ExactlyOnce {
            self.poison.burned.extend(self.free.pop_back());
            self.grow();
        }
        Some(given_up)
    }

    /// One more id, above those of the window and those that are not for messages.
    fn grow(&mut self) {
        while let Ok(id) = u16::try_from(self.slots.len() + 1) {
            self.slots.push(None);
            let reserved = id > self.window && id - self.window <= self.reserved;
            if !reserved {
                self.free.push_back(id);
            }
            if id > self.window && !reserved {
                return;
            }
        }
    }

    /// Counts links that came to nothing, and names who may be why.
    fn suspect(&mut self, fruitful: bool, theirs: bool) {
        if fruitful {
            self.poison.barren = 0;
        }
        if fruitful || !theirs || self.out().is_empty() {
            return;
        }
        self.poison.barren += 1;
        if self.poison.barren < BARREN {
            return;
        }
        self.poison.barren = 0;
        self.accuse(self.those(|phase| matches!(phase, Phase::Sent | Phase::Again)));
    }

    /// The messages of which PUBLISH is out, oldest first.
    fn out(&self) -> Vec<(u64, u16)> {
        self.those(|phase| phase == Phase::Sent)
    }

    fn those(&self, which: impl Fn(Phase) -> bool) -> Vec<(u64, u16)> {
        let slots = (1..).zip(&self.slots).filter_map(|(id, slot)| Some((id, slot.as_ref()?)));
        let mut those: Vec<_> =
            slots.filter(|(_, slot)| which(slot.phase)).map(|(id, slot)| (slot.number, id)).collect();
        those.sort_unstable();
        those
    }

    /// These are suspects too.
    fn accuse(&mut self, those: Vec<(u64, u16)>) {
        for (_, id) in &those {
            let slot = self.slots.get(usize::from(*id) - 1).and_then(Option::as_ref);
            self.poison.topics.extend(slot.map(|slot| Arc::clone(&slot.publish.topic)));
        }
        self.poison.suspects.extend(those);
        self.poison.suspects.make_contiguous().sort_unstable();
    }

    fn is_suspect(&self, number: u64) -> bool {
        self.poison.suspects.binary_search_by_key(&number, |(number, _)| *number).is_ok()
    }

    /// Whether the next links are to show which message ends them.
    pub(crate) fn is_searching(&self) -> bool {
        self.poison.barren > 0 || !self.poison.suspects.is_empty()
    }

    /// Whether links end whatever message is sent: no message explains that.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.poison.given_up > 2
    }

    /// Who may be sent next.
    pub(super) fn turn(&mut self) -> Turn {
        while let Some(&(number, id)) = self.poison.suspects.front()
            && self.standing(id, number).is_none()
        {
            self.poison.suspects.pop_front();
            self.poison.tried = self.poison.tried.saturating_sub(1);
            self.poison.alone = 0;
        }
        if self.poison.suspects.is_empty() {
            self.poison.topics.clear();
            return Turn::Any;
        }
        loop {
            self.poison.step = match self.poison.step {
                Step::Pass(0) => Step::Drain,
                Step::Pass(_) => return Turn::Others,
                Step::Try => {
                    if let Some(id) = self.poison.group.pop_front() {
                        return Turn::Only(id);
                    }
                    if !self.is_quiet() {
                        return Turn::Nobody;
                    }
                    self.poison.innocent += 1;
                    if self.poison.suspects_first { Step::Drain } else { Step::Pass(PASS) }
                }
                Step::Drain if !self.is_quiet() => return Turn::Nobody,
                // Nothing is out, so the broker takes as many as it does at all; one where it takes none.
                Step::Drain => {
                    self.gather(self.poison.size().min(self.quota.max(1)));
                    Step::Try
                }
            };
        }
    }

    /// Makes a group of the next suspects that wait to be sent; they leave the queue.
    fn gather(&mut self, size: usize) {
        if self.poison.tried >= self.poison.suspects.len() {
            self.poison.tried = 0;
        }
        while self.poison.group.len() < size
            && let Some(&(number, id)) = self.poison.suspects.get(self.poison.tried)
        {
            self.poison.tried += 1;
            if matches!(self.standing(id, number), Some(Phase::Queued | Phase::Again)) {
                self.poison.group.push_back(id);
            }
        }
        let ids: HashSet<u16> = self.poison.group.iter().copied().collect();
        self.blocked.retain(|blocked| !ids.contains(blocked));
        self.queue.retain(|queued| !ids.contains(&queued));
    }

    /// How far a message has come that was accepted as this `number`.
    fn standing(&self, id: u16, number: u64) -> Option<Phase> {
        let slot = self.slots.get(usize::from(id).checked_sub(1)?)?.as_ref()?;
        (slot.number == number).then_some(slot.phase)
    }

    /// The broker has a new session, which knows no ids.
    pub(super) fn forgive(&mut self) {
        self.free.extend(std::mem::take(&mut self.poison.burned));
    }
}

#[cfg(test)]
#[path = "poison_tests.rs"]
mod tests;
