//! The queues in memory of one container, by their names.
//!
//! All components of a container report to one supervisor, so that is what tells containers apart. The directory of a container and
//! its stores are held weakly, by the queues that use them. It holds the allocation of its supervisor, so that no other can be
//! mistaken for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::component::{Context, Supervisor};
use crate::messaging::QueueError;
use crate::messaging::store::{MessageStore, StoreOptions};
use crate::text::duration;

/// The queues in memory of one container.
pub(super) struct QueueDirectory {
    supervisor: Weak<dyn Supervisor>,
    queues: Mutex<HashMap<String, SharedQueue>>,
}

struct SharedQueue {
    store: Weak<MessageStore<()>>,
    /// What the queues of this name have agreed on; none where it only takes dead letters so far.
    settings: Option<SharedSettings>,
}

impl QueueDirectory {
    /// The directory of the container that this context belongs to.
    pub fn of(context: &Context) -> Arc<Self> {
        static DIRECTORIES: Mutex<Vec<Weak<QueueDirectory>>> = Mutex::new(Vec::new());
        let supervisor = Arc::downgrade(context.supervisor());
        let mut directories = lock(&DIRECTORIES);
        directories.retain(|directory| directory.strong_count() > 0);
        let known = directories.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.into_iter().find(|known| known.supervisor.ptr_eq(&supervisor)) {
            return known;
        }
        let directory = Arc::new(Self { supervisor, queues: Mutex::default() });
        directories.push(Arc::downgrade(&directory));
        directory
    }

    /// The store of this name for a queue with these settings.
    pub fn join(
        &self,
        name: &Arc<str>,
        settings: SharedSettings,
    ) -> Result<Arc<MessageStore<()>>, QueueError> {
        let mut queues = lock(&self.queues);
        let store = store(&mut queues, name, settings.options);
        let Some(queue) = queues.get_mut(&**name) else { return Ok(store) };
        match &queue.settings {
            Some(first) => first.check(&settings, name)?,
            None => {
                store.set_options(settings.options);
                queue.settings = Some(settings);
            }
        }
        Ok(store)
    }

    /// The store of this name; a new one with these options where there is none, until a queue of this name brings its own.
    pub fn store(&self, name: &str, options: StoreOptions) -> Arc<MessageStore<()>> {
        store(&mut lock(&self.queues), name, options)
    }
}

fn store(
    queues: &mut HashMap<String, SharedQueue>,
    name: &str,
    options: StoreOptions,
) -> Arc<MessageStore<()>> {
    if let Some(store) = queues.get(name).and_then(|queue| queue.store.upgrade()) {
        return store;
    }
    queues.retain(|_, queue| queue.store.strong_count() > 0);
    let store = Arc::new(MessageStore::new(options));
    queues.insert(name.to_owned(), SharedQueue { store: Arc::downgrade(&store), settings: None });
    store
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What queues in memory of one name have to agree on.
pub(super) struct SharedSettings {
    options: StoreOptions,
    dead_letter: Option<String>,
    /// The component that has them, as its descriptor.
    component: Arc<str>,
}

impl SharedSettings {
    pub fn new(options: StoreOptions, dead_letter: Option<String>, component: Arc<str>) -> Self {
        Self { options, dead_letter, component }
    }

    /// The values, by their keys.
    pub fn values(options: &StoreOptions, dead_letter: Option<&str>) -> [(&'static str, String); 6] {
        let StoreOptions { capacity, max_bytes, lock_timeout, max_deliveries, redelivery_delay } = *options;
        let dead_letter = dead_letter.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
        [
            ("dead_letter", dead_letter),
            ("options.capacity", capacity.to_string()),
            ("options.max_bytes", max_bytes.to_string()),
            ("options.lock_timeout", duration(lock_timeout)),
            ("options.max_deliveries", max_deliveries.to_string()),
            ("options.redelivery_delay", duration(redelivery_delay)),
        ]
    }

    /// Fails where the settings of a queue that opens later differ.
    fn check(&self, later: &Self, queue: &Arc<str>) -> Result<(), QueueError> {
        let values = |settings: &Self| Self::values(&settings.options, settings.dead_letter.as_deref());
        let both = values(self).into_iter().zip(values(later));
        let different: Vec<_> = both.filter(|((_, first), (_, second))| first != second).collect();
        if different.is_empty() {
            return Ok(());
        }
        let keys = different.iter().map(|((key, _), _)| *key).collect();
        let said: Vec<_> = different
            .iter()
            .map(|((key, first), (_, second))| format!("`{key}` {second} in place of {first}"))
            .collect();
        let differences = said.join(" and ").into();
        let (first, second) = (Arc::clone(&self.component), Arc::clone(&later.component));
        Err(QueueError::Disagree { queue: Arc::clone(queue), first, second, differences, keys })
    }
}
