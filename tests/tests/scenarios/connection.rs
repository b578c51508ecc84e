//! The way to the API server changes: its CA, our credentials, a proxy in between, a restart.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Secret, ServiceAccount},
    events::v1::Event,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use kube_adapter::local_time;
use scenarios::{
    ConnectProxy, ControlPlaneError, Failure, Fault, Installation, PREMADE, Program, TARGET, page,
    until,
};
use serde_json::{Value, json};

use crate::{ALONE, report};

/// A name that no one resolves: only a proxy knows the way.
const NAME: &str = "api.example.test";

#[tokio::test]
async fn a_ca_that_is_replaced_on_disk_is_trusted_without_a_restart() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let mut cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let files = Files::unpack(&cluster, &cluster.keeper_kubeconfig())?;
    let health = cluster.replica_address(7);
    let listen = format!("--listen={health}");
    let mut keeper = files.run(&cluster, "keeper", &["--validating", TARGET, &listen])?;
    keeper.says("bundle written").await?;
    keeper.says("taking the lead").await?;

    cluster.control_plane.restart_with_another_ca(0).await?;
    let authority = format!(
        "is not trusted by certificate-authority {}",
        files.ca.display()
    );
    keeper.says(&authority).await?;
    keeper
        .says("standing by: the Lease could not be renewed")
        .await?;
    assert!(page(health, "/healthz").await?.starts_with(b"HTTP/1.1 200"));

    fs::write(&files.ca, cluster.control_plane.root_pem())?;
    let log = keeper.says("leading again").await?;
    for blame in ["PermissionMissing", "grant ", "no election"] {
        assert!(!log.contains(blame), "{blame}\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_that_are_replaced_on_disk_are_used_without_a_restart() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let stranger = cluster.folder().join("stranger");
    cluster
        .control_plane
        .kubeconfig_for("stranger", &stranger)?;
    let files = Files::unpack(&cluster, &stranger)?;
    let mut keeper = files.run(&cluster, "keeper", &["--validating", TARGET])?;
    keeper.says("grant get on secrets/guard-ca").await?;

    let kubeconfig = read(&cluster.keeper_kubeconfig())?;
    files.write_user(&kubeconfig)?;
    keeper.says("changed: read again").await?;
    keeper.says("bundle written").await?;
    Ok(())
}

/// Three keepers side by side, since each waits for the clock: the token of one is replaced, that of the next is not, and one
/// has a plugin.
#[tokio::test]
async fn tokens_that_end_are_replaced_from_a_file_and_by_a_plugin_without_a_restart()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let tokens = [token(&cluster, "one").await?, token(&cluster, "two").await?];
    let (token, same) = (
        cluster.folder().join("token"),
        cluster.folder().join("same"),
    );
    // With a line break at its end, as a shell writes it.
    fs::write(&token, format!("{}\n", tokens[0]))?;
    fs::write(&same, &tokens[0])?;
    let by_file = user(&cluster, "by-file", json!({ "tokenFile": token }))?;
    let mut by_file = cluster.run_by(&by_file, "by-file", &["--validating", TARGET])?;
    by_file.says("taking the lead").await?;
    let health = cluster.replica_address(7);
    let flags = ["--mutating", TARGET, &format!("--listen={health}")];
    let refused = user(&cluster, "refused", json!({ "tokenFile": same }))?;
    let mut refused = cluster.run_by(&refused, "refused", &flags)?;
    refused.says("standing by").await?;

    // A token is asked for again a minute before it ends; this one is given with a second more.
    let plugin = Plugin::new(&cluster)?;
    plugin.gives(&tokens[1], Some(Duration::from_secs(61)))?;
    let by_plugin = user(&cluster, "by-plugin", plugin.user())?;
    let mut by_plugin = cluster.run_by(&by_plugin, "by-plugin", &flags[..2])?;
    by_plugin.says("standing by").await?;
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    secrets.delete("one", &DeleteParams::default()).await?;
    fs::write(&token, format!("{}\n", tokens[1]))?;
    plugin.is_asked_again().await?;
    plugin.gives_nothing()?;
    let kept = "stay in use, reading again every 10 s: the kubeconfig's credential plugin gave no credentials: it ended with";
    by_plugin.says(kept).await?;
    // It does not say any more when the token ends.
    plugin.gives(&tokens[1], None)?;

    let same = same.display();
    let words =
        format!("answered 401 Unauthorized to tokenFile {same}: renew it; no restart is needed");
    refused.says(&words).await?;
    assert!(page(health, "/healthz").await?.starts_with(b"HTTP/1.1 200"));
    by_file.says("changed: read again").await?;
    cluster.spoil(TARGET).await?;
    by_file.says_times("bundle written", 2).await?;
    by_plugin.says("credentials could be read again").await?;
    by_file.terminate()?;
    by_plugin.says("taking the lead").await?;
    let accused = "WARN the API server answered 401";
    assert!(!by_file.log()?.contains(accused), "{}", by_file.log()?);
    for log in [by_file.log()?, refused.log()?, by_plugin.log()?] {
        for blame in ["PermissionMissing", "grant ", "no election", &tokens[0]] {
            assert!(!log.contains(blame), "{blame}\n{log}");
        }
    }
    accuses_of_nothing(&cluster).await
}

