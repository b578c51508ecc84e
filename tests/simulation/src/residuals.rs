//! Which refusals a script accounts for: those that are none of ours occur where something else caused them, and nowhere else.

use std::collections::BTreeSet;

use crate::{
    judge::Refused,
    script::{Event, Script},
};

/// The refusals that something in this script can cause.
pub(crate) fn accounted(script: &Script) -> BTreeSet<Refused> {
    let all = [
        Refused::NoBundleYet,
        Refused::Emptied,
        Refused::ForeignBundle,
        Refused::OtherHistory,
        Refused::FrozenCaller,
        Refused::FrozenReplica,
        Refused::NobodyWrote,
        Refused::AfterALie,
    ];
    let all = all.into_iter();
    all.filter(|refused| accounts_for(script, *refused))
        .collect()
}

fn accounts_for(script: &Script, refused: Refused) -> bool {
    let has = |cause: fn(&Event) -> bool| script.events.iter().any(|timed| cause(&timed.event));
    match refused {
        // Whoever never looks again is promised nothing.
        Refused::NoBundleYet | Refused::FrozenCaller | Refused::FrozenReplica => true,
        Refused::Emptied => has(|event| {
            matches!(
                event,
                Event::Spoil { .. }
                    | Event::Create { .. }
                    | Event::Revert { .. }
                    | Event::Fight { .. }
            )
        }),
        Refused::ForeignBundle => has(|event| matches!(event, Event::Replace { .. })),
        Refused::OtherHistory => {
            script.setup.installations.len() > 1
                || script.setup.taken_over.is_some()
                || has(|event| {
                    matches!(
                        event,
                        Event::LoseAuthority { .. }
                            | Event::RestoreAuthority { .. }
                            | Event::GarbleAuthority { .. }
                    )
                })
        }
        Refused::NobodyWrote => has(|event| {
            matches!(
                event,
                Event::ForbidServing { .. } | Event::GarbleAuthority { .. }
            )
        }),
        Refused::AfterALie => has(|event| matches!(event, Event::Run(run) if run.lie.is_some())),
    }
}
