//! The common name of a root.

use alloc::{borrow::ToOwned, format, string::String};

use crate::observation::GenerationNumber;

/// The most characters that RFC 5280 allows in a common name (`ub-common-name`). A strict verifier refuses more.
const LIMIT: usize = 64;
/// Stands for what was cut off.
const CUT: &str = "..";

/// Makes a name like `guard.guard-system webhook CA g3 0a1b2c3d`, of at most 64 characters: cuts a longer `subject`,
/// never the part that tells roots apart. Two histories of one authority must not share a subject, or verifiers would
/// try the wrong root first: hence the tag, which is random.
pub(crate) fn root_name(subject: &str, generation: GenerationNumber, tag: u32) -> String {
    let rest = format!(" webhook CA g{generation} {tag:08x}");
    let room = LIMIT.saturating_sub(rest.len());
    format!("{}{rest}", shortened(subject, room))
}

fn shortened(subject: &str, room: usize) -> String {
    if subject.chars().count() <= room {
        return subject.to_owned();
    }
    let kept = subject.chars().take(room.saturating_sub(CUT.len()));
    kept.chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_services_stand_there_whole_if_there_is_room() {
        let name = root_name("guard.guard-system", 3, 0x0a1b_2c3d);
        assert_eq!(name, "guard.guard-system webhook CA g3 0a1b2c3d");
        let service = "validation-of-everything.platform-admission";
        let name = root_name(service, 12, 1);
        assert_eq!(
            name,
            "validation-of-everything.platform-admi.. webhook CA g12 00000001"
        );
        assert_eq!(name.len(), 64);
    }

    proptest! {
        #[test]
        fn a_name_has_64_characters_at_most_and_no_two_roots_share_one(
            subject in any::<String>(),
            one in any::<(GenerationNumber, u32)>(),
            other in any::<(GenerationNumber, u32)>(),
        ) {
            let (first, second) = (root_name(&subject, one.0, one.1), root_name(&subject, other.0, other.1));
            prop_assert!(first.chars().count() <= 64, "{first}");
            prop_assert!(first.ends_with(&format!(" webhook CA g{} {:08x}", one.0, one.1)), "{first}");
            prop_assert_eq!(first == second, one == other);
        }
    }
}
