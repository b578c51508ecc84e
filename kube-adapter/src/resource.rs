//! Builds requests: the path, the verb, and the permission that each one needs.

use http::{Request, header::CONTENT_TYPE};
use kube::core::{
    params::{GetParams, ListParams, PostParams, WatchParams},
    request::{Error, Request as Paths},
};
use serde_json::Value;

use crate::fault::{Fault, Needs};

/// The field manager of our writes.
pub const FIELD_MANAGER: &str = "webhook-certs";

/// One kind of object, in one namespace unless it is cluster-scoped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    group_version: &'static str,
    plural: &'static str,
    namespace: Option<String>,
}

/// A request and the permission that it needs.
pub(crate) type Ask = (Request<Vec<u8>>, Needs);

impl Resource {
    /// A namespaced kind; `group_version` as in the path: `api/v1`, `apis/coordination.k8s.io/v1`.
    pub(crate) fn namespaced(
        group_version: &'static str,
        plural: &'static str,
        namespace: impl Into<String>,
    ) -> Self {
        Self {
            group_version,
            plural,
            namespace: Some(namespace.into()),
        }
    }

    /// A cluster-scoped kind.
    pub(crate) fn cluster(group_version: &'static str, plural: &'static str) -> Self {
        Self {
            group_version,
            plural,
            namespace: None,
        }
    }

    /// Names an object for people: `secrets/guard-ca in namespace guard-system`.
    pub(crate) fn object(&self, name: &str) -> String {
        format!("{}/{name}{}", self.qualified_plural(), self.place())
    }

    /// Names the kind for people: `secrets in namespace guard-system`.
    pub(crate) fn collection(&self) -> String {
        format!("{}{}", self.qualified_plural(), self.place())
    }

    pub(crate) fn get(&self, name: &str) -> Result<Ask, Fault> {
        let request = self.paths().get(name, &GetParams::default());
        ask(request, Needs::new("get", self.object(name)))
    }

    /// Reads an object's metadata alone.
    pub(crate) fn get_metadata(&self, name: &str) -> Result<Ask, Fault> {
        let request = self.paths().get_metadata(name, &GetParams::default());
        ask(request, Needs::new("get", self.object(name)))
    }

    pub(crate) fn create(&self, object: &impl serde::Serialize) -> Result<Ask, Fault> {
        let request = self.paths().create(&by_us(), body(object)?);
        ask(request, Needs::new("create", self.collection()))
    }

    pub(crate) fn replace(&self, name: &str, object: &impl serde::Serialize) -> Result<Ask, Fault> {
        let request = self.paths().replace(name, &by_us(), body(object)?);
        ask(request, Needs::new("update", self.object(name)))
    }

    /// A JSON patch (RFC 6902).
    pub(crate) fn json_patch(&self, name: &str, patch: &Value) -> Result<Ask, Fault> {
        self.patch(name, "application/json-patch+json", patch)
    }

    /// A merge patch (RFC 7396).
    pub(crate) fn merge_patch(&self, name: &str, patch: &Value) -> Result<Ask, Fault> {
        self.patch(name, "application/merge-patch+json", patch)
    }

    fn patch(&self, name: &str, media_type: &str, patch: &Value) -> Result<Ask, Fault> {
        let path = format!(
            "{}/{name}?fieldManager={FIELD_MANAGER}",
            self.path().trim_end_matches('/')
        );
        let request = Request::patch(path)
            .header(CONTENT_TYPE, media_type)
            .body(body(patch)?)
            .map_err(Error::BuildRequest);
        ask(request, Needs::new("patch", self.object(name)))
    }

    /// Reads one page of a consistent (quorum) list.
    pub(crate) fn list(&self, scope: &Scope, page: Option<&str>) -> Result<Ask, Fault> {
        let mut params = ListParams::default().limit(scope.page_size);
        params.field_selector = scope.field_selector();
        params.label_selector.clone_from(&scope.labels);
        params.continue_token = page.map(Into::into);
        let request = if scope.metadata_only {
            self.paths().list_metadata(&params)
        } else {
            self.paths().list(&params)
        };
        ask(request, self.needs("list", scope))
    }

