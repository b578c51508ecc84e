//! Local clocks that are wrong, or jump, under load.

use certgen::{Chain, UnixTime};
use kube_adapter::local_time;
use scenarios::{
    CALLED, Failure, FakeClock, Installation, Load, Mode, PREMADE, Program, TARGET, Wire,
};

use crate::{
    ALONE,
    events::{events, told},
    report,
};

const PER_SECOND: u32 = 150;
const HOURS: i64 = 2 * 3600;
const TEN_YEARS: i64 = 10 * 365 * 86_400;
const TAKEN: &str = "serving certificate taken";
const OFF: &str = "the local clock is off";
const REFUSED: &str = "by the local clock the API server's certificate ";
const NOT_BELIEVED: &str = "the API server is not believed";

#[tokio::test]
async fn keepers_two_hours_ahead_and_two_hours_behind_refuse_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let kubeconfig = cluster.keeper_kubeconfig();
    let mut replicas = Vec::new();
    for (index, ahead) in [(0, HOURS), (1, -HOURS)] {
        let clock = FakeClock::new(&format!("clock-{index}"), ahead, cluster.folder())?;
        let mut replica = cluster.replica_under(&clock, index, Mode::Keep, &kubeconfig)?;
        replica.says("ready").await?;
        replicas.push(replica);
    }
    cluster.admitted(CALLED, 0).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    let leaves = cluster.rotations(3).await?;
    let outcome = load.stop();
    report(&format!(
        "2 h ahead and 2 h behind, 3 rotations, {leaves} leaves: {outcome}"
    ));
    assert!(outcome.is_kept(2000) && leaves >= 6, "{leaves} {outcome}");
    for replica in &replicas {
        warned_once(&replica.log()?)?;
    }
    let warnings = events(&cluster).await?;
    let warnings = warnings
        .iter()
        .filter(|event| event.reason.as_deref() == Some("ClockSkewed"));
    let notes: Vec<_> = warnings.filter_map(|event| event.note.clone()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    notes.iter().try_for_each(|note| names_both_clocks(note))
}

#[tokio::test]
async fn a_clock_that_jumps_in_the_middle_of_rotations_refuses_no_call() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let clock = FakeClock::new("clock", 0, cluster.folder())?;
    let mut flags = scenarios::fast_flags();
    flags.extend(["--validating".to_owned(), TARGET.to_owned()]);
    let keeper = cluster.keeper_kubeconfig();
    let mut controller = cluster.run_under(&clock, "controller", &keeper, &flags)?;
    let server = cluster.server_kubeconfig();
    let mut jumping = cluster.replica_under(&clock, 0, Mode::ServeOnly, &server)?;
    let mut steady = cluster.replica(1, Mode::ServeOnly)?;
    for replica in [&mut jumping, &mut steady] {
        replica.says("ready").await?;
    }
    cluster.admitted(CALLED, 0).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND);
    for ahead in [HOURS, -HOURS, 0] {
        // A successor is published and does not sign yet: the middle of a rotation.
        let successors = count(&controller, "successor created")?;
        controller
            .says_times("successor created", successors + 1)
            .await?;
        clock.set(ahead)?;
        let promotions = count(&controller, "signs now")?;
        controller.says_times("signs now", promotions + 1).await?;
    }
    controller.says("the local clock is right again").await?;
    let outcome = load.stop();
    report(&format!("3 jumps in 3 rotations: {outcome}"));
    assert!(outcome.is_kept(2000), "{outcome}");
    warned_once(&controller.log()?)?;
    let event = told(&cluster, "ClockSkewed", "").await?;
    names_both_clocks(&event.note.unwrap_or_default())
}

#[tokio::test]
async fn ten_years_ahead_others_go_on_and_what_is_served_stays_served() -> Result<(), Failure> {
    ten_years(TEN_YEARS).await
}

#[tokio::test]
async fn ten_years_behind_others_go_on_and_what_is_served_stays_served() -> Result<(), Failure> {
    ten_years(-TEN_YEARS).await
}

/// The clock of the leading controller and of one replica jumps, so far that the API server's own certificate is not valid
/// by it, while the connections to the API server end.
async fn ten_years(ahead: i64) -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(2, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    let mut cast = Cast::start(&cluster).await?;
    let leaf_ends = leaf_ends(&cluster).await?;

    let clients = vec![
        cluster.control_plane.client(0).await?,
        cluster.control_plane.client(1).await?,
    ];
    let load = Load::start(clients, CALLED, PER_SECOND);
    cast.jump(&cluster, ahead)?;
    let log = cast.jumping.says(NOT_BELIEVED).await?;
    let written = written(&log);
    let served = cast.jumping_replica.says(REFUSED).await?;
    cast.jumping
        .says("standing by: the Lease could not be renewed")
        .await?;
    cast.sane.says("taking the lead").await?;
    cluster.rotations(1).await?;
    let outcome = load.stop();
    // More rotations would outlast it.
    let left = leaf_ends.saturating_since(local_time());
    report(&format!(
        "{ahead} s ahead, {} s left of the certificate that stayed: {outcome}",
        left.as_secs()
    ));
    assert!(!left.is_zero(), "this machine is too slow for this");
    assert!(outcome.is_kept(1000), "{outcome}");
    for log in [&log, &served] {
        says_why(log, ahead)?;
    }
    let log = cast.jumping.log()?;
    assert_eq!(self::written(&log), written, "it wrote on");
    assert_eq!(cluster.control_plane.audit(1)?, [], "it was answered");
    assert!(log.matches("by the local clock").count() <= 3, "{log}");

    let taken = count(&cast.jumping_replica, TAKEN)?;
    cast.clock.set(0)?;
    cast.jumping_replica.says_times(TAKEN, taken + 1).await?;
    cast.jumping.says("the local clock is right again").await?;
    Ok(())
}

