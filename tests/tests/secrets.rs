//! Keys are in the two Secrets, in the key file, and nowhere else: not in what any process says at its finest level, not
//! in a process that needs none, and not in the store once they are superseded.

#[path = "secrets/history.rs"]
mod history;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Event, Secret};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};
use rotator_core::{Authority, Record, Serving};
use scenarios::{
    CALLED, Failure, Installation, LeakSearch, Load, PREMADE, Program, TARGET, fast_flags, page,
};
use tokio::time::sleep;

const LOOK_AGAIN: Duration = Duration::from_millis(50);
const TRACE: [(&str, &str); 1] = [("RUST_LOG", "trace")];

/// All private keys that stood in the two Secrets at any time, by Secret and entry, in PEM.
type Keys = Arc<Mutex<BTreeMap<(String, Vec<u8>), String>>>;

#[tokio::test]
async fn keys_are_in_their_secrets_and_in_the_key_file_alone() -> Result<(), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let keys = Keys::default();
    let collecting = tokio::spawn(collect(cluster.admin.clone(), Arc::clone(&keys)));
    let files = cluster.folder().join("files");
    fs::create_dir(&files)?;
    let mut cast = Cast::start(&cluster, &files).await?;
    cluster.admitted(CALLED, 0).await?;
    let load = Load::start(vec![cluster.admin.clone()], CALLED, 50);
    cluster.rotations(2).await?;
    let outcome = load.stop();
    assert!(outcome.is_kept(0), "{outcome}");
    let said = everything_said(&cluster, &mut cast).await?;
    collecting.abort();
    // Nobody writes any more: this is the last key.
    look(&cluster.admin, &keys).await;

    let keys = keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut search = LeakSearch::default();
    for pem in keys.keys() {
        assert!(search.add(&pem.1), "a key that cannot be looked for");
    }
    assert!(search.keys() >= 6, "{} keys", search.keys());
    // The search can find what it looks for.
    let key_file = fs::read(files.join("tls.key"))?;
    assert!(search.finds_in(&key_file));
    for (what, text) in &said {
        assert!(!search.finds_in(text), "a part of a key is in {what}");
        assert!(
            !text.windows(11).any(|window| window == b"PRIVATE KEY"),
            "{what}"
        );
    }
    let bytes: usize = said.values().map(Vec::len).sum();
    report(&format!(
        "proved: bytes said at the finest level, searched for {} keys: {bytes} cases, 0 violations",
        search.keys()
    ));
    superseded_keys_are_gone(&cluster, &keys).await?;
    the_server_never_had_a_key_of_the_ca(&cluster, &cast.replica, &keys)
}

fn report(text: &str) {
    use std::io::Write;
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Everybody who takes part.
struct Cast {
    keeper: Program,
    follower: Program,
    replica: Program,
    health: [SocketAddr; 2],
}

impl Cast {
    async fn start(cluster: &Installation, files: &Path) -> Result<Self, Failure> {
        let health = [90, 91].map(|port| (*cluster.service.address.ip(), 8000 + port).into());
        let kubeconfig = format!("--kubeconfig={}", cluster.keeper_kubeconfig().display());
        let listen = format!("--listen={}", health[0]);
        let mut words = vec![
            "webhook-certs",
            "run",
            "--namespace=guard-system",
            "--service=guard",
        ];
        words.extend([&kubeconfig, &listen, "--validating", TARGET]);
        let fast = fast_flags();
        words.extend(fast.iter().map(String::as_str));
        let mut keeper = Program::start_with("keeper", &words, &TRACE, cluster.folder())?;

        let kubeconfig = cluster.server_kubeconfig().display().to_string();
        let address = cluster.replica_address(0).to_string();
        let words = ["guard", &kubeconfig, &address, "serve-only"];
        let mut replica = Program::start_with("replica", &words, &TRACE, cluster.folder())?;

        let kubeconfig = format!("--kubeconfig={kubeconfig}");
        let write_dir = format!("--write-dir={}", files.display());
        let listen = format!("--listen={}", health[1]);
        let mut words = vec!["webhook-certs", "follow", "--namespace=guard-system"];
        words.extend([
            "--serving-secret=guard-tls",
            &kubeconfig,
            &write_dir,
            &listen,
        ]);
        let mut follower = Program::start_with("follower", &words, &TRACE, cluster.folder())?;
        keeper.says("bundle written").await?;
        replica.says("ready").await?;
        follower.says("files written").await?;
        Ok(Self {
            keeper,
            follower,
            replica,
            health,
        })
    }
}

/// Remembers every key that appears, until aborted.
async fn collect(client: Client, keys: Keys) {
    loop {
        look(&client, &keys).await;
        sleep(LOOK_AGAIN).await;
    }
}

async fn look(client: &Client, keys: &Keys) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "guard-system");
    let found = secrets.list(&ListParams::default()).await;
    for secret in found.into_iter().flatten() {
        let name = secret.metadata.name.unwrap_or_default();
        for (entry, value) in secret.data.unwrap_or_default() {
            if entry.contains(".key") && !value.0.is_empty() {
                let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
                keys.entry((name.clone(), value.0)).or_insert(entry);
            }
        }
    }
}

