//! Where queues of one name find each other.
//!
//! All components of a container report to one supervisor, so that is what tells containers apart: a board belongs to a
//! supervisor. Boards and shelves are held weakly, by the queues that use them; a board holds its supervisor's place in
//! memory, so that no other can be mistaken for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::component::{Context, Supervisor};
use crate::messaging::shelf::{Rules, Shelf};

/// The queues in memory of one container.
pub(super) struct Board {
    supervisor: Weak<dyn Supervisor>,
    shelves: Mutex<HashMap<String, Weak<Shelf<()>>>>,
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

    /// The shelf of this name; a new one by these rules where there is none.
    pub(super) fn shelf(&self, name: &str, rules: Rules) -> Arc<Shelf<()>> {
        let mut shelves = lock(&self.shelves);
        if let Some(shelf) = shelves.get(name).and_then(Weak::upgrade) {
            return shelf;
        }
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = Arc::new(Shelf::new(rules));
        shelves.insert(name.to_owned(), Arc::downgrade(&shelf));
        shelf
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
