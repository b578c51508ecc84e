//! The search through every state: as far as every change is tested with, or with `MODEL=full` the whole.
#![expect(clippy::print_stdout, reason = "a proof says what it covered")]

use model::{Scope, search};

#[test]
fn two_controllers_never_refuse_a_call_break_an_invariant_or_get_stuck() {
    let [scope, ..] = scopes();
    check(scope);
}

#[test]
fn an_older_bundle_may_be_put_back_at_any_moment() {
    let [_, _, _, scope, ..] = scopes();
    check(scope);
}

#[test]
fn what_is_read_may_be_old_damaged_or_missing() {
    let [_, _, _, _, scope, ..] = scopes();
    check(scope);
}

#[test]
fn each_read_of_a_step_may_have_its_own_moment() {
    let [_, _, _, _, _, scope, ..] = scopes();
    check(scope);
}

#[test]
fn nobody_need_act_in_time() {
    let [.., scope, _] = scopes();
    check(scope);
}

#[test]
fn each_read_of_a_step_may_be_old_and_have_its_own_moment() {
    let [.., scope] = scopes();
    check(scope);
}

#[test]
fn an_attacker_may_write_the_serving_record() {
    let [_, scope, ..] = scopes();
    check(scope);
}

#[test]
fn an_attacker_may_write_one_target() {
    let [_, _, scope, ..] = scopes();
    check(scope);
}

fn scopes() -> [Scope; 8] {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no command line of its own"
    )]
    let asked = std::env::var("MODEL").is_ok_and(|asked| asked == "full");
    if asked { Scope::FULL } else { Scope::SAMPLE }
}

fn check(scope: Scope) {
    let found = search(scope);
    println!("{found}");
    assert!(found.violations.is_empty(), "{found}");
    assert_eq!(
        found.third, scope.third,
        "how far it goes is said otherwise"
    );
}
