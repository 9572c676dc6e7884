//! A small broker: the filters of a session, its policies, and the packets on their way to and from it.

use std::collections::{BTreeMap, VecDeque};

use super::ops::{Policy, Temper};
use crate::mqtt::SubscribeOptions;
use crate::mqtt::subscriptions::Control;
use crate::mqtt::topic::Filter;

enum Request {
    Subscribe { id: u16, filters: Vec<(Filter, SubscribeOptions)> },
    Unsubscribe { id: u16, filters: Vec<Filter> },
}

/// An answer on its way.
pub(super) enum Answer {
    Granted { id: u16, codes: Vec<u8> },
    Revoked { id: u16 },
}

#[derive(Default)]
pub(super) struct Broker {
    /// What it sends messages for, with the QoS.
    pub session: BTreeMap<String, u8>,
    pub policies: BTreeMap<String, Policy>,
    requests: VecDeque<Request>,
    answers: VecDeque<Answer>,
    /// Says nothing to an UNSUBSCRIBE of filters it does not know.
    pub terse: bool,
    pub temper: Temper,
    /// It has ended the link.
    pub hung_up: bool,
}

impl Broker {
    pub fn new(policies: BTreeMap<String, Policy>, terse: bool, temper: Temper) -> Self {
        Self { policies, terse, temper, ..Self::default() }
    }

    /// Whether some packets are never answered.
    pub fn is_silent(&self) -> bool {
        self.terse || !self.temper.mute.is_empty()
    }

    pub fn is_mute_for(&self, filter: &Filter) -> bool {
        let named = |name: &str| self.temper.mute.contains(name);
        // Where filters stand for others, this one is asked for as `#`.
        named(filter.as_str()) || (filter.as_str() == "+/#" && named("#"))
    }

    fn bears(&self, request: &Request) -> bool {
        let few = |count| self.temper.most.is_none_or(|most| count <= most);
        match request {
            Request::Unsubscribe { filters, .. } => few(filters.len()),
            Request::Subscribe { filters, .. } => {
                let poison = |(filter, _): &(Filter, _)| self.temper.filters.contains(filter.as_str());
                few(filters.len()) && !filters.iter().any(poison)
            }
        }
    }

    pub fn takes(&mut self, control: &Control<'_>) {
        self.requests.push_back(match control {
            Control::Subscribe { id, filters } => Request::Subscribe { id: *id, filters: filters.to_vec() },
            Control::Unsubscribe { id, filters } => {
                Request::Unsubscribe { id: *id, filters: filters.to_vec() }
            }
        });
    }

    pub fn policy(&self, filter: &Filter) -> Policy {
        self.policies.get(filter.as_str()).copied().unwrap_or(Policy::UpTo(2))
    }

    /// Handles the first packet that has arrived; false if there is none.
    pub fn handle(&mut self) -> bool {
        if self.requests.front().is_some_and(|request| !self.bears(request)) {
            self.hung_up = true;
            self.requests.clear();
            return true;
        }
        match self.requests.pop_front() {
            None => return false,
            Some(Request::Subscribe { filters, .. })
                if filters.iter().any(|(filter, _)| self.temper.mute.contains(filter.as_str())) => {}
            Some(Request::Subscribe { id, filters }) => {
                let codes = filters.iter().map(|(filter, options)| {
                    let code = self
                        .policies
                        .get(filter.as_str())
                        .map_or(options.qos as u8, |policy| policy.code(options.qos as u8));
                    if code < 0x80 {
                        self.session.insert(filter.as_str().to_owned(), code);
                    }
                    code
                });
                let codes = codes.collect();
                self.answers.push_back(Answer::Granted { id, codes });
            }
            Some(Request::Unsubscribe { id, filters }) => {
                let known =
                    filters.iter().filter(|filter| self.session.remove(filter.as_str()).is_some()).count();
                if known > 0 || !self.terse {
                    self.answers.push_back(Answer::Revoked { id });
                }
            }
        }
        true
    }

    /// One of the answers that are on their way: they come in any order.
    pub fn answer(&mut self, place: usize) -> Option<Answer> {
        self.answers.remove(place.checked_rem(self.answers.len())?)
    }

    /// The link ends; what has arrived is handled up to here.
    pub fn cut(&mut self, handled: usize, kept: bool) {
        for _ in 0..handled {
            self.handle();
        }
        self.hung_up = false;
        self.requests.clear();
        self.answers.clear();
        if !kept {
            self.session.clear();
        }
    }
}
