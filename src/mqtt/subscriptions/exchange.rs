//! The SUBSCRIBE and UNSUBSCRIBE packets that are exchanged with the broker.
//!
//! A packet carries few filters, as many brokers take no more, and several packets are in flight at a time. SUBSCRIBE is sent
//! before UNSUBSCRIBE, so that no message is missed between a filter and the wider one that replaces it. With subscription
//! identifiers each filter has a SUBSCRIBE of its own, as its identifier belongs to the packet.

use tokio::time::Instant;

use super::backlog::Backlog;
use super::in_flight::{AnswerTimeouts, Control, InFlight, Packet, Subscribe, Waiting};
use super::suspects::Suspects;
use crate::mqtt::protocol::Limits;
use crate::mqtt::topic::Filter;
use crate::mqtt::{QoS, SubscribeOptions};

/// How many bytes of filters one packet carries at most.
const MAX_BYTES: usize = 8 * 1024;

/// How many packets are in flight at a time; there are more ids than that.
const MAX_IN_FLIGHT: usize = 8;

/// Whether [suspect filters](Suspects) are sent on this link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuspectState {
    /// There is none to send yet.
    None,
    /// All other filters were answered: the next suspect is sent once nothing else of this client is in flight.
    Ready,
    /// One is in flight: nothing else may be sent.
    InFlight,
}

/// The filters of the next packet.
enum Selected {
    Subscribe(Vec<Filter>),
    Unsubscribe(Vec<Filter>),
}

/// The answer of a broker to one filter, and who waited for it.
pub(super) struct Answer<W> {
    pub filter: Filter,
    pub code: u8,
    pub waiting: Vec<Waiting<W>>,
}

/// The filter for which the broker ends links.
pub(super) enum Culprit {
    Subscribe(Filter),
    Unsubscribe(Filter),
}

/// What has still to be sent, what is in flight, and which filters have to be sent with care.
pub(super) struct Exchange<W> {
    backlog: Backlog<W>,
    in_flight: InFlight<W>,
    suspects: Suspects,
    /// Whether each filter has a SUBSCRIBE of its own.
    per_filter: bool,
    /// How many bytes of filters a packet may carry on this link.
    max_bytes: usize,
}

