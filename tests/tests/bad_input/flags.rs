//! Mistakes that show before anything is asked of a cluster.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use scenarios::{Failure, Program};

use crate::check_words;

/// A cluster that nobody can reach: the port is closed.
const NOWHERE: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
"#;

fn nowhere(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("kubeconfig");
    fs::write(&path, NOWHERE)?;
    Ok(format!("--kubeconfig={}", path.display()))
}

/// Runs to the end; the program must say all of `words` and end with `code`.
async fn refused(arguments: &[&str], code: i32, words: &[&str]) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let run = ["run", "--namespace=guard-system", "--service=guard"];
    let arguments: Vec<&str> = match arguments.first() {
        Some(&"follow" | &"demo") => arguments.to_vec(),
        _ => run.iter().chain(arguments).copied().collect(),
    };
    let mut program = Program::start("program", "webhook-certs", &arguments, folder.path())?;
    let status = program.end().await?;
    let log = program.log()?;
    assert_eq!(status.code(), Some(code), "{log}");
    for words in words {
        assert!(log.contains(words), "{words} not in: {log}");
    }
    check_words(&log);
    Ok(())
}

#[tokio::test]
async fn durations_that_contradict_each_other_are_named() -> Result<(), Failure> {
    refused(
        &["--ca-lifetime=10d"],
        2,
        &["--ca-lifetime is 10d", "--ca-renew-after", "213d"],
    )
    .await?;
    refused(
        &["--leaf-renew-before=40d"],
        2,
        &["--leaf-renew-before is 40d", "--leaf-lifetime only 30d"],
    )
    .await?;
    refused(&["--dwell=0s"], 2, &["--dwell"]).await
}

#[tokio::test]
async fn lifetimes_of_seconds_with_an_allowance_of_an_hour_are_refused() -> Result<(), Failure> {
    let seconds = [
        "--ca-lifetime=60s",
        "--ca-renew-after=20s",
        "--dwell=5s",
        "--leaf-lifetime=20s",
        "--leaf-renew-before=10s",
    ];
    refused(&seconds, 2, &["--clock-allowance (it is 1h)"]).await
}

#[tokio::test]
async fn values_that_are_none_are_named() -> Result<(), Failure> {
    refused(
        &["--key-algorithm=rsa"],
        2,
        &["rsa", "--key-algorithm", "p256, p384, ed25519"],
    )
    .await?;
    refused(&["--ca-lifetime=soon"], 2, &["soon", "--ca-lifetime"]).await?;
    refused(&["--key-mode=999"], 2, &["--key-mode", "0640"]).await?;
    refused(
        &["--dns-name=a b"],
        2,
        &["--dns-name", "\"a b\" is not a DNS name"],
    )
    .await
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() -> Result<(), Failure> {
    refused(
        &["--kubeconfig=/nowhere/config"],
        2,
        &[
            "--kubeconfig /nowhere/config cannot be used",
            "No such file",
        ],
    )
    .await?;
    let folder = tempfile::tempdir()?;
    refused(
        &[&nowhere(folder.path())?, "--context=other"],
        2,
        &["other"],
    )
    .await
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() -> Result<(), Failure> {
    let (folder, words) = (
        tempfile::tempdir()?,
        "--write-dir: /proc/nowhere cannot be written",
    );
    let kubeconfig = nowhere(folder.path())?;
    refused(&[&kubeconfig, "--write-dir=/proc/nowhere"], 1, &[words]).await?;
    let follow = [
        "follow",
        "--namespace=n",
        "--serving-secret=s",
        &kubeconfig,
        "--write-dir=/proc/nowhere",
    ];
    refused(&follow, 1, &[words]).await
}

#[tokio::test]
async fn a_folder_that_others_may_write_is_refused_with_the_command_that_mends_it()
-> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let shared = folder.path().canonicalize()?.join("shared");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777))?;
    let words = format!(
        "--write-dir: {0}: other users may write into it (mode 0777) and can replace the key and the certificate; \
         run `chmod go-w {0}`, or name another folder",
        shared.display()
    );
    let kubeconfig = nowhere(folder.path())?;
    let write_dir = format!("--write-dir={}", shared.join("certs").display());
    refused(&[&kubeconfig, &write_dir], 1, &[&words]).await?;
    let follow = [
        "follow",
        "--namespace=n",
        "--serving-secret=s",
        &kubeconfig,
        &write_dir,
    ];
    refused(&follow, 1, &[&words]).await
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let listen = format!("--listen={}", taken.local_addr()?);
    refused(
        &[&nowhere(folder.path())?, &listen],
        1,
        &["--listen", "in use"],
    )
    .await
}

#[tokio::test]
async fn an_api_server_that_cannot_be_reached_is_told_of_once_and_waited_for() -> Result<(), Failure>
{
    let folder = tempfile::tempdir()?;
    let arguments = [
        "run",
        "--namespace=guard-system",
        "--service=guard",
        "--validating=guard.example.com",
        &nowhere(folder.path())?,
    ];
    let mut program = Program::start("program", "webhook-certs", &arguments, folder.path())?;
    program.says("the API server does not answer").await?;
    // It tries again at once, after one second and after two: none of that is told.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    program.terminate()?;
    assert!(program.end().await?.success());
    let log = program.log()?;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.contains("Connection refused") && log.contains("stopping"),
        "{log}"
    );
    check_words(&log);
    Ok(())
}

