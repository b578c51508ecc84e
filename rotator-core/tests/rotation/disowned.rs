//! A foreign certificate that an administrator does not want to be trusted.

use std::collections::BTreeMap;

use certgen::{Fingerprint, UnixTime};
use futures::executor::block_on;
use rotator_core::{DisownError, Disowned, MemoryTarget, TimeBounds, disown};

use crate::world::{World, authority, entry, serving, target};

fn settled() -> World {
    let mut world = World::new_for_years();
    world.settle();
    world
}

fn put(world: &World, bundle: String) {
    let entries = BTreeMap::from([(entry(), bundle.into_bytes())]);
    let targets = &world.ports.patcher;
    targets.put(&target(), MemoryTarget::Exists(entries));
}

fn root(world: &World) -> Fingerprint {
    world.bundle().anchors().next().unwrap().fingerprint()
}

fn order(world: &World, fingerprint: &Fingerprint) -> Result<Disowned, DisownError> {
    let now = TimeBounds::exactly(UnixTime::from_secs(world.now));
    block_on(disown(
        world.rotator.settings(),
        &world.ports,
        fingerprint,
        now,
    ))
}

#[test]
fn it_leaves_every_entry_and_does_not_come_back() {
    let (mut world, other) = (settled(), settled());
    let own = world.bundle_bytes();
    put(&world, world.bundle().to_pem() + &other.bundle().to_pem());
    world.pass(1);
    assert!(world.bundle().contains(&root(&other)));
    let done = order(&world, &root(&other)).unwrap();
    assert_eq!(done.targets, [(target(), 1)]);
    assert!(!done.was_remembered && done.unread.is_empty());
    world.pass(10);
    assert_eq!(world.bundle_bytes(), own);
    let again = order(&world, &root(&other)).unwrap();
    assert!(again.targets.is_empty());
}

#[test]
fn it_is_not_remembered_any_more() {
    let (mut world, other) = (settled(), settled());
    let ours = world.record(&serving());
    put(&world, world.bundle().to_pem() + &other.bundle().to_pem());
    world
        .ports
        .serving
        .put(&serving(), Some(other.record(&serving())));
    world.pass(1);
    assert!(world.record(&authority()).expose("remembered").is_some());

    let refused = order(&world, &root(&other));
    assert!(
        matches!(refused, Err(DisownError::Needed { .. })),
        "{refused:?}"
    );
    world.ports.serving.put(&serving(), Some(ours));
    let done = order(&world, &root(&other)).unwrap();
    assert!(done.was_remembered);
    world.pass(10);
    assert!(world.record(&authority()).expose("remembered").is_none());
    assert!(!world.bundle().contains(&root(&other)));
}

#[test]
fn a_root_of_the_record_and_what_could_not_be_read_refuse() {
    let world = settled();
    let own = order(&world, &root(&world));
    assert!(
        matches!(own, Err(DisownError::Own { generation: 1 })),
        "{own:?}"
    );

    let missing = World::new();
    let refused = order(&missing, &root(&world));
    assert!(
        matches!(refused, Err(DisownError::NoAuthority)),
        "{refused:?}"
    );

    world
        .ports
        .serving
        .arm(&serving(), rotator_core::Fault::Unreadable);
    let unread = order(&world, &root(&settled()));
    assert!(
        matches!(unread, Err(DisownError::Read { .. })),
        "{unread:?}"
    );

    world.ports.patcher.put(&target(), MemoryTarget::Forbidden);
    let done = order(&world, &root(&settled())).unwrap();
    assert_eq!(done.unread.len(), 1, "it may stand there");
}
