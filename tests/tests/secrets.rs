//! Keys are in the two Secrets, in the key file, and nowhere else: not in what any process says at its finest level, not
//! in a process that needs none, and not in the store once they are superseded.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "secrets/history.rs"]
mod history;
#[path = "secrets/shown.rs"]
mod shown;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    ByteString,
    api::core::v1::{Event, Secret},
};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
};
use scenarios::{
    CALLED, Failure, Installation, LeakSearch, Load, Mode, PREMADE, Program, TARGET, fast_flags,
    page,
};
use serde_json::json;
use tokio::time::sleep;

const LOOK_AGAIN: Duration = Duration::from_millis(50);
const UNREADABLE: &str = "is not a record that this program can read";
const NOT_SERVED: &str = "keeping what is served";
const TAKEN: &str = "serving certificate taken";
const PAGES: [&str; 3] = ["/healthz", "/readyz", "/"];
const TRACE: [(&str, &str); 1] = [("RUST_LOG", "trace")];

type Data = BTreeMap<String, ByteString>;

/// All private keys that stood in the two Secrets at any time, by Secret and entry, in PEM.
type Keys = Arc<Mutex<BTreeMap<(String, Vec<u8>), String>>>;

#[tokio::test]
async fn keys_are_in_their_secrets_and_in_the_key_file_alone() -> Result<(), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let keys = Keys::default();
    let collecting = tokio::spawn(collect(cluster.admin.clone(), Arc::clone(&keys)));
    let files = cluster.folder().join("files");
    fs::create_dir(&files)?;
    let mut cast = Cast::start(&cluster, &files).await?;
    cluster.admitted(CALLED, 0).await?;
    let mut said = BTreeMap::new();
    cast.rotates(&cluster, "the program leads", &mut said)
        .await?;
    cast.changes_the_leader().await?;
    cast.rotates(&cluster, "the library leads", &mut said)
        .await?;
    let shown = shown::everything_that_holds_a_key(&cluster).await?;
    said.insert("Debug output".into(), shown.into_bytes());
    cast.changes_the_leader().await?;
    said.extend(everything_said(&cluster, &cast).await?);
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
    who_serves_never_asked_for_the_ca(&cluster)?;
    has_no_key_of_the_ca_in_memory(&cast.replica, &keys)?;
    has_no_key_of_the_ca_in_memory(&cast.follower, &keys)
}

