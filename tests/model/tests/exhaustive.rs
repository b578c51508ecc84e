//! The search through every state, as far as every change is tested with.
#![expect(clippy::print_stdout, reason = "a proof says what it covered")]

use model::{SAMPLE, Scope, search};

#[test]
fn no_state_refuses_a_call_breaks_an_invariant_or_gets_stuck() {
    for scope in SAMPLE {
        check(*scope);
    }
}

fn check(scope: Scope) {
    let found = search(scope);
    println!("{found}");
    assert!(found.violations.is_empty(), "{found}");
}