/// Two controllers and two replicas; the clock of one of each will jump.
struct Cast {
    clock: FakeClock,
    wires: [Wire; 2],
    jumping: Program,
    jumping_replica: Program,
    sane: Program,
    _sane_replica: Program,
}

impl Cast {
    /// The controller that will jump leads; the replicas have a fresh certificate in hand, which outlasts what follows.
    async fn start(cluster: &Installation) -> Result<Self, Failure> {
        let clock = FakeClock::new("clock", 0, cluster.folder())?;
        let wires = [cluster.wire(0, 0).await?, cluster.wire(1, 0).await?];
        let keeper = cluster.through(&wires[0], &cluster.keeper_kubeconfig())?;
        let server = cluster.through(&wires[1], &cluster.server_kubeconfig())?;
        let flags = slow_flags();
        let mut jumping = cluster.run_under(&clock, "jumping", &keeper, &flags)?;
        jumping.says("taking the lead").await?;
        let sane = cluster.run("sane", &flags)?;
        let mut jumping_replica = cluster.replica_under(&clock, 0, Mode::ServeOnly, &server)?;
        let mut sane_replica = cluster.replica(1, Mode::ServeOnly)?;
        let replicas = [&mut jumping_replica, &mut sane_replica];
        for replica in replicas {
            replica.says("ready").await?;
            let taken = count(replica, TAKEN)?;
            replica.says_times(TAKEN, taken + 1).await?;
        }
        cluster.admitted(CALLED, 0).await?;
        Ok(Self {
            clock,
            wires,
            jumping,
            jumping_replica,
            sane,
            _sane_replica: sane_replica,
        })
    }

    /// The wires lead to the other API server from then on, which nobody else asks, and which resumes no TLS session of the
    /// first: the certificate is verified anew.
    fn jump(&self, cluster: &Installation, ahead: i64) -> Result<(), Failure> {
        self.clock.set(ahead)?;
        for wire in &self.wires {
            wire.move_to(cluster.control_plane.address(1)?);
        }
        Ok(())
    }
}

/// A rotation every twenty seconds or so; a certificate lasts for three of them.
fn slow_flags() -> Vec<String> {
    [
        "--ca-lifetime=96s",
        "--ca-renew-after=20s",
        "--dwell=4s",
        "--leaf-lifetime=70s",
        "--leaf-renew-before=60s",
        "--clock-allowance=2s",
        "--validating",
        TARGET,
    ]
    .map(str::to_owned)
    .into()
}

async fn leaf_ends(cluster: &Installation) -> Result<UnixTime, Failure> {
    let chain = Chain::from_pem(&cluster.entry("guard-tls", "tls.crt").await?)?;
    Ok(chain.leaf().facts().not_after)
}

/// How many records and bundles it says that it wrote.
fn written(log: &str) -> usize {
    [
        "authority created",
        "successor created",
        "signs now",
        "forgotten",
        "certificate issued",
        "bundle written",
    ]
    .iter()
    .map(|words| log.matches(words).count())
    .sum()
}

fn count(program: &Program, words: &str) -> Result<usize, Failure> {
    Ok(program.log()?.matches(words).count())
}

/// One warning, that names both clocks.
fn warned_once(log: &str) -> Result<(), Failure> {
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(OFF)).collect();
    let [warning] = warnings.as_slice() else {
        return Err(format!("not one warning but {warnings:?}").into());
    };
    assert!(warning.contains("WARN"), "{warning}");
    names_both_clocks(warning)
}

/// The two are two hours apart.
fn names_both_clocks(sentence: &str) -> Result<(), Failure> {
    let (_, sentence) = sentence.split_once("it says ").ok_or("no local clock")?;
    let (local, sentence) = sentence
        .split_once(", the API servers say ")
        .ok_or("no API server's clock")?;
    let (witnessed, _) = sentence.split_once(" to ").ok_or("no bounds")?;
    let apart = seconds(local)? - seconds(witnessed)?;
    assert!((apart.abs() - HOURS).abs() < 60, "{local} {witnessed}");
    Ok(())
}

/// Both times, and the date of the API server's certificate that lies between them.
fn says_why(log: &str, ahead: i64) -> Result<(), Failure> {
    let (_, sentence) = log
        .split_once(REFUSED)
        .ok_or_else(|| format!("not a word on the API server's certificate: {log}"))?;
    let sentence = sentence.lines().next().unwrap_or_default();
    let (certificate, sentence) = sentence
        .split_once(", and that clock says ")
        .ok_or("no local clock")?;
    let (local, sentence) = sentence
        .split_once("; by the API server's last answer it is ")
        .ok_or("no API server's clock")?;
    let (witnessed, advice) = sentence.split_once(" to ").ok_or("no bounds")?;
    let (verb, date) = certificate.split_once(' ').ok_or("no date")?;
    assert_eq!(verb, if ahead > 0 { "ended" } else { "starts" });
    let (local, date, witnessed) = (seconds(local)?, seconds(date)?, seconds(witnessed)?);
    assert!(((local - witnessed) - ahead).abs() < 600, "{sentence}");
    assert!((local < date) == (date < witnessed), "{sentence}");
    assert!(advice.contains("set the local clock right"), "{advice}");
    Ok(())
}

/// Reads what [`UnixTime`] writes.
fn seconds(text: &str) -> Result<i64, Failure> {
    let time: k8s_openapi::jiff::Timestamp = text.trim().parse()?;
    Ok(time.as_second())
}