fn report(text: &str) {
    use std::io::Write;
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Everybody who takes part.
struct Cast {
    /// The program, and a server with the library in it: one leads, the other stands by.
    keepers: [Program; 2],
    leader: usize,
    follower: Program,
    replica: Program,
    /// Of the program, and of the follower.
    health: [SocketAddr; 2],
}

impl Cast {
    async fn start(cluster: &Installation, files: &Path) -> Result<Self, Failure> {
        let health = [8090, 8091].map(|port| (*cluster.service.address.ip(), port).into());
        let of_keeper = cluster.keeper_kubeconfig().display().to_string();
        let of_server = cluster.server_kubeconfig().display().to_string();
        let start =
            |name, words: &[&str]| Program::start_with(name, words, &TRACE, cluster.folder());

        let kubeconfig = format!("--kubeconfig={of_keeper}");
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
        let mut program = start("keeper", &words)?;
        program.says("bundle written").await?;

        let address = cluster.replica_address(1).to_string();
        let words = ["guard", &of_keeper, &address, Mode::Keep.as_str()];
        let mut library = start("keeper-in-server", &words)?;

        let address = cluster.replica_address(0).to_string();
        let words = ["guard", &of_server, &address, Mode::ServeOnly.as_str()];
        let mut replica = start("replica", &words)?;

        let kubeconfig = format!("--kubeconfig={of_server}");
        let write_dir = format!("--write-dir={}", files.display());
        let listen = format!("--listen={}", health[1]);
        let mut words = vec!["webhook-certs", "follow", "--namespace=guard-system"];
        words.extend([
            "--serving-secret=guard-tls",
            &kubeconfig,
            &write_dir,
            &listen,
        ]);
        let mut follower = start("follower", &words)?;
        library.says("ready").await?;
        replica.says("ready").await?;
        follower.says("files written").await?;
        Ok(Self {
            keepers: [program, library],
            leader: 0,
            follower,
            replica,
            health,
        })
    }

    /// A rotation under load, and then damage. What health pages say is remembered.
    async fn rotates(
        &mut self,
        cluster: &Installation,
        when: &str,
        said: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Failure> {
        let load = Load::start(vec![cluster.admin.clone()], CALLED, 50);
        cluster.rotations(1).await?;
        let outcome = load.stop();
        assert!(outcome.is_kept(0), "{when}: {outcome}");
        self.shows_pages(when, said).await?;
        self.meets_garbage(cluster, when, said).await
    }

    /// The health pages of those that still run.
    async fn shows_pages(
        &self,
        when: &str,
        said: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Failure> {
        for address in &self.health[self.leader..] {
            for path in PAGES {
                let what = format!("{path} of {address} while {when}");
                said.insert(what, page(*address, path).await?);
            }
        }
        Ok(())
    }

    /// Both records are damaged, each by a key in the place of what belongs there, until everybody has said so.
    async fn meets_garbage(
        &mut self,
        cluster: &Installation,
        when: &str,
        said: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Failure> {
        let good = data(cluster, "guard-ca").await?;
        let mut garbled = good.clone();
        garbled.insert("state".into(), any_key(&good)?);
        let damage = put(cluster, "guard-ca", &garbled);
        let leader = &mut self.keepers[self.leader];
        all_say(vec![leader], UNREADABLE, damage).await?;
        let mut garbled = data(cluster, "guard-tls").await?;
        garbled.insert("tls.crt".into(), any_key(&garbled)?);
        let damage = put(cluster, "guard-tls", &garbled);
        all_say(self.who_serves(), NOT_SERVED, damage).await?;
        self.shows_pages(&format!("{when}, damaged"), said).await?;
        let repair = put(cluster, "guard-ca", &good);
        all_say(self.who_serves(), TAKEN, repair).await
    }

    /// The library keeps, and serves what it keeps.
    fn who_serves(&mut self) -> Vec<&mut Program> {
        let [_, library] = &mut self.keepers;
        vec![&mut self.replica, &mut self.follower, library]
    }

    /// Whoever leads ends, and the next one takes over.
    async fn changes_the_leader(&mut self) -> Result<(), Failure> {
        let ends = &mut self.keepers[self.leader];
        ends.terminate()?;
        ends.end().await?;
        self.leader += 1;
        Ok(())
    }

    fn programs(&self) -> impl Iterator<Item = &Program> {
        self.keepers.iter().chain([&self.follower, &self.replica])
    }
}

/// Waits until each of them says so once more because of what happens.
async fn all_say(
    programs: Vec<&mut Program>,
    text: &str,
    happens: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut before = Vec::new();
    for program in &programs {
        before.push(program.log()?.matches(text).count());
    }
    happens.await?;
    for (program, before) in programs.into_iter().zip(before) {
        program.says_times(text, before + 1).await?;
    }
    Ok(())
}

async fn data(cluster: &Installation, name: &str) -> Result<Data, Failure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    Ok(secrets.get(name).await?.data.unwrap_or_default())
}

async fn put(cluster: &Installation, name: &str, data: &Data) -> Result<(), Failure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let patch = json!([{ "op": "replace", "path": "/data", "value": data }]);
    let patch = Patch::Json::<()>(serde_json::from_value(patch)?);
    secrets.patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// A key that stands in a record.
fn any_key(data: &Data) -> Result<ByteString, Failure> {
    let key = data
        .iter()
        .find(|(entry, value)| entry.contains(".key") && !value.0.is_empty());
    Ok(key.ok_or("there is no key")?.1.clone())
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

/// Logs, Events, the target, and what the API server wrote down.
async fn everything_said(
    cluster: &Installation,
    cast: &Cast,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut said = BTreeMap::new();
    for program in cast.programs() {
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
    Ok(said)
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

/// Who serves, by itself or by files, may not read it, and did not.
fn who_serves_never_asked_for_the_ca(cluster: &Installation) -> Result<(), Failure> {
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
    Ok(())
}

fn has_no_key_of_the_ca_in_memory(
    program: &Program,
    keys: &BTreeMap<(String, Vec<u8>), String>,
) -> Result<(), Failure> {
    let (mut of_the_ca, mut of_the_server) = (LeakSearch::default(), LeakSearch::default());
    for (secret, pem) in keys.keys() {
        let search = if secret == "guard-ca" {
            &mut of_the_ca
        } else {
            &mut of_the_server
        };
        search.add(pem);
    }
    let name = program.name();
    let memory = memory(program)?;
    // It has its own key at hand, so the search does work.
    assert!(
        memory.iter().any(|region| of_the_server.finds_in(region)),
        "{name} has no key"
    );
    assert!(
        !memory.iter().any(|region| of_the_ca.finds_in(region)),
        "{name} has a key of the CA"
    );
    let bytes: usize = memory.iter().map(Vec::len).sum();
    report(&format!(
        "proved: bytes of the memory of {name}, searched for {} keys of the CA: {bytes} cases, 0 violations",
        of_the_ca.keys()
    ));
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