/// Logs, health pages, Events, targets, `Debug` output, and what the API server wrote down. Ends the keeper.
async fn everything_said(
    cluster: &Installation,
    cast: &mut Cast,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut said = BTreeMap::new();
    for (address, path) in cast
        .health
        .iter()
        .flat_map(|address| ["/healthz", "/readyz", "/"].map(|path| (*address, path)))
    {
        said.insert(format!("{path} of {address}"), page(address, path).await?);
    }
    cast.keeper.terminate()?;
    cast.keeper.end().await?;
    for program in [&mut cast.keeper, &mut cast.follower, &mut cast.replica] {
        let log = program.log()?;
        assert!(
            log.contains("TRACE"),
            "{} does not say all it could",
            program.name()
        );
        said.insert(format!("the log of {}", program.name()), log.into_bytes());
    }
    let events: Api<Event> = Api::all(cluster.admin.clone());
    let events = events.list(&ListParams::default()).await?;
    said.insert("Events".into(), serde_json::to_vec(&events.items)?);
    let configurations = cluster.configurations("ValidatingWebhookConfiguration");
    let target: DynamicObject = configurations.get(TARGET).await?;
    said.insert("the target".into(), serde_json::to_vec(&target)?);
    said.insert(
        "the API server's log".into(),
        cluster.control_plane.log(0)?.into_bytes(),
    );
    let audit = format!("{:?}", cluster.control_plane.audit(0)?);
    said.insert("the audit log".into(), audit.into_bytes());
    said.insert("Debug output".into(), debug_output(cluster).await?);
    Ok(said)
}

/// Of everything that a program of ours reads keys from, and of what it says when it cannot.
async fn debug_output(cluster: &Installation) -> Result<Vec<u8>, Failure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let mut shown = Vec::new();
    for name in ["guard-ca", "guard-tls"] {
        let mut record = Record::new();
        for (entry, value) in secrets.get(name).await?.data.unwrap_or_default() {
            record.insert(entry, value.0);
        }
        let (serving, authority) = (Serving::decode(&record), Authority::decode(&record));
        shown.push(format!("{record:?} {serving:?} {authority:?}"));
        // A key in the place of another is damage that the message is about.
        record.insert(
            "state",
            record.expose("gen-1.key").unwrap_or_default().to_vec(),
        );
        if let Err(error) = Authority::decode(&record) {
            shown.push(format!("{error:?} {error}"));
        }
    }
    Ok(shown.join("\n").into_bytes())
}

/// The authority Secret holds the keys of the generation that signs and of its successor, and no earlier one in any entry.
async fn superseded_keys_are_gone(
    cluster: &Installation,
    keys: &BTreeMap<(String, Vec<u8>), String>,
) -> Result<(), Failure> {
    let active = cluster.active_generation().await?;
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let stored = serde_json::to_vec(&secrets.get("guard-ca").await?)?;
    let mut superseded = LeakSearch::default();
    for ((secret, pem), entry) in keys {
        let number = entry
            .strip_prefix("gen-")
            .and_then(|rest| rest.strip_suffix(".key"));
        let number = number.and_then(|number| number.parse::<u64>().ok());
        if secret == "guard-ca" && number.is_some_and(|number| number < active) {
            superseded.add(pem);
        }
    }
    assert!(
        superseded.keys() >= 2,
        "{} superseded keys",
        superseded.keys()
    );
    assert!(
        !superseded.finds_in(&stored),
        "a superseded key is still stored"
    );
    Ok(())
}

/// It may not read them, did not, and its memory has none.
fn the_server_never_had_a_key_of_the_ca(
    cluster: &Installation,
    server: &Program,
    keys: &BTreeMap<(String, Vec<u8>), String>,
) -> Result<(), Failure> {
    let asked = cluster.control_plane.audit(0)?;
    let of_server = asked
        .iter()
        .filter(|event| event.user.ends_with(":guard-server"));
    let names: Vec<_> = of_server
        .filter_map(|event| event.name.as_deref())
        .collect();
    assert!(
        names.contains(&"guard-tls") && !names.contains(&"guard-ca"),
        "{names:?}"
    );

    let (mut of_the_ca, mut of_the_server) = (LeakSearch::default(), LeakSearch::default());
    for (secret, pem) in keys.keys() {
        let search = if secret == "guard-ca" {
            &mut of_the_ca
        } else {
            &mut of_the_server
        };
        search.add(pem);
    }
    let memory = memory(server)?;
    // It serves with its own key, so the search does work.
    assert!(memory.iter().any(|region| of_the_server.finds_in(region)));
    assert!(!memory.iter().any(|region| of_the_ca.finds_in(region)));
    Ok(())
}

/// All that a process can write to, which is where it could have put a key.
fn memory(program: &Program) -> Result<Vec<Vec<u8>>, Failure> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", program.id()))?;
    let memory = fs::File::open(format!("/proc/{}/mem", program.id()))?;
    let mut regions = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let range = words.next().and_then(|range| range.split_once('-'));
        let (Some((start, end)), Some("rw-p")) = (range, words.next()) else {
            continue;
        };
        let (start, end) = (
            u64::from_str_radix(start, 16)?,
            u64::from_str_radix(end, 16)?,
        );
        let mut region = vec![0; usize::try_from(end - start)?];
        memory.read_exact_at(&mut region, start)?;
        regions.push(region);
    }
    Ok(regions)
}
