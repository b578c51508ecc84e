//! Rights taken away, one at a time.

use kube::Client;
use serde_json::{Value, json};

use crate::{Failure, apply, is_whole, until};

/// One right that is missing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MissingRight {
    /// The Role or `ClusterRole` without it.
    pub role: Value,
    /// Of the resource.
    pub group: String,
    /// In the plural.
    pub resource: String,
    /// What may not be done.
    pub verb: String,
}

impl MissingRight {
    /// Each right of the Roles and `ClusterRole`s in a manifest, taken away in turn.
    ///
    /// # Errors
    ///
    /// It is no YAML.
    pub fn each(manifest: &str) -> Result<Vec<Self>, Failure> {
        let mut missing = Vec::new();
        for role in roles(manifest)? {
            for (index, rule) in list(&role, "rules").iter().enumerate() {
                let group = list(rule, "apiGroups").first().and_then(Value::as_str);
                for resource in list(rule, "resources") {
                    for verb in list(rule, "verbs") {
                        missing.push(Self {
                            role: without(&role, index, resource, verb),
                            group: group.unwrap_or_default().to_owned(),
                            resource: resource.as_str().unwrap_or_default().to_owned(),
                            verb: verb.as_str().unwrap_or_default().to_owned(),
                        });
                    }
                }
            }
        }
        Ok(missing)
    }

    /// Which of them are taken away: all, or one in four.
    pub fn one_in() -> usize {
        if is_whole("three in four rights") {
            1
        } else {
            4
        }
    }

    /// As the log is to say it: `grant get on leases.coordination.k8s.io`, and then the name or namespace.
    pub fn words(&self) -> String {
        let Self {
            group,
            resource,
            verb,
            ..
        } = self;
        let dot = if group.is_empty() { "" } else { "." };
        format!("grant {verb} on {resource}{dot}{group}")
    }

    /// Takes it away from `user`, and waits until the API server knows, for objects of each of these names.
    ///
    /// # Errors
    ///
    /// The API server does not answer, or still permits it after five minutes.
    pub async fn take_away(
        &self,
        client: &Client,
        user: &str,
        names: &[&str],
    ) -> Result<(), Failure> {
        apply(client, &self.role.to_string()).await?;
        until(&format!("{user} may not: {}", self.words()), async || {
            Ok(!self.is_permitted(client, user, names).await?)
        })
        .await
    }

    async fn is_permitted(
        &self,
        client: &Client,
        user: &str,
        names: &[&str],
    ) -> Result<bool, Failure> {
        let namespace = self.role.pointer("/metadata/namespace");
        for name in names {
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": user,
                    "resourceAttributes": {
                        "group": self.group, "resource": self.resource, "verb": self.verb,
                        "name": name, "namespace": namespace.and_then(Value::as_str).unwrap_or_default(),
                    },
                },
            });
            let request = http::Request::post("/apis/authorization.k8s.io/v1/subjectaccessreviews")
                .header("content-type", "application/json")
                .body(serde_json::to_vec(&review)?)?;
            let answer: Value = client.request(request).await?;
            if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The Roles and `ClusterRole`s of a manifest.
///
/// # Errors
///
/// It is no YAML.
pub fn roles(manifest: &str) -> Result<Vec<Value>, Failure> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest)?;
    let is_role = |document: &Value| document.get("rules").is_some();
    Ok(documents.into_iter().filter(is_role).collect())
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let list = value.get(field).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The role less one right: the resource gets a rule of its own.
fn without(role: &Value, index: usize, resource: &Value, verb: &Value) -> Value {
    let mut rules = Vec::new();
    for (at, rule) in list(role, "rules").iter().enumerate() {
        if at == index {
            let (mut own, mut others) = (rule.clone(), rule.clone());
            set(&mut own, "resources", json!([resource]));
            retain(&mut own, "verbs", verb);
            retain(&mut others, "resources", resource);
            rules.extend([own, others]);
        } else {
            rules.push(rule.clone());
        }
    }
    rules.retain(|rule| !list(rule, "verbs").is_empty() && !list(rule, "resources").is_empty());
    let mut role = role.clone();
    set(&mut role, "rules", rules.into());
    role
}

fn retain(rule: &mut Value, field: &str, unwanted: &Value) {
    let kept = list(rule, field).iter().filter(|word| *word != unwanted);
    let kept: Vec<Value> = kept.cloned().collect();
    set(rule, field, kept.into());
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "
kind: Role
rules:
- { apiGroups: [''], resources: [secrets, pods], verbs: [get, list] }
- { apiGroups: [events.k8s.io], resources: [events], verbs: [create] }
";

    #[test]
    fn each_right_is_taken_away_once_and_alone() {
        let missing = MissingRight::each(ROLE).unwrap();
        let words: Vec<_> = missing.iter().map(MissingRight::words).collect();
        let expected = [
            "grant get on secrets",
            "grant list on secrets",
            "grant get on pods",
            "grant list on pods",
            "grant create on events.events.k8s.io",
        ];
        assert_eq!(words, expected);
        let rights = |role: &Value| {
            let rules = list(role, "rules").iter();
            rules
                .map(|rule| list(rule, "resources").len() * list(rule, "verbs").len())
                .sum::<usize>()
        };
        for missing in missing {
            assert_eq!(rights(&missing.role), 4, "{}", missing.role);
        }
    }
}