#[tokio::test]
async fn a_proxy_is_used_as_kubectl_uses_it() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let address = cluster.control_plane.address(0)?;
    let proxy = ConnectProxy::start(cluster.replica_address(8), address).await?;
    let url = proxy.url();
    let named = format!("https://{NAME}:{}", address.port());
    let asked = format!("{NAME}:{}", address.port());

    // A variable, and a name that only the proxy knows.
    let by_name = kubeconfig(&cluster, "by-name", |cluster| {
        cluster["server"] = json!(named);
        cluster["tls-server-name"] = json!("kubernetes.default.svc");
    })?;
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let before = proxy.asked().len();
        let mut once = once(&cluster, variable, &by_name, &[(variable, &url)])?;
        assert!(once.end().await?.success(), "{}", once.log()?);
        let through = proxy.asked().split_off(before);
        assert!(!through.is_empty() && through.iter().all(|to| *to == asked));
    }

    // `NO_PROXY` spares a domain from it, and does not matter to `proxy-url`.
    let before = proxy.asked().len();
    let variables = [
        ("HTTPS_PROXY", url.as_str()),
        ("NO_PROXY", "x,.example.test,"),
    ];
    let mut spared = once(&cluster, "spared", &by_name, &variables)?;
    spared.says("waiting for 60 s at most").await?;
    spared.kill()?;
    assert_eq!(proxy.asked().len(), before, "went through the proxy");
    let by_url = kubeconfig(&cluster, "by-url", |cluster| {
        cluster["server"] = json!(named);
        cluster["tls-server-name"] = json!("kubernetes.default.svc");
        cluster["proxy-url"] = json!(url);
    })?;
    let mut through = once(&cluster, "through", &by_url, &[("NO_PROXY", "*")])?;
    assert!(through.end().await?.success(), "{}", through.log()?);
    let passed = proxy.asked().len();
    assert!(passed > before);

    // What is on loopback is reached directly, as by every Go program.
    let direct = [("HTTPS_PROXY", url.as_str())];
    let mut direct = once(&cluster, "direct", &cluster.keeper_kubeconfig(), &direct)?;
    assert!(direct.end().await?.success(), "{}", direct.log()?);
    assert_eq!(proxy.asked().len(), passed);
    report(&format!("{passed} connections through a proxy"));
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_named_as_it_was_set() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let by_url = kubeconfig(&cluster, "by-url", |cluster| {
        cluster["proxy-url"] = json!("ftp://user:hunter2@proxy");
    })?;
    let mut refused = once(&cluster, "refused", &by_url, &[])?;
    assert_eq!(refused.end().await?.code(), Some(2));
    let log = refused.log()?;
    assert!(
        log.contains("proxy-url names a proxy that cannot be used"),
        "{log}"
    );
    assert!(!log.contains("kube/") && !log.contains("hunter2"), "{log}");
    Ok(())
}

