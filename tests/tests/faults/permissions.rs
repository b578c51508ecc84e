//! Each right of `deploy/` is needed: without it the log names it. None is wider than names permit.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject},
    core::GroupVersionKind,
};
use scenarios::{
    APISERVICE, CRD, CREATING, Failure, Installation, MissingRight, PREMADE, Program, TARGET,
    apply, deployed, empty_records, provider, provider_kind, roles, until,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{ALONE, report};

const KEEP: &str = "rbac.yaml";
const FOLLOW: &str = "rbac-follow.yaml";
const CREATE: &str = "rbac-create.yaml";
/// In these three. Those for `--nudge-pods` are taken away where pods are.
const RIGHTS: usize = 27;
const LIMIT: Duration = Duration::from_secs(60);

/// Rights on any object of a kind, with all their verbs: where names cannot be known beforehand.
const UNNAMED: [(&str, &str, &[&str]); 7] = [
    // For `--nudge-pods` alone: a Deployment makes up the names of its pods.
    ("deploy/rights/rbac-nudge.yaml", "pods", &["list", "patch"]),
    // The example operator's own work: users name their Etcds, and what an Etcd is made of is named after it.
    (OPERATOR, "etcds", &["list", "watch"]),
    (OPERATOR, "etcds/status", &["patch"]),
    (OPERATOR, "services", MAKE),
    (OPERATOR, "statefulsets", MAKE),
    (OPERATOR, "poddisruptionbudgets", MAKE),
    // An Event is named when it happens, and counted when it happens again.
    (OPERATOR, "events", &["create", "patch"]),
];
const OPERATOR: &str = "examples/etcd-operator/deploy/rbac.yaml";
const MAKE: &[&str] = &["create", "get", "list", "patch", "watch"];

#[test]
fn every_right_but_to_create_is_on_objects_by_name() -> Result<(), Failure> {
    let mut rights = BTreeMap::<_, usize>::new();
    let mut unnamed = BTreeSet::new();
    let manifests = manifests()?;
    for (file, manifest) in &manifests {
        for role in roles(manifest)? {
            for rule in list(&role, "rules") {
                let words = |field| -> BTreeSet<String> {
                    let words = list(rule, field).iter().filter_map(Value::as_str);
                    words.map(str::to_owned).collect()
                };
                for field in ["apiGroups", "resources", "verbs"] {
                    let words = words(field);
                    assert!(!words.is_empty(), "{file}: {rule}");
                    assert!(!words.contains("*"), "{file}: {rule}");
                }
                let (resources, verbs) = (words("resources"), words("verbs"));
                let permitted = ["create", "get", "list", "watch", "update", "patch"];
                assert!(
                    verbs.iter().all(|verb| permitted.contains(&verb.as_str())),
                    "{file}: {rule}"
                );
                *rights.entry(file.as_str()).or_default() += verbs.len() * resources.len();
                // Kubernetes cannot limit `create` by name.
                let only_creates = verbs == BTreeSet::from(["create".to_owned()]);
                if !only_creates && words("resourceNames").is_empty() {
                    let each = resources.into_iter();
                    unnamed.extend(each.map(|resource| (file.clone(), resource, verbs.clone())));
                }
            }
        }
    }
    report(&format!("rights by manifest: {rights:?}"));
    let named = UNNAMED.map(|(file, resource, verbs)| {
        let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        (file.to_owned(), resource.to_owned(), verbs)
    });
    assert_eq!(unnamed, BTreeSet::from(named), "rights on any object");
    let removed = [KEEP, FOLLOW, CREATE].map(|file| format!("deploy/rights/{file}"));
    let removed: usize = removed.iter().map(|file| rights[file.as_str()]).sum();
    assert_eq!(removed, RIGHTS);
    Ok(())
}

/// Every manifest below `deploy/`, and in the folders that it includes, by its path.
fn manifests() -> Result<BTreeMap<String, String>, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let mut manifests = BTreeMap::new();
    let mut folders = vec![root.join("deploy")];
    let mut seen = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = fs::read_to_string(&path)?;
                if path.ends_with("kustomization.yaml") {
                    let kustomization: Value = serde_saphyr::from_str(&text)?;
                    for resource in list(&kustomization, "resources") {
                        let included = folder.join(resource.as_str().unwrap_or_default());
                        folders.extend(
                            included
                                .is_dir()
                                .then(|| included.canonicalize())
                                .transpose()?,
                        );
                    }
                }
                manifests.insert(path.strip_prefix(&root)?.display().to_string(), text);
            }
        }
    }
    Ok(manifests)
}

