//! A port that is shared is the same port.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt as _, executor::block_on};
use rotator_core::{
    EntryName, MemoryTarget, MemoryTargets, PatchError, TargetRef, TargetState, WebhookPatcher,
};

#[test]
fn a_shared_patcher_observes_writes_and_waits_as_itself() {
    let (target, entry) = (TargetRef::new("APIService", "a"), EntryName::new("a"));
    let targets = MemoryTargets::new();
    let content = BTreeMap::from([(entry, Vec::new())]);
    targets.put(&target, MemoryTarget::Exists(content.clone()));
    let shared = Arc::new(targets.clone());
    let seen = block_on(WebhookPatcher::observe(&shared));
    let Some((_, TargetState::Readable(view))) = seen.first() else {
        panic!("{seen:?}");
    };
    block_on(WebhookPatcher::publish(&shared, view, &[])).unwrap();
    assert_eq!(targets.writes(), 1);
    // What it saw moved: a second write is refused.
    let refused = block_on(WebhookPatcher::publish(&shared, view, &[]));
    assert!(matches!(refused, Err(PatchError::Conflict)));
    // Nothing tells of changes in memory.
    assert!(WebhookPatcher::changed(&shared).now_or_never().is_none());
}
