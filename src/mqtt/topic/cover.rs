//! The smallest set of filters that asks a broker for everything that is listened to.
//!
//! A 3.1.1 broker may send a message once for each subscription it matches, and nothing in the message tells which.
//! Where one filter covers another, only the wider one goes over the wire, at the highest quality of service asked for
//! under it. (Filters that merely overlap, `a/+` and `+/b`, both go.) Shared filters stand for themselves.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Filter;
use super::members::{Asked, Members, member_form};

/// What has to be sent to the broker after a change; to lose no message, subscribe first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<Q> {
    /// Filters to subscribe, new or at another quality of service than before.
    pub subscribe: Vec<(Filter, Q)>,
    /// Filters to unsubscribe.
    pub unsubscribe: Vec<Filter>,
}

impl<Q> Changes<Q> {
    const NONE: Self = Self { subscribe: Vec::new(), unsubscribe: Vec::new() };

    /// Whether nothing has to be sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }
}

/// Filters that are listened to, and the fewest that have to be subscribed for them. `Q` is the quality of service.
///
/// Each filter can be added many times, and has to be removed as often. `+/#` matches what `#` does and goes over the
/// wire as that.
///
/// ```
/// use wirework::mqtt::topic::{Cover, Filter};
/// let (narrow, wide): (Filter, Filter) = ("a/b".parse()?, "a/#".parse()?);
/// let mut cover = Cover::new();
/// assert_eq!(cover.add(&narrow, 1).subscribe, [(narrow.clone(), 1)]);
/// let changes = cover.add(&wide, 0);
/// assert_eq!(changes.subscribe, [(wide.clone(), 1)]);
/// assert_eq!(changes.unsubscribe, [narrow.clone()]);
/// assert_eq!(cover.remove(&wide, 0).subscribe, [(narrow, 1)]);
/// # Ok::<(), wirework::mqtt::topic::TopicError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cover<Q> {
    members: Members<Q>,
    /// Whether every filter stands for itself, as shared ones do.
    plain: bool,
    shared: HashMap<Filter, Asked<Q>, RandomState>,
}

