//! The user that sends a request: conditions of webhooks may exclude some users.

use alloc::format;

use super::answer::Truth;

const NODE: &str = "system:node:";

/// A user of the API server, as far as an object tells its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Writer {
    /// The program that renews the certificate. Any account of its namespace that a condition names counts as its own.
    Keeper,
    /// The person or tool that installs: under any name, but not as a part of the cluster or of this installation.
    Administrator,
    /// The kubelet of any node.
    Kubelet,
    /// A part of the control plane, under one of these names.
    OneOf(&'static [&'static str]),
}

impl Writer {
    /// Whether its name is `name`.
    pub(super) fn is(self, name: &str, namespace: &str) -> Truth {
        match self {
            Self::Keeper => name.starts_with(&*accounts(namespace)).into(),
            Self::Administrator => may_be_an_administrator(name, namespace),
            Self::Kubelet if name.starts_with(NODE) => Truth::Unknown,
            Self::Kubelet => Truth::False,
            Self::OneOf(names) => of_all(names, |one| one == name),
        }
    }

    /// Whether its name starts with `start`.
    pub(super) fn starts_with(self, start: &str, namespace: &str) -> Truth {
        let accounts = accounts(namespace);
        match self {
            Self::Keeper => (accounts.starts_with(start) || start.starts_with(&*accounts)).into(),
            Self::Administrator => may_be_an_administrator(start, namespace),
            Self::Kubelet if start.starts_with(NODE) && start != NODE => Truth::Unknown,
            Self::Kubelet => NODE.starts_with(start).into(),
            Self::OneOf(names) => of_all(names, |one| one.starts_with(start)),
        }
    }

    /// Whether it is in `group`.
    pub(super) fn is_in(self, group: &str, namespace: &str) -> Truth {
        let accounts = "system:serviceaccounts";
        if group == "system:authenticated" {
            return Truth::True;
        }
        let is_of = |namespace: &str| {
            group == accounts || group.strip_prefix(accounts) == Some(&*format!(":{namespace}"))
        };
        match self {
            Self::Keeper => is_of(namespace).into(),
            Self::Administrator if group == "system:nodes" => Truth::False,
            Self::Administrator if is_of(namespace) && group != accounts => Truth::False,
            Self::Administrator => Truth::Unknown,
            Self::Kubelet => (group == "system:nodes").into(),
            Self::OneOf(names) if is_of("kube-system") => {
                of_all(names, |one| one.starts_with("system:serviceaccount:"))
            }
            Self::OneOf(_) => Truth::False,
        }
    }
}

fn accounts(namespace: &str) -> alloc::string::String {
    format!("system:serviceaccount:{namespace}:")
}

fn may_be_an_administrator(name: &str, namespace: &str) -> Truth {
    let others = [
        &*accounts(namespace),
        "system:serviceaccount:kube-system:",
        "system:kube-",
        NODE,
    ];
    if others.iter().any(|other| name.starts_with(other)) {
        Truth::False
    } else {
        Truth::Unknown
    }
}

fn of_all(names: &[&str], holds: impl Fn(&str) -> bool) -> Truth {
    match names.iter().filter(|name| holds(name)).count() {
        0 => Truth::False,
        count if count == names.len() => Truth::True,
        _ => Truth::Unknown,
    }
}