#[tokio::test]
async fn refusals_of_a_moment_accuse_no_administrator() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let proxy = cluster.proxy(0).await?;
    let mut keeper = cluster.run_behind(&proxy, "keeper", &["--validating", TARGET])?;
    keeper.says("bundle written").await?;
    keeper.says("taking the lead").await?;
    for times in 2..4 {
        // An API server that has just started, and has not read its roles.
        let before = proxy.requests();
        proxy.set(Fault::Forbidden);
        proxy.cut_watches();
        until("some requests are refused", async || {
            Ok(proxy.requests() >= before + 5)
        })
        .await?;
        proxy.set(Fault::None);
        cluster.spoil(TARGET).await?;
        keeper.says_times("bundle written", times).await?;
    }
    let log = keeper.log()?;
    for blame in ["PermissionMissing", "grant ", "no election"] {
        assert!(!log.contains(blame), "{blame}\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn restarts_of_the_api_server_accuse_no_administrator_and_each_change_of_the_leader_is_told()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let mut cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mut keeper = cluster.run("keeper", &["--validating", TARGET])?;
    keeper.says("bundle written").await?;
    keeper.says("taking the lead").await?;
    for times in 1..4 {
        cluster.control_plane.kill_apiserver(0)?;
        keeper
            .says_times("standing by: the Lease could not be renewed", times)
            .await?;
        cluster.control_plane.start_apiserver(0).await?;
        keeper.says_times("leading again", times).await?;
    }
    let log = keeper.log()?;
    for blame in ["PermissionMissing", "grant ", "no election"] {
        assert!(!log.contains(blame), "{blame}\n{log}");
    }
    Ok(())
}

/// A kubeconfig that names files.
struct Files {
    kubeconfig: PathBuf,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Writes what is in a kubeconfig into files of their own, which stand beside the one that names them.
    fn unpack(cluster: &Installation, from: &Path) -> Result<Self, Failure> {
        let folder = cluster.folder().join("files");
        fs::create_dir(&folder)?;
        let files = Self {
            kubeconfig: folder.join("config"),
            ca: folder.join("ca.crt"),
            certificate: folder.join("client.crt"),
            key: folder.join("client.key"),
        };
        let mut kubeconfig = read(from)?;
        fs::write(&files.ca, cluster.control_plane.root_pem())?;
        files.write_user(&kubeconfig)?;
        let place = &mut kubeconfig["clusters"][0]["cluster"];
        *place = json!({ "server": place["server"], "certificate-authority": "ca.crt" });
        kubeconfig["users"][0]["user"] =
            json!({ "client-certificate": "client.crt", "client-key": "client.key" });
        fs::write(&files.kubeconfig, kubeconfig.to_string())?;
        Ok(files)
    }

    fn write_user(&self, kubeconfig: &Value) -> Result<(), Failure> {
        let user = &kubeconfig["users"][0]["user"];
        for (field, path) in [
            ("client-certificate-data", &self.certificate),
            ("client-key-data", &self.key),
        ] {
            let data = user[field].as_str().unwrap_or_default();
            fs::write(path, STANDARD.decode(data)?)?;
        }
        Ok(())
    }

    fn run(&self, cluster: &Installation, name: &str, flags: &[&str]) -> Result<Program, Failure> {
        cluster.run_by(&self.kubeconfig, name, flags)
    }
}

/// A credential plugin that prints what it is given.
struct Plugin {
    program: PathBuf,
    calls: PathBuf,
    answer: PathBuf,
}

impl Plugin {
    fn new(cluster: &Installation) -> Result<Self, Failure> {
        let folder = cluster.folder();
        let plugin = Self {
            program: folder.join("plugin.sh"),
            calls: folder.join("calls"),
            answer: folder.join("answer"),
        };
        let [calls, answer] = [&plugin.calls, &plugin.answer].map(|path| path.display());
        let script = format!("echo >>'{calls}'\nexec cat '{answer}'\n");
        fs::write(&plugin.program, script)?;
        fs::write(&plugin.calls, "")?;
        Ok(plugin)
    }

    /// The user of a kubeconfig.
    fn user(&self) -> Value {
        json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": [self.program],
            "interactiveMode": "Never",
        } })
    }

    fn gives(&self, token: &str, ends_in: Option<Duration>) -> Result<(), Failure> {
        let mut answer = json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": { "token": token },
        });
        if let Some(left) = ends_in {
            let now = Duration::from_secs(local_time().as_secs().try_into()?);
            let end = SystemTime::UNIX_EPOCH + now + left;
            let end = humantime::format_rfc3339_seconds(end).to_string();
            answer["status"]["expirationTimestamp"] = json!(end);
        }
        // At once: it may be asked at any time.
        let new = self.answer.with_extension("new");
        fs::write(&new, answer.to_string())?;
        Ok(fs::rename(new, &self.answer)?)
    }

    fn gives_nothing(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(&self.answer)?)
    }

    /// More often than at the start.
    async fn is_asked_again(&self) -> Result<(), Failure> {
        until("the plugin is asked again", async || {
            Ok(fs::read_to_string(&self.calls)?.lines().count() > 1)
        })
        .await
    }
}

