//! The search for poison messages: messages for which the broker ends each link.
//!
//! A broker that cannot take a message often ends the connection instead of saying so: on 3.1.1 it has no other way. Sent
//! again on each link, such a message would end all of them, and nothing behind it would ever arrive. So after some links
//! that the broker ended without a single acknowledgement, the messages that were in flight are suspects, and are sent one at a
//! time; the one that ends links all alone is given up.
//!
//! Meanwhile the others wait no longer than that takes. What the search needs is that nothing is in flight beside the suspect,
//! so between two of them a number of other messages passes: of QoS 0, and of all topics but those of suspects, whose order
//! must stay. After the first suspects that were acknowledged they are sent in growing groups. So a message that is no suspect
//! waits for a few round trips at a time; one behind a suspect of its topic waits until that is acknowledged or given up, which
//! is [`PoisonSearch::LINKS_ALONE`] links after it was alone first.
//!
//! QoS 0 is never acknowledged: once some has been sent, it may be what ends the link for as long as that lasts. Such a link
//! counts against no suspect, and the next one begins with the suspects, all of them, before anything passes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::queue::Queue;
use super::slots::{Phase, Slots};
use crate::mqtt::protocol::Publish;

/// So many suspects in a row are sent one by one on a link, and then twice as many at a time each time.
const ONE_BY_ONE: u32 = 8;

/// How many other messages pass between two groups of suspects.
const PASS: u32 = 64;

/// How many messages in a row are given up, with no acknowledgement of others in between, before links are taken to end whatever
/// is sent.
const MAX_GIVEN_UP: u32 = 2;

/// What the search does now.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many others may be sent.
    Pass(u32),
    /// What is in flight is to be acknowledged.
    Drain,
    /// The suspects of a group are sent.
    Try,
}

impl Default for Step {
    fn default() -> Self {
        Self::Pass(PASS)
    }
}

/// What may be sent next.
pub(super) enum Turn {
    /// Whatever is next in the queue.
    Any,
    /// Nothing, before what is in flight is acknowledged.
    Nothing,
    /// This suspect.
    Suspect(u16),
    /// Whatever is next and may pass the suspects.
    Others,
}

/// The search for poison messages.
#[derive(Default)]
pub(super) struct PoisonSearch {
    /// Whether something was acknowledged on this link.
    acknowledged: bool,
    /// How many links in a row have ended without that.
    futile_links: u32,
    /// Messages that may end the link, by number and id, in the order of acceptance.
    suspects: VecDeque<(u64, u16)>,
    /// How many of the suspects have been in a group on this link, or were sent otherwise.
    tried: usize,
    /// Suspects that are to be sent together now. They have left the queue.
    group: VecDeque<u16>,
    /// The topics of suspects: what is behind them on these topics waits for them.
    topics: HashSet<Arc<str>>,
    step: Step,
    /// Whether QoS 0 was sent on this link.
    qos_0_sent: bool,
    /// Whether this link begins with the suspects, since QoS 0 was beside them on the one before.
    suspects_first: bool,
    /// How many groups of suspects were acknowledged on this link.
    acknowledged_groups: u32,
    /// How many links in a row the first of the suspects has ended alone.
    alone: u32,
    /// How many messages in a row were given up without an acknowledgement of others in between.
    given_up: u32,
}

impl PoisonSearch {
    /// After so many links in a row that ended without an acknowledgement, the messages in flight are suspects.
    pub const FUTILE_LINKS: u32 = 2;

    /// How many links in a row a message must have ended alone before it is given up.
    pub const LINKS_ALONE: u32 = 3;

    /// A message that was sent on this link was acknowledged.
    pub fn acknowledged(&mut self) {
        self.acknowledged = true;
    }

    /// A message of QoS 0 is sent.
    pub fn qos_0_sent(&mut self) {
        self.qos_0_sent = true;
        self.sent();
    }

    /// A message is sent.
    pub fn sent(&mut self) {
        if let Step::Pass(left) = &mut self.step {
            *left = left.saturating_sub(1);
        }
    }

    /// No message is left that may pass the suspects.
    pub fn none_passes(&mut self) {
        self.step = Step::Drain;
    }

    /// Returns the topics whose messages must not pass the suspects, while others may.
    pub fn blocked_topics(&self) -> Option<&HashSet<Arc<str>>> {
        (matches!(self.step, Step::Pass(_)) && !self.suspects.is_empty()).then_some(&self.topics)
    }

    /// Puts back a suspect of the group that is sent now. Returns false where none is.
    pub fn put_back(&mut self, id: u16) -> bool {
        let trying = matches!(self.step, Step::Try) && !self.suspects.is_empty();
        if trying {
            self.group.push_front(id);
        }
        trying
    }

    /// A suspect need not be sent any more.
    pub fn drop_from_group(&mut self, id: u16) {
        self.group.retain(|one| *one != id);
    }

    /// Begins anew for another link. Returns the suspects of a group that were not sent.
    pub fn begin_link(&mut self) -> VecDeque<u16> {
        (self.qos_0_sent, self.acknowledged_groups, self.tried) = (false, 0, 0);
        self.step = if self.suspects_first { Step::Drain } else { Step::default() };
        std::mem::take(&mut self.group)
    }

