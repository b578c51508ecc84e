//! What a container of ours is started with, outside of a cluster.

use std::{collections::BTreeMap, path::Path};

use scenarios::{ControlPlane, Failure, Program};
use serde_json::Value;

pub(crate) struct Pod {
    pub(crate) account: String,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Pod {
    /// As the kubelet would start the container.
    pub(crate) fn of(deployment: &Value, container: &Value) -> Result<Self, Failure> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut variables = BTreeMap::new();
        for variable in container["env"].as_array().into_iter().flatten() {
            let field = &variable["valueFrom"]["fieldRef"]["fieldPath"];
            let value = match field.as_str() {
                Some("metadata.namespace") => &deployment["metadata"]["namespace"],
                Some(other) => return Err(format!("{other} is not known here").into()),
                None => &variable["value"],
            };
            variables.insert(text(&variable["name"]), text(value));
        }
        let image = text(&container["image"]);
        let program = image.split(['/', ':']).nth(1).ok_or("no image")?;
        // Addresses and folders are the machine's.
        let arguments = container["args"].as_array().into_iter().flatten().map(text);
        let arguments = arguments
            .filter(|flag| !flag.starts_with("--listen") && !flag.starts_with("--write-dir"));
        let mut arguments: Vec<String> = arguments.collect();
        if program == "etcd-operator" {
            arguments.push("--listen=127.0.0.1:0".to_owned());
        }
        Ok(Self {
            account: text(&deployment["spec"]["template"]["spec"]["serviceAccountName"]),
            program: program.to_owned(),
            arguments,
            variables,
        })
    }

    /// With the rights of its account.
    pub(crate) fn start(
        &self,
        control_plane: &ControlPlane,
        namespace: &str,
        folder: &Path,
    ) -> Result<Program, Failure> {
        let kubeconfig = folder.join("kubeconfig");
        let user = format!("system:serviceaccount:{namespace}:{}", self.account);
        control_plane.kubeconfig_for(&user, &kubeconfig)?;
        let kubeconfig = kubeconfig.display().to_string();
        let mut variables: Vec<(&str, &str)> = vec![("KUBECONFIG", &kubeconfig)];
        let own = self.variables.iter();
        variables.extend(own.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut words = vec![self.program.as_str()];
        words.extend(self.arguments.iter().map(String::as_str));
        let program = Program::start_with(&self.program, &words, &variables, folder)?;
        Ok(program)
    }
}
