//! The flags that an installation runs with.

use std::time::Duration;

use certgen::KeyAlgorithm;
use rotator_core::{Durations, Policy};

use crate::{
    chance::Chance,
    script::{DAY, Rules},
};

/// A root lives from one year to six; one in twelve installations has the default policy.
pub(crate) fn rules(chance: &mut Chance) -> Rules {
    loop {
        let algorithm = chance.pick(&[
            KeyAlgorithm::P256,
            KeyAlgorithm::P256,
            KeyAlgorithm::Ed25519,
        ]);
        let durations = if chance.one_in(12) {
            Durations::DEFAULT
        } else {
            durations(chance)
        };
        if Policy::new(durations, algorithm).is_ok() {
            return Rules {
                durations,
                algorithm,
            };
        }
    }
}

fn durations(chance: &mut Chance) -> Durations {
    let days = |days: i64| Duration::from_secs((days.max(1) * DAY).unsigned_abs());
    let life = chance.between(365, 2200);
    let leaf = chance.between(life / 12, life / 3);
    let dwell = chance.between(1, life / 20);
    Durations {
        ca_lifetime: days(life),
        ca_renew_after: days(chance.between(life / 4, life - leaf - dwell)),
        dwell: days(dwell),
        leaf_lifetime: days(leaf),
        leaf_renew_before: days(chance.between((leaf / 6).max(15), leaf / 2)),
        clock_allowance: Duration::from_secs(chance.between(2, 7200).unsigned_abs()),
    }
}
