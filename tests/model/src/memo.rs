//! What was found out once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
};

/// Answers by question.
#[derive(Debug)]
pub(crate) struct Memo<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(RwLock::new(HashMap::new()))
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    /// The answer known, or now found out.
    pub(crate) fn get(&self, question: &K, find_out: impl FnOnce() -> V) -> V {
        let known = self.known(question);
        known.unwrap_or_else(|| {
            let answer = find_out();
            self.insert(question.clone(), answer.clone());
            answer
        })
    }

    pub(crate) fn known(&self, question: &K) -> Option<V> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(question).cloned()
    }

    pub(crate) fn insert(&self, question: K, answer: V) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(question, answer);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
