//! What a user asked of an API server, from its audit log.
//!
//! <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event>

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// What is written down is what the programs under test did.
const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "userGroups": ["system:masters"]},
    {"level": "None", "users": ["system:apiserver", "system:anonymous"]},
    {"level": "Metadata"}
  ]
}
"#;

pub(crate) const POLICY_FILE: &str = "audit-policy.json";

/// Writes the file that the flags of an API server refer to.
pub(crate) fn write_policy(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(POLICY_FILE), POLICY)
}

/// Where API server `index` writes down its requests.
pub(crate) fn log(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("audit-{index}.log"))
}

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Who asked.
    pub user: String,
    /// What: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …
    pub verb: String,
    /// The path and query.
    pub uri: String,
    /// The kind of object, in the plural; empty for paths that are no object's.
    pub resource: String,
    /// The object's namespace, if it has one and the request names it.
    pub namespace: Option<String>,
    /// The object's name, if the request names it.
    pub name: Option<String>,
    /// The HTTP status of the answer; 0 if there was none.
    pub status: u16,
    /// `ResponseStarted` for a watch that goes on, else `ResponseComplete` or `Panic`.
    pub stage: String,
}

impl AuditEvent {
    /// Changes something, or would have.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// Reads a log, a JSON object to the line. A last line that is still being written is left out.
pub(crate) fn parse(text: &str) -> Result<Vec<AuditEvent>, serde_json::Error> {
    let complete = text
        .rfind('\n')
        .and_then(|end| text.get(..end))
        .unwrap_or_default();
    complete
        .lines()
        .map(|line| serde_json::from_str::<Line>(line).map(AuditEvent::from))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        Self {
            user: line.user.username,
            verb: line.verb,
            uri: line.request_uri,
            resource: line.object_ref.resource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            status: line.response_status.code,
            stage: line.stage,
        }
    }
}
