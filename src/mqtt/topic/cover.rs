//! The smallest set of filters that asks a broker for everything that is listened to.
//!
//! A 3.1.1 broker may send a message once for each subscription it matches, and nothing in the message tells which.
//! Where one filter covers another, only the wider one goes over the wire, at the highest quality of service asked for
//! under it. (Filters that merely overlap, `a/+` and `+/b`, both go.) Shared filters stand for themselves.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Filter;
use super::members::{Member, Members, QosCounts};

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
    /// Whether no filter stands for others, as shared ones never do.
    unmerged: bool,
    /// Filters that stand for no others.
    single: HashMap<Filter, QosCounts<Q>, RandomState>,
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
        Self { members: Members::new(), unmerged: false, single: HashMap::default() }
    }

    /// One that leaves nothing out: every filter goes over the wire as it is, once. For brokers that say for which filters
    /// a message comes.
    #[must_use]
    pub fn unmerged() -> Self {
        Self { unmerged: true, ..Self::new() }
    }

    /// Adds a filter, once more if it is there.
    pub fn add(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        let mut changes = Changes::NONE;
        if self.unmerged || filter.group().is_some() {
            let counts = self.single.entry(filter.clone()).or_default();
            let before = counts.highest();
            counts.add(qos);
            if before < Some(qos) {
                changes.subscribe.push((filter.clone(), qos));
            }
            return changes;
        }
        let filter = Members::<Q>::form(filter);
        match self.members.find(&filter) {
            Some(id) => {
                self.members.change(id, |counts| {
                    counts.add(qos);
                    true
                });
            }
            None => {
                let id = self.members.insert(filter.clone(), qos);
                if self.members.above(&filter).len() == 1 {
                    self.request(id, &mut changes);
                    return changes;
                }
            }
        }
        for id in self.requested_above(&filter) {
            self.set(id, |now| now.max(qos), &mut changes);
        }
        changes
    }

    /// Takes away what one [`Cover::add`] with the same arguments has added; nothing if there was none.
    pub fn remove(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        if self.unmerged || filter.group().is_some() {
            return self.remove_single(filter, qos);
        }
        let mut changes = Changes::NONE;
        let filter = Members::<Q>::form(filter);
        let Some(id) = self.members.find(&filter) else { return changes };
        if !self.members.change(id, |counts| counts.remove(qos)) {
            return changes;
        }
        if self.members.get(id).and_then(Member::listened).is_none() {
            self.drop_member(id, qos, &mut changes);
        }
        for id in self.requested_above(&filter) {
            self.lower(id, qos, &mut changes);
        }
        changes
    }

    /// What the broker is to be asked for, in no order that means anything.
    pub fn wire(&self) -> impl Iterator<Item = (&Filter, Q)> {
        let members = self.members.iter().filter_map(|member| Some((member.filter(), member.requested()?)));
        members.chain(self.single.iter().filter_map(|(filter, asked)| Some((filter, asked.highest()?))))
    }

    /// Whether the filter itself is one of [`Cover::wire`].
    pub(crate) fn requests(&self, filter: &Filter) -> bool {
        self.covering(filter).iter().any(|(requested, _)| requested == filter)
    }

    /// Through which of the filters of [`Cover::wire`] the messages of `filter` come, whether it was added or not.
    #[must_use]
    pub fn covering(&self, filter: &Filter) -> Vec<(Filter, Q)> {
        if self.unmerged || filter.group().is_some() {
            let asked = self.single.get_key_value(filter);
            return asked
                .and_then(|(key, asked)| Some((key.clone(), asked.highest()?)))
                .into_iter()
                .collect();
        }
        let above = self.requested_above(&Members::<Q>::form(filter));
        let members = above.into_iter().filter_map(|id| self.members.get(id));
        members.filter_map(|member| Some((member.filter().clone(), member.requested()?))).collect()
    }

    /// The filters that `filter`, which was added, covers, but not itself. Shared ones cover nothing.
    pub(crate) fn covered(&self, filter: &Filter) -> impl Iterator<Item = &Filter> {
        let member = self.members.find(&Members::<Q>::form(filter)).filter(|_| filter.group().is_none());
        let below = member.into_iter().flat_map(|id| self.members.below(id));
        below.filter_map(|id| Some(self.members.get(id)?.filter()))
    }

    fn remove_single(&mut self, filter: &Filter, qos: Q) -> Changes<Q> {
        let mut changes = Changes::NONE;
        let Some(asked) = self.single.get_mut(filter) else { return changes };
        let before = asked.highest();
        asked.remove(qos);
        match asked.highest() {
            None => {
                self.single.remove(filter);
                changes.unsubscribe.push(filter.clone());
            }
            Some(now) if Some(now) < before => changes.subscribe.push((filter.clone(), now)),
            Some(_) => {}
        }
        changes
    }

    fn requested_above(&self, filter: &Filter) -> Vec<usize> {
        let mut above = self.members.above(filter);
        above.retain(|id| self.members.get(*id).is_some_and(|member| member.requested().is_some()));
        above
    }

    /// Has a member that nothing covers requested, and withdraws those that it covers.
    fn request(&mut self, id: usize, changes: &mut Changes<Q>) {
        let below: Vec<usize> = self.members.below(id).collect();
        for covered in &below {
            if let Some(member) = self.members.get_mut(*covered)
                && member.withdraw()
            {
                changes.unsubscribe.push(member.filter().clone());
            }
        }
        let highest = below.first().and_then(|first| self.members.get(*first)?.listened());
        if let Some(member) = self.members.get_mut(id)
            && let Some(qos) = member.listened().max(highest)
        {
            member.request(qos);
            changes.subscribe.push((member.filter().clone(), qos));
        }
    }

    /// Takes out a member that nobody listens to any more; what only it covered is requested.
    fn drop_member(&mut self, id: usize, qos: Q, changes: &mut Changes<Q>) {
        let below: Vec<usize> = self.members.below(id).collect();
        let Some(gone) = self.members.remove(id, qos) else { return };
        if gone.requested().is_none() {
            return;
        }
        changes.unsubscribe.push(gone.filter().clone());
        for id in below {
            let Some(member) = self.members.get(id) else { continue };
            if member.requested().is_none() && self.members.above(member.filter()).len() == 1 {
                self.request(id, changes);
            }
        }
    }

    /// After a filter under the member has been taken away that was listened to at `gone`.
    fn lower(&mut self, id: usize, gone: Q, changes: &mut Changes<Q>) {
        let Some(member) = self.members.get(id).filter(|member| member.requested() == Some(gone)) else {
            return;
        };
        let first = self.members.below(id).next();
        let below = first.and_then(|first| self.members.get(first)?.listened());
        if let Some(highest) = member.listened().max(below) {
            self.set(id, |_| highest, changes);
        }
    }

    /// Changes the quality of service of a member that is requested.
    fn set(&mut self, id: usize, change: impl FnOnce(Q) -> Q, changes: &mut Changes<Q>) {
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(before) = member.requested() else { return };
        let now = change(before);
        if now != before {
            member.request(now);
            changes.subscribe.push((member.filter().clone(), now));
        }
    }
}

#[cfg(test)]
#[path = "cover_tests.rs"]
mod tests;
