//! The judgement of a write of an authority record: I0, I3, I4 and I8, and the profile of what is in it.

use crate::judge::{
    history::Clocks,
    record::{Generation, Generations, RecordContent, RecordVersion},
    shelf::{CertId, Shelf},
    verdict::{Verdict, Violation, demand},
};

/// Whether a generation was promoted.
pub(crate) fn judge(
    before: &RecordVersion,
    next: &RecordVersion,
    clocks: Clocks,
    shelf: &mut Shelf,
) -> Result<bool, Violation> {
    let RecordContent::Holds(next) = &next.content else {
        return Err(Violation::new(
            "I0",
            "a controller wrote an authority record that cannot be read",
        ));
    };
    keys(next)?;
    match &before.content {
        RecordContent::Unreadable => Err(Violation::new(
            "I8",
            "a controller wrote over an authority record that could not be read",
        )),
        RecordContent::Blank => {
            demand(next.all.len() == 1 && next.active == 1, "I4", || {
                "a new authority does not begin with generation 1".to_owned()
            })?;
            profile(next.newest().1, None, clocks, shelf)?;
            Ok(false)
        }
        RecordContent::Holds(before) => {
            kept(before, next, clocks, shelf)?;
            added(before, next, clocks, shelf)?;
            promoted(before, next)
        }
    }
}

/// The active generation and its successor have their keys; those before are destroyed.
fn keys(next: &Generations) -> Verdict {
    for (number, generation) in &next.all {
        demand(generation.has_key == (*number >= next.active), "I3", || {
            format!(
                "generation {number} {} its key while {} is active",
                if generation.has_key { "has" } else { "lacks" },
                next.active
            )
        })?;
    }
    demand(next.all.range(next.active..).count() <= 2, "I4", || {
        "there are two successors".to_owned()
    })
}

fn kept(before: &Generations, next: &Generations, clocks: Clocks, shelf: &Shelf) -> Verdict {
    for (number, generation) in &before.all {
        let Some(now) = next.all.get(number) else {
            let end = shelf.get(generation.root).not_after;
            demand(*number < before.active, "I3", || {
                format!("generation {number} left the record, which was not superseded")
            })?;
            demand(
                clocks.lied || end + clocks.allowance < clocks.slowest,
                "I3",
                || {
                    format!(
                        "root {number} left the record, it ends at {end} and it is {}",
                        clocks.slowest
                    )
                },
            )?;
            continue;
        };
        demand(now.root == generation.root, "I4", || {
            format!("root {number} became another certificate")
        })?;
        let joins = number
            .checked_sub(1)
            .is_some_and(|older| next.all.contains_key(&older));
        demand(now.cross == generation.cross || !joins, "I1", || {
            format!("cross {number} left the record")
        })?;
    }
    Ok(())
}

fn added(before: &Generations, next: &Generations, clocks: Clocks, shelf: &mut Shelf) -> Verdict {
    let (newest, above) = before.newest();
    let mut added = next
        .all
        .iter()
        .filter(|(number, _)| !before.all.contains_key(number));
    let Some((number, generation)) = added.next() else {
        return Ok(());
    };
    demand(
        added.next().is_none() && *number == newest + 1,
        "I4",
        || format!("generation {number} follows {newest}"),
    )?;
    profile(generation, Some(above.root), clocks, shelf)?;
    let (older, root) = (shelf.get(above.root), shelf.get(generation.root));
    let binds = older.not_before <= clocks.fastest;
    demand(
        !binds
            || clocks.lied
            || (root.not_before >= older.not_before && root.not_after >= older.not_after),
        "I4",
        || format!("root {number} starts or ends before root {newest}"),
    )
}

fn promoted(before: &Generations, next: &Generations) -> Result<bool, Violation> {
    if next.active == before.active {
        return Ok(false);
    }
    demand(
        next.active > before.active && before.all.contains_key(&next.active),
        "I4",
        || {
            format!(
                "generation {} is active after {}",
                next.active, before.active
            )
        },
    )?;
    Ok(true)
}

/// A root signs itself and has no path length; its cross is the same name and key under the root before.
fn profile(
    generation: &Generation,
    older: Option<CertId>,
    clocks: Clocks,
    shelf: &mut Shelf,
) -> Verdict {
    let is_self_signed = shelf.is_signed_by(generation.root, generation.root);
    let root = shelf.get(generation.root);
    demand(
        is_self_signed && root.is_ca && root.may_sign,
        "profile",
        || "a root is not a CA that signs itself".to_owned(),
    )?;
    demand(root.path_len.is_none(), "profile", || {
        "a root has a path length".to_owned()
    })?;
    demand(
        clocks.lied || root.not_before <= clocks.slowest,
        "profile",
        || {
            format!(
                "a root starts at {}, it is {} for some",
                root.not_before, clocks.slowest
            )
        },
    )?;
    let Some(older) = older else {
        return Ok(());
    };
    let Some(cross) = generation.cross else {
        let ended = shelf.get(older).not_after <= root.not_before;
        return demand(ended, "I1", || {
            "a successor comes without a cross".to_owned()
        });
    };
    let is_signed = shelf.is_signed_by(cross, older);
    let (root, older, cross) = (
        shelf.get(generation.root),
        shelf.get(older),
        shelf.get(cross),
    );
    let says = cross.subject == root.subject
        && cross.public_key == root.public_key
        && cross.path_len.is_none()
        && cross.not_before == root.not_before.min(older.not_before)
        && cross.not_after == root.not_after.min(older.not_after);
    demand(is_signed && says, "profile", || {
        "a cross is not as it should be".to_owned()
    })
}