/// The variables that `webhook-certs COMMAND --help` names.
async fn variables(command: &str) -> Result<Vec<String>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut help = Program::start("help", "webhook-certs", &[command, "--help"], folder.path())?;
    assert!(help.end().await?.success());
    let help = help.log()?;
    let names = help.split("[env: ").skip(1);
    let names = names.filter_map(|rest| rest.split(['=', ']']).next());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.push("RUST_LOG".into());
    assert!(names.len() > 8, "{help}");
    for code in ["0 ", "1 ", "2 ", "124 "] {
        assert!(help.contains(&format!("\n  {code}")), "{code} in: {help}");
    }
    Ok(names)
}

#[tokio::test]
async fn an_empty_variable_is_an_unset_one_for_every_flag() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = nowhere(folder.path())?;
    let write_dir = format!("--write-dir={}", folder.path().display());
    for (command, flags) in [
        ("run", ["--service=guard", "--once"]),
        ("follow", [&write_dir, "--serving-secret=guard-tls"]),
    ] {
        for value in ["", " "] {
            let mut words = vec!["webhook-certs", command, &kubeconfig, "--namespace=n"];
            words.extend(flags);
            // Neither decides whether it ends.
            words.extend(
                ["--once", "--timeout=0"]
                    .iter()
                    .filter(|flag| !flags.contains(flag)),
            );
            let names = variables(command).await?;
            let empty: Vec<(&str, &str)> =
                names.iter().map(|name| (name.as_str(), value)).collect();
            let mut program = Program::start_with("program", &words, &empty, folder.path())?;
            let (code, log) = (program.end().await?.code(), program.log()?);
            assert_eq!(code, Some(124), "{command}: {log}");
            assert!(log.contains("gave up after --timeout 0s"), "{log}");
            if command == "run" {
                assert!(log.contains("no target is named"), "{log}");
            }
        }
    }
    // What must be given is missed, and not empty.
    let words = ["webhook-certs", "run", "--service=guard"];
    let empty = [("WEBHOOK_CERTS_NAMESPACE", "")];
    let mut program = Program::start_with("program", &words, &empty, folder.path())?;
    let (code, log) = (program.end().await?.code(), program.log()?);
    assert_eq!(code, Some(2), "{log}");
    assert!(
        log.contains("not provided") && log.contains("--namespace <NS>"),
        "{log}"
    );
    Ok(())
}

#[tokio::test]
async fn a_name_that_kubernetes_cannot_have_is_refused_with_flag_and_value() -> Result<(), Failure>
{
    for (flag, value) in [
        ("--validating", "Guard.example.com"),
        ("--validating", "guard.example.com/"),
        ("--validating", "guard.example.com/A"),
        ("--validating", "a b"),
        ("--mutating", "guard_example"),
        ("--mutating", ""),
        ("--crd", "etcds"),
        ("--crd", "etcds.db"),
        ("--crd", "etcds.db.example.com/x"),
        ("--crd", ","),
        ("--apiservice", "v1"),
        ("--apiservice", "v1."),
        ("--provider", "Guard"),
        ("--authority-secret", "guard/ca"),
        ("--authority-secret", ""),
        ("--serving-secret", "Guard-tls"),
        ("--serving-secret", "guard-tls:"),
        ("--serving-secret", ""),
        ("--namespace", "guard.system"),
        ("--service", "guard."),
    ] {
        let folder = tempfile::tempdir()?;
        let mut flags = vec![("--namespace", "guard-system"), ("--service", "guard")];
        flags.retain(|(other, _)| *other != flag);
        flags.push((flag, value));
        let flags = flags.iter().map(|(flag, value)| format!("{flag}={value}"));
        let words: Vec<String> = std::iter::once("run".to_owned()).chain(flags).collect();
        let mut program = Program::start("program", "webhook-certs", &words, folder.path())?;
        let (code, log) = (program.end().await?.code(), program.log()?);
        assert_eq!(code, Some(2), "{flag}={value}: {log}");
        assert!(log.contains(&format!("'{value}' for '{flag} ")), "{log}");
        check_words(&log);
    }
    let follow = [
        "follow",
        "--namespace=n",
        "--write-dir=/tmp",
        "--serving-secret=A",
    ];
    refused(&follow, 2, &["'A' for '--serving-secret "]).await
}

#[tokio::test]
async fn settings_that_exclude_each_other_do_so_only_if_both_are_meant() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = nowhere(folder.path())?;
    refused(
        &[&kubeconfig, "--once", "--nudge-pods=app=guard"],
        2,
        &["--nudge-pods cannot be used with --once"],
    )
    .await?;
    let words = [
        "webhook-certs",
        "run",
        "--namespace=n",
        "--service=guard",
        &kubeconfig,
        "--nudge-pods=app=guard",
    ];
    let no = [("WEBHOOK_CERTS_ONCE", "false")];
    let mut program = Program::start_with("program", &words, &no, folder.path())?;
    program.says("no target is named").await?;
    program.terminate()?;
    assert!(program.end().await?.success());
    Ok(())
}
