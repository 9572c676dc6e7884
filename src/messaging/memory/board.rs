//! Where queues of one name find each other.
//!
//! All components of a container report to one supervisor, so that is what tells containers apart: a board belongs to a
//! supervisor. Boards and shelves are held weakly, by the queues that use them; a board holds its supervisor's place in
//! memory, so that no other can be mistaken for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::terms::Terms;
use crate::component::{Context, Supervisor};
use crate::messaging::QueueError;
use crate::messaging::shelf::{Rules, Shelf};

/// The queues in memory of one container.
pub(super) struct Board {
    supervisor: Weak<dyn Supervisor>,
    shelves: Mutex<HashMap<String, Place>>,
}

struct Place {
    shelf: Weak<Shelf<()>>,
    /// What the queues of this name have agreed on; not for one that only takes dead letters so far.
    terms: Option<Terms>,
}

impl Board {
    /// The board of the container that this context belongs to.
    pub(super) fn of(context: &Context) -> Arc<Self> {
        static BOARDS: Mutex<Vec<Weak<Board>>> = Mutex::new(Vec::new());
        let supervisor = Arc::downgrade(context.supervisor());
        let mut boards = lock(&BOARDS);
        boards.retain(|board| board.strong_count() > 0);
        let known = boards.iter().filter_map(Weak::upgrade);
        if let Some(board) = known.into_iter().find(|board| board.supervisor.ptr_eq(&supervisor)) {
            return board;
        }
        let board = Arc::new(Self { supervisor, shelves: Mutex::default() });
        boards.push(Arc::downgrade(&board));
        board
    }

    /// The shelf of this name for a queue on these terms.
    pub(super) fn agreed(&self, name: &Arc<str>, terms: Terms) -> Result<Arc<Shelf<()>>, QueueError> {
        let mut shelves = lock(&self.shelves);
        let shelf = shelf(&mut shelves, name, terms.rules);
        let Some(place) = shelves.get_mut(&**name) else { return Ok(shelf) };
        match &place.terms {
            Some(first) => first.agree(&terms, name)?,
            None => {
                shelf.adopt(terms.rules);
                place.terms = Some(terms);
            }
        }
        Ok(shelf)
    }

    /// The shelf of this name; a new one by these rules where there is none, until a queue of this name brings its own.
    pub(super) fn shelf(&self, name: &str, rules: Rules) -> Arc<Shelf<()>> {
        shelf(&mut lock(&self.shelves), name, rules)
    }
}

fn shelf(shelves: &mut HashMap<String, Place>, name: &str, rules: Rules) -> Arc<Shelf<()>> {
    if let Some(shelf) = shelves.get(name).and_then(|place| place.shelf.upgrade()) {
        return shelf;
    }
    shelves.retain(|_, place| place.shelf.strong_count() > 0);
    let shelf = Arc::new(Shelf::new(rules));
    shelves.insert(name.to_owned(), Place { shelf: Arc::downgrade(&shelf), terms: None });
    shelf
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
