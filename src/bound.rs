//! What a handle is bound to late: components, held weakly, since they may use one another.

use std::sync::{Arc, Weak};

/// Adds those that are not there yet and forgets those that are gone, which a component is that was created anew. Returns those that
/// were added, so that a handle that is bound again treats nobody twice.
pub(crate) fn bind<T: ?Sized>(bound: &mut Vec<Weak<T>>, all: Vec<Arc<T>>) -> Vec<Arc<T>> {
    bound.retain(|one| one.strong_count() > 0);
    let mut added = Vec::new();
    for one in all {
        let address = Arc::as_ptr(&one).cast::<()>();
        if !bound.iter().any(|other| other.as_ptr().cast::<()>() == address) {
            bound.push(Arc::downgrade(&one));
            added.push(one);
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_there_are_kept_once_and_those_that_are_gone_are_forgotten() {
        let (one, two) = (Arc::new(1), Arc::new(2));
        let mut bound = Vec::new();
        assert_eq!(bind(&mut bound, vec![one.clone(), two.clone()]), [one.clone(), two.clone()]);
        drop(one);
        let three = Arc::new(3);
        let added = bind(&mut bound, vec![two.clone(), three]);
        assert_eq!(added.iter().map(|one| **one).collect::<Vec<_>>(), [3]);
        assert_eq!(bound.iter().filter_map(Weak::upgrade).map(|one| *one).collect::<Vec<_>>(), [2, 3]);
    }
}
