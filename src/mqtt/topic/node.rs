//! A node of the trie.

use super::levels::Path;

/// Where there is no child, and no level of a short tail.
const NONE: u32 = u32::MAX;

/// The values of up to two filters (one that ends here, and the same with `/#`), and the way to the nodes below.
///
/// With values of one word each it is a line of memory.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Node<T> {
    /// The child for `+`.
    plus: u32,
    /// How many children by name this node has in the table.
    named: u32,
    /// The rest of the only filter that goes through this node; its values are here. Such a node has no children.
    tail: Tail,
    /// Values of the filter that ends here.
    exact: Values<T>,
    /// Values of the filter that goes on with `#` and ends.
    subtree: Values<T>,
}

impl<T> Node<T> {
    /// A node without values and children; `tail` is what is left of the only filter that goes through it.
    pub fn new(tail: &[u32]) -> Self {
        Self { plus: NONE, named: 0, tail: Tail::new(tail), exact: Values::None, subtree: Values::None }
    }

    /// Whether it has neither values nor nodes below it, so that it can be removed.
    pub fn is_unused(&self) -> bool {
        self.plus == NONE && self.named == 0 && self.exact.is_empty() && self.subtree.is_empty()
    }

    /// The values of the filter that ends here, or of the one that goes on with `#`.
    pub fn values(&self, subtree: bool) -> &[T] {
        if subtree { self.subtree.as_slice() } else { self.exact.as_slice() }
    }

    /// Adds a value at the end.
    pub fn push(&mut self, subtree: bool, value: T) {
        self.values_mut(subtree).push(value);
    }

    /// Takes out the first value that equals `value`; the order of the others stays.
    pub fn remove(&mut self, subtree: bool, value: &T) -> Option<T>
    where
        T: PartialEq,
    {
        self.values_mut(subtree).remove(value)
    }

    fn values_mut(&mut self, subtree: bool) -> &mut Values<T> {
        if subtree { &mut self.subtree } else { &mut self.exact }
    }

    /// The levels of the tail, where there is one.
    pub fn tail(&self) -> Option<&[u32]> {
        (!self.tail.is_empty()).then(|| self.tail.levels())
    }

    /// What is left of `levels` behind the tail, where that matches them so far.
    pub fn strip_tail<'a>(&self, levels: &'a [u32]) -> Option<&'a [u32]> {
        if self.tail.is_empty() { Some(levels) } else { self.tail.strip(levels) }
    }

    /// Takes the first level off the tail: returns it, and the node below that has the rest and all values.
    pub fn split_tail(&mut self) -> Option<(u32, Self)> {
        let alone = std::mem::replace(self, Self::new(&[]));
        let (level, rest) = alone.tail.levels().split_first()?;
        let (level, tail) = (*level, Tail::new(rest));
        Some((level, Self { tail, ..alone }))
    }

    /// The child for `+`.
    pub fn plus(&self) -> Option<u32> {
        (self.plus != NONE).then_some(self.plus)
    }

    /// Whether there are children by name.
    pub const fn has_named(&self) -> bool {
        self.named > 0
    }

    /// A child was added for this level.
    pub fn link(&mut self, level: u32, child: u32) {
        if level == Path::PLUS { self.plus = child } else { self.named += 1 }
    }

    /// The child for this level was removed.
    pub fn unlink(&mut self, level: u32) {
        if level == Path::PLUS { self.plus = NONE } else { self.named -= 1 }
    }
}

/// The levels of a filter below the node at which it is alone, as numbers. Up to three of them are in the node itself, where a match
/// reads them without another access to memory.
#[derive(Clone, Debug)]
enum Tail {
    Short([u32; 3]),
    Long(Box<Box<[u32]>>),
}

impl Default for Tail {
    fn default() -> Self {
        Self::Short([NONE; 3])
    }
}

impl Tail {
    fn new(levels: &[u32]) -> Self {
        if levels.len() > 3 {
            return Self::Long(Box::new(levels.into()));
        }
        let mut short = [NONE; 3];
        short.iter_mut().zip(levels).for_each(|(place, level)| *place = *level);
        Self::Short(short)
    }

    fn levels(&self) -> &[u32] {
        match self {
            Self::Short(levels) => {
                let len = levels.iter().take_while(|level| **level != NONE).count();
                levels.get(..len).unwrap_or_default()
            }
            Self::Long(levels) => levels,
        }
    }

    const fn is_empty(&self) -> bool {
        matches!(self, Self::Short([NONE, ..]))
    }

    /// What is left of `levels` behind the tail, where that matches them so far.
    fn strip<'a>(&self, levels: &'a [u32]) -> Option<&'a [u32]> {
        let tail = self.levels();
        let (near, rest) = levels.split_at_checked(tail.len())?;
        tail.iter().zip(near).all(|(wanted, level)| *wanted == Path::PLUS || wanted == level).then_some(rest)
    }
}

#[derive(Clone, Debug, Default)]
enum Values<T> {
    #[default]
    None,
    One(T),
    /// Boxed, so that a node of the trie is no larger for the few that have many.
    #[allow(clippy::box_collection, reason = "a vector takes twice the room")]
    Many(Box<Vec<T>>),
}

impl<T> Values<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    fn push(&mut self, value: T) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(value),
            Self::One(first) => Self::Many(Box::new(vec![first, value])),
            Self::Many(mut values) => {
                values.push(value);
                Self::Many(values)
            }
        };
    }

    /// Takes out the first value that equals `value`; the order of the others stays.
    fn remove(&mut self, value: &T) -> Option<T>
    where
        T: PartialEq,
    {
        let (rest, removed) = match std::mem::take(self) {
            Self::One(only) if only == *value => (Self::None, Some(only)),
            Self::Many(mut values) => {
                let removed = values.iter().position(|each| each == value).map(|at| values.remove(at));
                let rest = match (values.len(), values.pop()) {
                    (1, Some(last)) => Self::One(last),
                    (_, Some(last)) => {
                        values.push(last);
                        Self::Many(values)
                    }
                    (_, None) => Self::None,
                };
                (rest, removed)
            }
            other => (other, None),
        };
        *self = rest;
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_and_a_long_tail_strip_the_same() {
        for len in 0..6_u32 {
            let levels: Vec<u32> = (7..7 + len).collect();
            let tail = Tail::new(&levels);
            assert_eq!((tail.levels(), tail.is_empty()), (&levels[..], len == 0));
            let longer = [&levels[..], &[1, 2]].concat();
            assert_eq!(tail.strip(&longer), Some(&[1, 2][..]));
            assert_eq!(
                tail.strip(levels.split_last().map_or(&[], |(_, less)| less)),
                None.or((len == 0).then_some(&[][..]))
            );
        }
        assert_eq!(Tail::new(&[Path::PLUS, 5]).strip(&[9, 5]), Some(&[][..]));
        assert_eq!(Tail::new(&[Path::PLUS, 5]).strip(&[9, 6]), None);
    }

    #[test]
    fn values_grow_and_shrink() {
        let mut values = Values::default();
        for value in [1, 2, 3, 2] {
            values.push(value);
        }
        assert_eq!(values.as_slice(), [1, 2, 3, 2]);
        assert_eq!(values.remove(&2), Some(2));
        assert_eq!(values.as_slice(), [1, 3, 2]);
        assert_eq!(values.remove(&9), None);
        assert_eq!((values.remove(&1), values.remove(&3)), (Some(1), Some(3)));
        assert!(matches!(values, Values::One(2)));
        assert_eq!(values.remove(&2), Some(2));
        assert!(values.is_empty());
    }
}
