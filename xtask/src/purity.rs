//! Which crate may depend on which, and what else a pure crate may use.

/// Each member crate and the members that it may use, also in its tests, so that each crate can be tested alone.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("certgen", &[]),
    ("rotator-core", &["certgen"]),
    ("webhook-inject", &["certgen"]),
    ("webhook-serve", &["certgen"]),
    (
        "kube-adapter",
        &["certgen", "rotator-core", "webhook-inject"],
    ),
    (
        "webhook-certs",
        &[
            "certgen",
            "kube-adapter",
            "rotator-core",
            "webhook-inject",
            "webhook-serve",
        ],
    ),
    ("etcd-operator", &["webhook-certs"]),
    (
        "scenarios",
        &[
            "certgen",
            "kube-adapter",
            "rotator-core",
            "webhook-certs",
            "webhook-inject",
            "webhook-serve",
        ],
    ),
    ("simulation", &["certgen", "rotator-core", "webhook-inject"]),
    ("model", &["certgen", "rotator-core"]),
    ("judges", &["certgen", "rotator-core"]),
    (
        "bench",
        &["certgen", "kube-adapter", "rotator-core", "scenarios"],
    ),
    ("bench-webhook-certs", &["webhook-certs"]),
    ("hostile", &["certgen", "rotator-core", "webhook-inject"]),
    ("siege", &["scenarios", "webhook-certs"]),
    ("xtask", &[]),
];

/// The crates without clock, randomness, environment and I/O, each with all that it may depend on outside its tests.
/// Before adding a line, check that the new dependency brings in none of those.
pub(crate) const PURE: &[(&str, &[&str])] = &[
    (
        "certgen",
        &[
            "base64",
            "rcgen",
            "ring",
            "rustls-pki-types",
            "thiserror",
            "time",
            "x509-parser",
            "zeroize",
        ],
    ),
    (
        "rotator-core",
        &[
            "certgen",
            "futures-util",
            "serde",
            "serde_json",
            "spin",
            "thiserror",
            "zeroize",
        ],
    ),
    (
        "webhook-inject",
        &[
            "base64",
            "certgen",
            "k8s-openapi",
            "serde_json",
            "thiserror",
        ],
    ),
];

/// Returns the members that `package` may use; none if it is not listed.
pub(crate) fn arrows_of(package: &str) -> Option<&'static [&'static str]> {
    of(ARROWS, package)
}

/// Returns everything that `package` may use; none if it is not pure.
pub(crate) fn allowed_in(package: &str) -> Option<&'static [&'static str]> {
    of(PURE, package)
}

fn of(table: &[(&str, &'static [&'static str])], package: &str) -> Option<&'static [&'static str]> {
    table
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, allowed)| *allowed)
}
