//! A short list that needs no memory of its own while it holds at most one value, as most nodes of a trie do.

#[derive(Clone, Debug, Default)]
pub(super) enum Values<T> {
    #[default]
    None,
    One(T),
    /// Boxed, so that a node of the trie is no larger for the few that have many.
    #[allow(clippy::box_collection, reason = "a vector takes twice the room")]
    Many(Box<Vec<T>>),
}

impl<T> Values<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(super) fn push(&mut self, value: T) {
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
    pub(super) fn remove(&mut self, value: &T) -> Option<T>
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
    fn grows_and_shrinks() {
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