    /// Watches from `revision` on.
    pub(crate) fn watch(&self, scope: &Scope, revision: &str) -> Result<Ask, Fault> {
        let mut params = WatchParams::default().timeout(WATCH_SECONDS);
        params.field_selector = scope.field_selector();
        params.label_selector.clone_from(&scope.labels);
        let request = if scope.metadata_only {
            self.paths().watch_metadata(&params, revision)
        } else {
            self.paths().watch(&params, revision)
        };
        ask(request, self.needs("watch", scope))
    }

    fn needs(&self, verb: &'static str, scope: &Scope) -> Needs {
        let object = match &scope.name {
            Some(name) => self.object(name),
            None => self.collection(),
        };
        Needs::new(verb, object)
    }

    fn path(&self) -> String {
        let Self {
            group_version,
            plural,
            namespace,
        } = self;
        match namespace {
            Some(namespace) => format!("/{group_version}/namespaces/{namespace}/{plural}"),
            None => format!("/{group_version}/{plural}"),
        }
    }

    fn paths(&self) -> Paths {
        Paths::new(self.path())
    }

    /// The plural with its group, as in RBAC rules and kubectl: `leases.coordination.k8s.io`.
    fn qualified_plural(&self) -> String {
        let group = self
            .group_version
            .strip_prefix("apis/")
            .and_then(|rest| rest.split('/').next());
        match group {
            Some(group) => format!("{}.{group}", self.plural),
            None => self.plural.into(),
        }
    }

    fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        }
    }
}

/// After how many seconds the API server ends a watch; the client gives up on it a little later.
pub(crate) const WATCH_SECONDS: u32 = 290;

/// Which objects of a kind to follow, and how.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// One object, by a field selector: a rule with `resourceNames` permits that.
    pub(crate) name: Option<String>,
    /// The objects that a label selector selects.
    pub(crate) labels: Option<String>,
    pub(crate) metadata_only: bool,
    /// Objects per page of a list: the most in memory at once.
    pub(crate) page_size: u32,
}

impl Scope {
    fn field_selector(&self) -> Option<String> {
        self.name
            .as_ref()
            .map(|name| format!("metadata.name={name}"))
    }
}

fn ask(request: Result<Request<Vec<u8>>, Error>, needs: Needs) -> Result<Ask, Fault> {
    Ok((request.map_err(Fault::unavailable)?, needs))
}

fn body(object: &impl serde::Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(object).map_err(Fault::unavailable)
}

fn by_us() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_permission_as_an_administrator_would() {
        let secrets = Resource::namespaced("api/v1", "secrets", "guard-system");
        let (_, needs) = secrets.get("guard-ca").unwrap();
        assert_eq!(
            (needs.verb, needs.object.as_str()),
            ("get", "secrets/guard-ca in namespace guard-system")
        );
        let kind = Resource::cluster(
            "apis/admissionregistration.k8s.io/v1",
            "validatingwebhookconfigurations",
        );
        let (_, needs) = kind
            .list(
                &Scope {
                    name: None,
                    labels: None,
                    metadata_only: false,
                    page_size: 10,
                },
                None,
            )
            .unwrap();
        assert_eq!(
            (needs.verb, needs.object.as_str()),
            (
                "list",
                "validatingwebhookconfigurations.admissionregistration.k8s.io"
            )
        );
    }

    #[test]
    fn one_object_is_followed_by_its_name() {
        let secrets = Resource::namespaced("api/v1", "secrets", "guard-system");
        let scope = Scope {
            name: Some("guard-tls".into()),
            labels: None,
            metadata_only: true,
            page_size: 1,
        };
        let (list, _) = secrets.list(&scope, None).unwrap();
        assert_eq!(
            list.uri().to_string(),
            "/api/v1/namespaces/guard-system/secrets?&fieldSelector=metadata.name%3Dguard-tls&limit=1"
        );
        let (watch, _) = secrets.watch(&scope, "42").unwrap();
        let uri = watch.uri().to_string();
        for part in [
            "watch=true",
            "fieldSelector=metadata.name%3Dguard-tls",
            "resourceVersion=42",
            "allowWatchBookmarks=true",
            "timeoutSeconds=290",
        ] {
            assert!(uri.contains(part), "{part} in {uri}");
        }
    }
}