    /// The link has ended. Returns a message that is given up, because it has ended [`Self::LINKS_ALONE`] links in a row with
    /// nothing else in flight.
    pub fn link_ended<W>(&mut self, by_broker: bool, slots: &mut Slots<W>) -> Option<(Publish, W)> {
        let acknowledged = std::mem::take(&mut self.acknowledged);
        if acknowledged {
            self.given_up = 0;
        }
        self.suspects_first = by_broker && self.qos_0_sent;
        let Some(&first) = self.suspects.front() else {
            self.count_futile(acknowledged, by_broker, slots);
            return None;
        };
        let in_flight = slots.in_phases(&[Phase::Sent]);
        if !by_broker || in_flight.first() != Some(&first) {
            // Those that passed may have ended it.
            let passed = if by_broker { in_flight } else { Vec::new() };
            self.add_suspects(
                passed.into_iter().filter(|(number, _)| !self.is_suspect(*number)).collect(),
                slots,
            );
            return None;
        }
        if in_flight.len() > 1 || self.qos_0_sent {
            // One of a group, or QoS 0 beside it: next time the first of them is alone.
            return None;
        }
        self.alone += 1;
        if self.alone < Self::LINKS_ALONE {
            return None;
        }
        self.alone = 0;
        self.given_up += 1;
        self.suspects.pop_front();
        slots.give_up(first.1)
    }

    /// Counts links that came to nothing; after some of them, what was sent is suspected.
    fn count_futile<W>(&mut self, acknowledged: bool, by_broker: bool, slots: &Slots<W>) {
        if acknowledged {
            self.futile_links = 0;
        }
        if acknowledged || !by_broker || slots.in_phases(&[Phase::Sent]).is_empty() {
            return;
        }
        self.futile_links += 1;
        if self.futile_links < Self::FUTILE_LINKS {
            return;
        }
        self.futile_links = 0;
        self.add_suspects(slots.in_phases(&[Phase::Sent, Phase::Again]), slots);
    }

    /// Adds suspects.
    fn add_suspects<W>(&mut self, messages: Vec<(u64, u16)>, slots: &Slots<W>) {
        let topics = messages.iter().filter_map(|(_, id)| slots.publish(*id));
        self.topics.extend(topics.map(|publish| Arc::clone(&publish.topic)));
        self.suspects.extend(messages);
        self.suspects.make_contiguous().sort_unstable();
    }

    fn is_suspect(&self, number: u64) -> bool {
        self.suspects.binary_search_by_key(&number, |(number, _)| *number).is_ok()
    }

    /// Whether the next links are to show which message ends them.
    pub fn is_searching(&self) -> bool {
        self.futile_links > 0 || !self.suspects.is_empty()
    }

    /// Whether links end whatever message is sent: no message explains that.
    pub fn ends_regardless(&self) -> bool {
        self.given_up > MAX_GIVEN_UP
    }

    /// Returns what may be sent next. Suspects of the next group leave the queue. The broker takes `quota` messages at a time.
    pub fn turn<W>(&mut self, slots: &Slots<W>, queue: &mut Queue<W>, quota: usize) -> Turn {
        while let Some(&first) = self.suspects.front()
            && slots.phase_of(first).is_none()
        {
            self.suspects.pop_front();
            self.tried = self.tried.saturating_sub(1);
            self.alone = 0;
        }
        if self.suspects.is_empty() {
            self.topics.clear();
            return Turn::Any;
        }
        loop {
            self.step = match self.step {
                Step::Pass(0) => Step::Drain,
                Step::Pass(_) => return Turn::Others,
                Step::Try => {
                    if let Some(id) = self.group.pop_front() {
                        return Turn::Suspect(id);
                    }
                    if !slots.is_quiet() {
                        return Turn::Nothing;
                    }
                    self.acknowledged_groups += 1;
                    if self.suspects_first { Step::Drain } else { Step::Pass(PASS) }
                }
                Step::Drain if !slots.is_quiet() => return Turn::Nothing,
                // Nothing is in flight, so the broker takes as many as it does at all; one where it takes none.
                Step::Drain => {
                    self.gather(self.group_size().min(quota.max(1)), slots, queue);
                    Step::Try
                }
            };
        }
    }

    /// Returns how many suspects are sent together.
    fn group_size(&self) -> usize {
        2_usize.saturating_pow(self.acknowledged_groups.saturating_sub(ONE_BY_ONE - 1))
    }

    /// Makes a group of the next suspects that wait to be sent; they leave the queue.
    fn gather<W>(&mut self, size: usize, slots: &Slots<W>, queue: &mut Queue<W>) {
        if self.tried >= self.suspects.len() {
            self.tried = 0;
        }
        while self.group.len() < size
            && let Some(&suspect) = self.suspects.get(self.tried)
        {
            self.tried += 1;
            if matches!(slots.phase_of(suspect), Some(Phase::Queued | Phase::Again)) {
                self.group.push_back(suspect.1);
            }
        }
        let ids: HashSet<u16> = self.group.iter().copied().collect();
        queue.retain(|id| !ids.contains(&id));
    }
}
