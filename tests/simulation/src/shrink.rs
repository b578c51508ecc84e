//! From a script that breaks something to a smaller one that breaks the same.

use crate::{
    script::{Event, Script, Timed},
    world::play,
};

/// Cuts out whatever is not needed for the same rule to be broken: events, then faults within them.
pub(crate) fn shrink(script: &Script) -> Script {
    let Some((event, violation)) = play(script).violation else {
        return script.clone();
    };
    let mut smallest = script.clone();
    smallest.events.truncate(event + 1);
    if let Some(last) = smallest.events.last() {
        smallest.end = last.at;
    }
    let breaks = |events: &[Timed]| {
        let shorter = Script {
            events: events.to_vec(),
            ..smallest.clone()
        };
        let found = play(&shorter).violation;
        found.is_some_and(|(_, found)| found.rule == violation.rule)
    };
    // Without the runs that go well, nobody would renew anything: that breaks these in another way.
    let needs_care =
        ["availability", "Lease", "lie", "residual", "window"].contains(&violation.rule);
    let mut events = smallest.events.clone();
    let mut size = events.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < events.len() {
            let to = (from + size).min(events.len());
            let is_kept = |timed: &Timed| needs_care && is_clean(&timed.event);
            let cut: Vec<Timed> = events[from..to]
                .iter()
                .filter(|timed| is_kept(timed))
                .cloned()
                .collect();
            let kept = cut.len();
            let fewer = [&events[..from], &cut, &events[to..]].concat();
            if fewer.len() < events.len() && breaks(&fewer) {
                from += kept;
                events = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    for index in 0..events.len() {
        let mut simpler = events.clone();
        if let Event::Run(run) = &mut simpler[index].event {
            run.fates.clear();
            if breaks(&simpler) {
                events = simpler;
            }
        }
    }
    Script { events, ..smallest }
}

fn is_clean(event: &Event) -> bool {
    matches!(event, Event::Run(run) if run.is_clean())
}
