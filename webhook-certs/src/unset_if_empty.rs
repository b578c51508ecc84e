//! Treats an empty environment variable as unset, so that a Helm chart may render any of them empty.

use std::ffi::{OsStr, OsString};

use clap::{
    Command,
    builder::{OsStr as ClapStr, Resettable},
};

/// Makes every argument of `command`, and of its subcommands, ignore its variable if that is empty or blank.
#[expect(
    clippy::disallowed_methods,
    reason = "this decides which variables the arguments see"
)]
pub(crate) fn unset_if_empty(command: Command) -> Command {
    unset(command, &|name| std::env::var_os(name))
}

fn unset(command: Command, variable: &impl Fn(&OsStr) -> Option<OsString>) -> Command {
    let command = command.mut_args(|argument| {
        let value = argument.get_env().and_then(variable);
        if value.is_some_and(|value| is_blank(&value)) {
            argument.env(Resettable::<ClapStr>::Reset)
        } else {
            argument
        }
    });
    command.mut_subcommands(|subcommand| unset(subcommand, variable))
}

/// Whether a variable is empty or blank; bytes that are not UTF-8 are not.
pub(crate) fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn the_variable_of_every_argument_is_ignored_if_it_is_blank() {
        let flag = |name: &'static str| Arg::new(name).long(name).env(name);
        let below = Command::new("below").args([flag("D"), flag("E")]);
        let command = Command::new("above")
            .args([flag("A"), flag("B"), flag("C")])
            .subcommand(below);
        let command = unset(command, &|name| match name.to_str() {
            Some("A" | "D") => Some("".into()),
            Some("B") => Some(" \n".into()),
            Some("C") => Some("x".into()),
            _ => None,
        });
        let heard = |command: &Command| -> Vec<String> {
            let heard = command.get_arguments().filter_map(Arg::get_env);
            heard
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        };
        let below = command.find_subcommand("below").unwrap();
        assert_eq!(
            (heard(&command), heard(below)),
            (vec!["C".into()], vec!["E".into()])
        );
    }
}