#[tokio::test]
async fn without_any_one_right_the_log_names_it() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let one_in = MissingRight::one_in();
    let (mut all, mut silent) = (0, Vec::new());
    for files in [&[KEEP, FOLLOW][..], &[CREATE]] {
        let manifests = if files == [CREATE] { CREATING } else { PREMADE };
        let cluster = with_every_target(manifests).await?;
        for case in files.iter().map(|file| Case::all(file)) {
            for case in case? {
                all += 1;
                if all % one_in == 0 && !case.is_named(&cluster, all).await? {
                    silent.push(case.missing.words());
                }
            }
        }
    }
    report(&format!(
        "one in {one_in} of {all} rights removed in turn; not named: {silent:?}"
    ));
    assert!(silent.is_empty(), "{silent:#?}");
    assert_eq!(all, RIGHTS);
    Ok(())
}

/// One right that is missing.
struct Case {
    file: &'static str,
    missing: MissingRight,
}

impl Case {
    fn all(file: &'static str) -> Result<Vec<Self>, Failure> {
        let all = MissingRight::each(&deployed(file)?)?.into_iter();
        Ok(all.map(|missing| Self { file, missing }).collect())
    }

    /// Whether the log of a program without the right says so.
    async fn is_named(&self, cluster: &Installation, number: usize) -> Result<bool, Failure> {
        begin_anew(cluster, self.file == CREATE).await?;
        self.take_away(cluster).await?;
        let name = format!("case-{number}");
        let mut program = match self.file {
            FOLLOW => follower(cluster, &name)?,
            _ => keeper(cluster, &name)?,
        };
        let words = self.missing.words();
        let said = timeout(LIMIT, program.says(&words)).await;
        let is_named = matches!(said, Ok(Ok(_)));
        if !is_named {
            report(&format!("no `{words}` in\n{}", program.log()?));
        }
        apply(&cluster.admin, &deployed(self.file)?).await?;
        Ok(is_named)
    }

    async fn take_away(&self, cluster: &Installation) -> Result<(), Failure> {
        let account = if self.file == FOLLOW {
            "guard-server"
        } else {
            "guard"
        };
        let user = format!("system:serviceaccount:guard-system:{account}");
        let names = [
            "guard-ca",
            "guard-tls",
            "guard-webhook-certs",
            TARGET,
            CRD,
            APISERVICE,
            "guard",
        ];
        self.missing.take_away(&cluster.admin, &user, &names).await
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

async fn with_every_target(manifests: &[&str]) -> Result<Installation, Failure> {
    let cluster = Installation::new(1, manifests).await?;
    for object in [
        cluster.configuration("ValidatingWebhookConfiguration", TARGET, "nobody"),
        cluster.configuration("MutatingWebhookConfiguration", TARGET, "nobody"),
        cluster.crd(),
        cluster.apiservice(),
        provider_kind(),
    ] {
        apply(&cluster.admin, &object.to_string()).await?;
    }
    until("the kind Provider", async || {
        Ok(apply(&cluster.admin, &provider().to_string()).await.is_ok())
    })
    .await?;
    Ok(cluster)
}

/// Takes the records and the Lease away, or empties them: then everything is to be written.
async fn begin_anew(cluster: &Installation, is_to_create: bool) -> Result<(), Failure> {
    if !is_to_create {
        return empty_records(&cluster.admin).await;
    }
    for (group, kind, name) in [
        ("", "Secret", "guard-ca"),
        ("", "Secret", "guard-tls"),
        ("coordination.k8s.io", "Lease", "guard-webhook-certs"),
    ] {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.admin.clone(), "guard-system", &kind);
        // It may not be there.
        let _ = api.delete(name, &DeleteParams::default()).await;
    }
    Ok(())
}

fn keeper(cluster: &Installation, name: &str) -> Result<Program, Failure> {
    let kinds = [
        ("--validating", TARGET),
        ("--mutating", TARGET),
        ("--crd", CRD),
        ("--apiservice", APISERVICE),
        ("--provider", "guard"),
    ];
    let flags: Vec<&str> = kinds
        .iter()
        .flat_map(|(flag, name)| [*flag, *name])
        .collect();
    cluster.run(name, &flags)
}

fn follower(cluster: &Installation, name: &str) -> Result<Program, Failure> {
    let files = cluster.folder().join(name);
    fs::create_dir(&files)?;
    let arguments = [
        "follow".to_owned(),
        "--namespace=guard-system".into(),
        "--serving-secret=guard-tls".into(),
        format!("--kubeconfig={}", cluster.server_kubeconfig().display()),
        format!("--write-dir={}", files.display()),
    ];
    Ok(Program::start(
        name,
        "webhook-certs",
        &arguments,
        cluster.folder(),
    )?)
}
