//! The way to the API server changes: its CA, our credentials, a proxy in between, a restart.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
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

fn read(path: &Path) -> Result<Value, Failure> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The keeper's kubeconfig with another cluster in it.
fn kubeconfig(
    cluster: &Installation,
    name: &str,
    change: impl FnOnce(&mut Value),
) -> Result<PathBuf, Failure> {
    let mut kubeconfig = read(&cluster.keeper_kubeconfig())?;
    change(&mut kubeconfig["clusters"][0]["cluster"]);
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