/// A token of the keeper that ends with a Secret of its own.
async fn token(cluster: &Installation, secret: &str) -> Result<String, Failure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let object = json!({ "metadata": { "name": secret } });
    let object: Secret = serde_json::from_value(object)?;
    let made = secrets.create(&PostParams::default(), &object).await?;
    let request: TokenRequest = serde_json::from_value(json!({
        "metadata": {},
        "spec": { "audiences": [], "boundObjectRef": {
            "apiVersion": "v1",
            "kind": "Secret",
            "name": secret,
            "uid": made.metadata.uid,
        } },
    }))?;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let given = accounts
        .create_token_request("guard", &PostParams::default(), &request)
        .await?;
    Ok(given.status.ok_or("no token is given")?.token)
}

/// No Event asks an administrator for anything; that an entry was emptied is told.
async fn accuses_of_nothing(cluster: &Installation) -> Result<(), Failure> {
    let events: Api<Event> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let mut events = events.list(&ListParams::default()).await?.items;
    assert!(!events.is_empty());
    events.retain(|event| {
        let reason = event.reason.as_deref();
        event.type_.as_deref() == Some("Warning") && reason != Some("BundleRepaired")
    });
    assert!(events.is_empty(), "{events:?}");
    Ok(())
}

/// The keeper's kubeconfig with another user in it.
fn user(cluster: &Installation, name: &str, user: Value) -> Result<PathBuf, Failure> {
    changed(cluster, name, |kubeconfig| {
        kubeconfig["users"][0]["user"] = user;
    })
}

fn read(path: &Path) -> Result<Value, Failure> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The keeper's kubeconfig with another cluster in it.
fn kubeconfig(
    cluster: &Installation,
    name: &str,
    change: impl FnOnce(&mut Value),
) -> Result<PathBuf, Failure> {
    changed(cluster, name, |kubeconfig| {
        change(&mut kubeconfig["clusters"][0]["cluster"]);
    })
}

/// The keeper's kubeconfig, changed, in a file with this name.
fn changed(
    cluster: &Installation,
    name: &str,
    change: impl FnOnce(&mut Value),
) -> Result<PathBuf, Failure> {
    let mut kubeconfig = read(&cluster.keeper_kubeconfig())?;
    change(&mut kubeconfig);
    let path = cluster.folder().join(format!("{name}.kubeconfig"));
    fs::write(&path, kubeconfig.to_string())?;
    Ok(path)
}

fn once(
    cluster: &Installation,
    name: &str,
    kubeconfig: &Path,
    variables: &[(&str, &str)],
) -> Result<Program, ControlPlaneError> {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let words = [
        "webhook-certs",
        "run",
        "--once",
        "--namespace=guard-system",
        "--service=guard",
        "--validating",
        TARGET,
        &kubeconfig,
    ];
    Program::start_with(name, &words, variables, cluster.folder())
}
