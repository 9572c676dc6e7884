//! What is left of a filter below the node at which it is alone.

/// The number that stands for `+`; no name has it.
pub(super) const PLUS: u32 = u32::MAX - 1;

/// Fills the places that a short tail does not use.
const NONE: u32 = u32::MAX;

/// Levels, numbered. Up to three of them stand in the node itself, where a match has them without another look at memory.
#[derive(Clone, Debug)]
pub(super) enum Tail {
    Short([u32; 3]),
    Long(Box<Box<[u32]>>),
}

impl Default for Tail {
    fn default() -> Self {
        Self::Short([NONE; 3])
    }
}

impl Tail {
    pub(super) fn new(levels: &[u32]) -> Self {
        if levels.len() > 3 {
            return Self::Long(Box::new(levels.into()));
        }
        let mut short = [NONE; 3];
        short.iter_mut().zip(levels).for_each(|(place, level)| *place = *level);
        Self::Short(short)
    }

    pub(super) fn levels(&self) -> &[u32] {
        match self {
            Self::Short(levels) => {
                let len = levels.iter().take_while(|level| **level != NONE).count();
                levels.get(..len).unwrap_or_default()
            }
            Self::Long(levels) => levels,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::Short([NONE, ..]))
    }

    /// What is left of `levels` behind the tail, where that matches them so far.
    pub(super) fn strip<'a>(&self, levels: &'a [u32]) -> Option<&'a [u32]> {
        let tail = self.levels();
        let (near, rest) = levels.split_at_checked(tail.len())?;
        tail.iter().zip(near).all(|(wanted, level)| *wanted == PLUS || wanted == level).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_long_it_is_the_same() {
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
        assert_eq!(Tail::new(&[PLUS, 5]).strip(&[9, 5]), Some(&[][..]));
        assert_eq!(Tail::new(&[PLUS, 5]).strip(&[9, 6]), None);
    }
}