impl<W> Exchange<W> {
    /// Takes packet ids from `ids`, and puts this many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, max_filters: usize) -> Self {
        Self {
            backlog: Backlog::new(),
            in_flight: InFlight::new(ids),
            suspects: Suspects::new(max_filters),
            per_filter: false,
            max_bytes: MAX_BYTES,
        }
    }

    /// Whether each filter has a SUBSCRIBE of its own, since messages name the filters they come for.
    pub fn is_per_filter(&self) -> bool {
        self.per_filter
    }

    pub fn set_per_filter(&mut self, per_filter: bool) {
        self.per_filter = per_filter;
    }

    pub fn backlog_mut(&mut self) -> &mut Backlog<W> {
        &mut self.backlog
    }

    #[cfg(test)]
    pub fn backlog(&self) -> &Backlog<W> {
        &self.backlog
    }

    pub fn in_flight_mut(&mut self) -> &mut InFlight<W> {
        &mut self.in_flight
    }

    /// Whether the broker has answered everything, and nothing is to be sent.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.backlog.is_empty()
    }

    /// Whether the broker has answered every SUBSCRIBE, but for those of suspects.
    pub fn is_restored(&self) -> bool {
        self.backlog.to_subscribe().all(|filter| self.suspects.has(filter)) && !self.in_flight.has_subscribe()
    }

    pub fn in_flight(&self) -> &InFlight<W> {
        &self.in_flight
    }

    /// How many filters the broker has, or may have, that nobody wants any more.
    pub fn unsubscribe_count(&self) -> usize {
        self.backlog.unsubscribe_count() + self.in_flight.unsubscribe_count()
    }

    /// Whether the broker has still to take back a filter.
    pub fn is_unsubscribing(&self, filter: &Filter) -> bool {
        self.backlog.unsubscribes(filter) || self.in_flight.is_unsubscribing(filter)
    }

    /// Whether a SUBSCRIBE of a filter is in flight, or has still to be sent.
    pub fn is_subscribing(&self, filter: &Filter) -> bool {
        self.backlog.subscribes(filter) || self.in_flight.is_subscribing(filter)
    }

    /// The filters of the next packet, if one may be sent. A suspect is sent only with `alone`.
    fn select(&self, alone: bool) -> Option<Selected> {
        if self.in_flight.len() >= MAX_IN_FLIGHT || self.probe() == SuspectState::InFlight {
            return None;
        }
        let (backlog, suspect) = (&self.backlog, |filter: &&Filter| self.suspects.has(filter));
        if let Some(filters) = self.to_subscribe(backlog.to_subscribe().filter(|filter| !suspect(filter))) {
            return Some(Selected::Subscribe(filters));
        }
        if !backlog.has_any_to_subscribe()
            && let Some(filters) =
                self.to_unsubscribe(backlog.to_unsubscribe().filter(|filter| !suspect(filter)))
        {
            return Some(Selected::Unsubscribe(filters));
        }
        if !alone || self.probe() != SuspectState::Ready {
            return None;
        }
        match self.to_subscribe(backlog.to_subscribe().filter(suspect)) {
            Some(filters) => Some(Selected::Subscribe(filters)),
            None => {
                let filters = self.to_unsubscribe(backlog.to_unsubscribe().filter(suspect))?;
                Some(Selected::Unsubscribe(filters))
            }
        }
    }

    /// As many of the first filters as one SUBSCRIBE takes, if it may be sent beside what is in flight.
    fn to_subscribe<'f>(&self, mut filters: impl Iterator<Item = &'f Filter>) -> Option<Vec<Filter>> {
        if self.per_filter {
            return filters.next().map(|filter| vec![filter.clone()]);
        }
        // Where filters stand for others, a narrower one is unsubscribed only when the wider one is granted.
        if self.in_flight.has_unsubscribe() {
            return None;
        }
        self.packet(filters.take_while(|filter| !self.in_flight.is_subscribing(filter)))
    }

    /// The same for an UNSUBSCRIBE.
    fn to_unsubscribe<'f>(&self, filters: impl Iterator<Item = &'f Filter>) -> Option<Vec<Filter>> {
        if !self.per_filter && self.in_flight.has_subscribe() {
            return None;
        }
        self.packet(filters)
    }

    /// As many of the first filters as a packet carries: those that need a packet of their own have one.
    fn packet<'f>(&self, filters: impl Iterator<Item = &'f Filter>) -> Option<Vec<Filter>> {
        let mut single = false;
        let together = filters.enumerate().take_while(|(index, filter)| {
            let end = single || (*index > 0 && self.suspects.is_single(filter));
            single |= self.suspects.is_single(filter);
            !end
        });
        let together: Vec<&Filter> =
            together.map(|(_, filter)| filter).take(self.suspects.packet_size()).collect();
        let count = count_within(together.iter().copied(), self.max_bytes);
        let filters: Vec<Filter> = together.into_iter().take(count).cloned().collect();
        (!filters.is_empty()).then_some(filters)
    }

    /// Whether suspects are sent.
    pub fn probe(&self) -> SuspectState {
        let suspect = |filter: &Filter| self.suspects.has(filter);
        if self.suspects.is_empty() {
            return SuspectState::None;
        }
        if self.in_flight.filters().any(suspect) {
            return SuspectState::InFlight;
        }
        let rest_is_answered = self.in_flight.is_empty() && self.backlog.to_subscribe().all(suspect);
        let any = if self.backlog.has_any_to_subscribe() {
            true
        } else {
            self.backlog.has_any_to_unsubscribe() && self.backlog.to_unsubscribe().all(suspect)
        };
        if rest_is_answered && any { SuspectState::Ready } else { SuspectState::None }
    }

    /// Takes out of the next packet what the broker of this link would refuse, with the code that it would give. `alone` says that
    /// nothing else is in flight, so that a suspect may be sent.
    pub fn refuse_unsupported(&mut self, limits: &Limits, alone: bool) -> Vec<Answer<W>> {
        self.max_bytes = MAX_BYTES.min(limits.room_for_filters());
        let mut refused = Vec::new();
        while let Some(selected) = self.select(alone) {
            let mut supported = true;
            match selected {
                Selected::Unsubscribe(filters) => {
                    // A filter that the broker cannot be told to take back does no harm: nobody here listens to it.
                    for filter in filters.iter().filter(|filter| !limits.takes_back(filter)) {
                        supported &= !self.backlog.cancel_unsubscribe(filter);
                    }
                }
                Selected::Subscribe(filters) => {
                    for filter in filters {
                        let Some(code) = limits.refuses(&filter) else { continue };
                        supported = false;
                        self.backlog.cancel_subscribe(&filter);
                        let waiting = self.backlog.take_waiting(&filter);
                        refused.push(Answer { filter, code, waiting });
                    }
                }
            }
            if supported {
                break;
            }
        }
        refused
    }

    /// Puts the next packet in flight; returns it, and the subscriptions that wait for it. `options` says with which options a filter
    /// is requested.
    pub fn next(
        &mut self,
        alone: bool,
        now: Instant,
        options: impl Fn(&Filter, QoS) -> SubscribeOptions,
    ) -> Option<(Control<'_>, Vec<u32>)> {
        match self.select(alone)? {
            Selected::Unsubscribe(filters) => {
                for filter in &filters {
                    self.backlog.cancel_unsubscribe(filter);
                }
                self.in_flight.push_unsubscribe(filters, now);
            }
            Selected::Subscribe(filters) => {
                let (mut requests, mut waiting) = (Vec::new(), Vec::new());
                for filter in filters {
                    let Some(qos) = self.backlog.cancel_subscribe(&filter) else { continue };
                    waiting.push(self.backlog.take_waiting(&filter));
                    let options = options(&filter, qos);
                    requests.push((filter, options));
                }
                self.in_flight.push_subscribe(requests, waiting, now);
            }
        }
        let subscribe = self.in_flight.last_subscribe();
        let subscriptions = subscribe.into_iter().flat_map(Subscribe::subscriptions).collect();
        Some((self.in_flight.last()?, subscriptions))
    }

    /// SUBACK with this many codes came: returns the filters that it answers, each with who waits for it.
    pub fn on_suback(
        &mut self,
        id: u16,
        count: usize,
    ) -> Option<impl Iterator<Item = (Filter, Vec<Waiting<W>>)> + use<W>> {
        let subscribe = self.in_flight.take_subscribe(id, count)?;
        self.suspects.answered(subscribe.filters());
        Some(subscribe.into_filters())
    }

    /// UNSUBACK came: returns the filters that it answers.
    pub fn on_unsuback(&mut self, id: u16) -> Option<Vec<Filter>> {
        let filters = self.in_flight.take_unsubscribe(id)?;
        self.suspects.answered(filters.iter());
        Some(filters)
    }

    /// Whether this is an answer to a packet that was abandoned.
    pub fn answers_abandoned(&mut self, id: u16) -> bool {
        self.in_flight.answers_abandoned(id)
    }

    /// When the first packet in flight should have been answered.
    pub fn answer_due(&self, timeouts: AnswerTimeouts) -> Option<Instant> {
        self.in_flight.due(timeouts, &self.suspects)
    }

    /// When the oldest packet that is overdue was sent, and its filters.
    pub fn overdue(&self, timeouts: AnswerTimeouts, now: Instant) -> Option<(Instant, Vec<Filter>)> {
        self.in_flight.overdue(timeouts, &self.suspects, now)
    }

    /// Takes out the oldest packet that is overdue, as far as a link bears that. An answer to it does not count any more.
    pub fn abandon(&mut self, timeouts: AnswerTimeouts, now: Instant) -> Option<Packet<W>> {
        self.in_flight.abandon(timeouts, &self.suspects, now)
    }

    /// Whether the filters of a SUBSCRIBE that was not answered are to be requested again, each in a packet of its own from here on:
    /// where they are several, or suspect.
    pub fn isolates(&mut self, subscribe: &Subscribe<W>) -> bool {
        if subscribe.filters().len() == 1 && !subscribe.filters().any(|filter| self.suspects.has(filter)) {
            return false;
        }
        subscribe.filters().for_each(|filter| self.suspects.isolate(filter));
        true
    }

    /// The broker has ended the link; `alone` says that nothing was in flight but control packets. Returns the filter for which it
    /// ends links, where that is certain by now. Comes before the packets are taken out of flight.
    pub fn link_ended(&mut self, alone: bool) -> Option<Culprit> {
        if self.in_flight.is_empty() {
            return None;
        }
        let one_filter = self.in_flight.sizes().eq([1]);
        let (sizes, filters) = (self.in_flight.sizes(), self.in_flight.filters());
        if !self.suspects.ended(sizes, filters, alone && one_filter) {
            return None;
        }
        let filter = self.in_flight.filters().next()?.clone();
        let subscribe = self.in_flight.has_subscribe();
        Some(if subscribe { Culprit::Subscribe(filter) } else { Culprit::Unsubscribe(filter) })
    }

    /// The suspects that have still to be sent.
    pub fn suspects(&self) -> impl Iterator<Item = &Filter> {
        let all = self.backlog.to_subscribe().chain(self.backlog.to_unsubscribe());
        all.filter(|filter| self.suspects.has(filter))
    }

    /// Whether links end whatever is requested.
    pub fn ends_regardless(&self) -> bool {
        self.suspects.ends_regardless()
    }

    /// A filter that is known to end links is requested all the same.
    pub fn suspect(&mut self, filter: &Filter) {
        self.suspects.suspect(filter);
    }

    /// Sends a filter in a packet of its own from now on.
    pub fn isolate(&mut self, filter: &Filter) {
        self.suspects.isolate(filter);
    }

    /// Takes out the filters that are to be subscribed and that `which` names, unless they are not sent before another answer to them
    /// has come; returns who waits for each.
    pub fn withdraw(&mut self, which: impl Fn(&Filter) -> bool) -> Vec<(Filter, Vec<Waiting<W>>)> {
        let later = |filter: &Filter| !self.per_filter && self.in_flight.is_subscribing(filter);
        let those = |filter: &&Filter| which(filter) && !later(filter);
        let those: Vec<Filter> = self.backlog.to_subscribe().filter(those).cloned().collect();
        let mut withdrawn = Vec::new();
        for filter in those {
            self.backlog.cancel_subscribe(&filter);
            let waiting = self.backlog.take_waiting(&filter);
            withdrawn.push((filter, waiting));
        }
        withdrawn
    }

    /// A filter is neither suspect nor to be unsubscribed any more.
    pub fn forget(&mut self, filter: &Filter) {
        self.backlog.cancel_unsubscribe(filter);
        self.suspects.forget(filter);
    }

    /// Forgets suspects that are not to be sent.
    pub fn forget_suspects(&mut self) {
        let Self { suspects, backlog, .. } = self;
        suspects.retain(|filter| backlog.subscribes(filter) || backlog.unsubscribes(filter));
    }
}

/// How many of the first filters take no more than these bytes; one at least.
fn count_within<'a>(filters: impl Iterator<Item = &'a Filter>, max_bytes: usize) -> usize {
    let mut bytes = 0;
    let fits = |filter: &&Filter| {
        bytes += filter.as_str().len() + 3;
        bytes <= max_bytes
    };
    filters.take_while(fits).count().max(1)
}