impl<Q: Copy + Ord> Default for Cover<Q> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Q: Copy + Ord> Cover<Q> {
    /// A cover of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { members: Members::new(), plain: false, shared: HashMap::default() }
    }

    /// One that leaves nothing out: every filter goes over the wire as it is, once. For brokers that say for which filters
    /// a message comes.
    #[must_use]
    pub fn plain() -> Self {
        Self { plain: true, ..Self::new() }
    }

    /// Adds a filter, once more if it is there.
    pub fn add(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        let mut changes = Changes::NONE;
        if self.plain || filter.group().is_some() {
            let asked = self.shared.entry(filter.clone()).or_default();
            let before = asked.highest();
            asked.add(qos);
            if before < Some(qos) {
                changes.subscribe.push((filter.clone(), qos));
            }
            return changes;
        }
        let filter = member_form(filter);
        match self.members.find(&filter) {
            Some(id) => {
                self.members.ask(id, |asked| {
                    asked.add(qos);
                    true
                });
            }
            None => {
                let id = self.members.insert(filter.clone(), qos);
                if self.members.above(&filter).len() == 1 {
                    self.expose(id, &mut changes);
                    return changes;
                }
            }
        }
        for id in self.on_wire_above(&filter) {
            self.set(id, |now| now.max(qos), &mut changes);
        }
        changes
    }

    /// Takes away what one [`Cover::add`] with the same arguments has added; nothing if there was none.
    pub fn remove(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        if self.plain || filter.group().is_some() {
            return self.remove_shared(filter, qos);
        }
        let mut changes = Changes::NONE;
        let filter = member_form(filter);
        let Some(id) = self.members.find(&filter) else { return changes };
        if !self.members.ask(id, |asked| asked.remove(qos)) {
            return changes;
        }
        if self.members.get(id).and_then(super::members::Member::asked).is_none() {
            self.drop_member(id, qos, &mut changes);
        }
        for id in self.on_wire_above(&filter) {
            self.lower(id, qos, &mut changes);
        }
        changes
    }

    /// What the broker is to be asked for, in no order that means anything.
    pub fn wire(&self) -> impl Iterator<Item = (&Filter, Q)> {
        let members = self.members.iter().filter_map(|member| Some((&member.filter, member.wire?)));
        members.chain(self.shared.iter().filter_map(|(filter, asked)| Some((filter, asked.highest()?))))
    }

    /// Whether the filter itself is one of [`Cover::wire`].
    pub(crate) fn wire_has(&self, filter: &Filter) -> bool {
        self.covering(filter).iter().any(|(on_wire, _)| on_wire == filter)
    }

    /// Through which of the filters of [`Cover::wire`] the messages of `filter` come, whether it was added or not.
    #[must_use]
    pub fn covering(&self, filter: &Filter) -> Vec<(Filter, Q)> {
        if self.plain || filter.group().is_some() {
            let asked = self.shared.get_key_value(filter);
            return asked
                .and_then(|(key, asked)| Some((key.clone(), asked.highest()?)))
                .into_iter()
                .collect();
        }
        let above = self.on_wire_above(&member_form(filter));
        let members = above.into_iter().filter_map(|id| self.members.get(id));
        members.filter_map(|member| Some((member.filter.clone(), member.wire?))).collect()
    }

    /// The filters that `filter`, which was added, covers, but not itself. Shared ones cover nothing.
    pub(crate) fn covered(&self, filter: &Filter) -> impl Iterator<Item = &Filter> {
        let member = self.members.find(&member_form(filter)).filter(|_| filter.group().is_none());
        let below = member.into_iter().flat_map(|id| self.members.below(id));
        below.filter_map(|id| Some(&self.members.get(id)?.filter))
    }

    fn remove_shared(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        let mut changes = Changes::NONE;
        let Some(asked) = self.shared.get_mut(filter) else { return changes };
        let before = asked.highest();
        asked.remove(qos);
        match asked.highest() {
            None => {
                self.shared.remove(filter);
                changes.unsubscribe.push(filter.clone());
            }
            Some(now) if Some(now) < before => changes.subscribe.push((filter.clone(), now)),
            Some(_) => {}
        }
        changes
    }

    fn on_wire_above(&self, filter: &Filter) -> Vec<usize> {
        let mut above = self.members.above(filter);
        above.retain(|id| self.members.get(*id).is_some_and(|member| member.wire.is_some()));
        above
    }

    /// Puts a member that nothing covers on the wire, and takes those off that it covers.
    fn expose(&mut self, id: usize, changes: &mut Changes<Q>) {
        let below: Vec<usize> = self.members.below(id).collect();
        for covered in &below {
            if let Some(member) = self.members.get_mut(*covered)
                && member.wire.take().is_some()
            {
                changes.unsubscribe.push(member.filter.clone());
            }
        }
        let highest = below.first().and_then(|first| self.members.get(*first)?.asked());
        if let Some(member) = self.members.get_mut(id)
            && let Some(qos) = member.asked().max(highest)
        {
            member.wire = Some(qos);
            changes.subscribe.push((member.filter.clone(), qos));
        }
    }

    /// Takes out a member that nobody asks for any more; what only it covered goes on the wire.
    fn drop_member(&mut self, id: usize, qos: Q, changes: &mut Changes<Q>) {
        let below: Vec<usize> = self.members.below(id).collect();
        let Some(gone) = self.members.remove(id, qos) else { return };
        if gone.wire.is_none() {
            return;
        }
        changes.unsubscribe.push(gone.filter);
        for id in below {
            let Some(member) = self.members.get(id) else { continue };
            if member.wire.is_none() && self.members.above(&member.filter).len() == 1 {
                self.expose(id, changes);
            }
        }
    }

    /// After something under the member has been taken away that was asked for at `gone`.
    fn lower(&mut self, id: usize, gone: Q, changes: &mut Changes<Q>) {
        let Some(member) = self.members.get(id).filter(|member| member.wire == Some(gone)) else { return };
        let first = self.members.below(id).next();
        let below = first.and_then(|first| self.members.get(first)?.asked());
        if let Some(highest) = member.asked().max(below) {
            self.set(id, |_| highest, changes);
        }
    }

    /// Changes the quality of service of a member that is on the wire.
    fn set(&mut self, id: usize, change: impl FnOnce(Q) -> Q, changes: &mut Changes<Q>) {
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(before) = member.wire else { return };
        let now = change(before);
        if now != before {
            member.wire = Some(now);
            changes.subscribe.push((member.filter.clone(), now));
        }
    }
}

#[cfg(test)]
#[path = "cover_tests.rs"]
mod tests;
