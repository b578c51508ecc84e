//! Equal values get equal small numbers, so that states are small and equal states are recognised.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

/// Keys with their numbers, and what was found out about each key once.
#[derive(Debug)]
pub(crate) struct Interned<K, V> {
    table: RwLock<Table<K, V>>,
}

#[derive(Debug)]
struct Table<K, V> {
    ids: HashMap<K, u32>,
    values: Vec<Arc<V>>,
}

impl<K, V> Default for Interned<K, V> {
    fn default() -> Self {
        let (ids, values) = (HashMap::new(), Vec::new());
        Self {
            table: RwLock::new(Table { ids, values }),
        }
    }
}

impl<K: Hash + Eq, V> Interned<K, V> {
    /// The number of `key`; a key that is new is looked into first.
    pub(crate) fn id(&self, key: K, look: impl FnOnce(&K) -> V) -> u32 {
        let known = self.read(|table| table.ids.get(&key).copied());
        if let Some(id) = known {
            return id;
        }
        // Outside the lock: looking may take long, and may intern other things.
        let value = Arc::new(look(&key));
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = table.ids.get(&key) {
            return *id;
        }
        let id = u32::try_from(table.values.len()).expect("fewer than four thousand million");
        table.values.push(value);
        table.ids.insert(key, id);
        id
    }

    /// What is known about the key of this number.
    pub(crate) fn value(&self, id: u32) -> Arc<V> {
        let index = usize::try_from(id).expect("a number that was given out");
        self.read(|table| table.values.get(index).map(Arc::clone))
            .expect("a number that was given out")
    }

    /// The first value for which `found` says yes.
    pub(crate) fn find(&self, found: impl Fn(&V) -> bool) -> Option<Arc<V>> {
        self.read(|table| {
            table
                .values
                .iter()
                .find(|value| found(value))
                .map(Arc::clone)
        })
    }

    /// What is known about every key.
    #[cfg(test)]
    pub(crate) fn values(&self) -> Vec<Arc<V>> {
        self.read(|table| table.values.clone())
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.read(|table| table.values.len())
    }

    fn read<T>(&self, read: impl FnOnce(&Table<K, V>) -> T) -> T {
        read(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}
