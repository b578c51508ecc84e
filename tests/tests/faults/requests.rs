//! What networks, gateways and busy API servers do to the controller's requests, in the middle of rotations.

use std::{cell::Cell, time::Duration};

use scenarios::{Failure, Fault, PREMADE, is_whole};
use tokio::time::sleep;

use crate::{ALONE, LOOK_AGAIN, Stage, report};

/// A fault begins with a write and lasts so long: then a retry or two have failed, and a leaf has time left.
const SPELL: Duration = Duration::from_secs(3);
/// What waits for its next attempt has had it by then.
const PAUSE: Duration = Duration::from_secs(6);

const BUSY: Duration = Duration::from_secs(15);

#[tokio::test]
async fn rotations_in_which_requests_are_late_refused_cut_or_answered_from_the_past_cost_no_call()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (stage, controller) = Stage::new(PREMADE).await?;
    let sample = [
        Fault::Late(Duration::from_secs(2)),
        Fault::CutAfter,
        Fault::StaleReads,
    ];
    let faults = if is_whole("every fault of requests") {
        &Fault::ALL[..]
    } else {
        &sample[..]
    };
    for fault in faults.iter().copied() {
        let load = stage.load();
        let before = stage.proxy.requests();
        let spells = Cell::new(0_u32);
        let faults = async {
            loop {
                stage.proxy.set_from_next_write(fault);
                while stage.proxy.fault() == Fault::None {
                    sleep(LOOK_AGAIN).await;
                }
                spells.set(spells.get() + 1);
                sleep(SPELL).await;
                stage.proxy.set(Fault::None);
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = faults => {}
            rotated = stage.rotated() => rotated?,
        }
        stage.proxy.set(Fault::None);
        let requests = stage.proxy.requests() - before;
        let spells = spells.get();
        assert!(spells > 0, "no write during a rotation");
        stage.judge(
            &format!("{fault:?}, {spells} times for {SPELL:?}, {requests} requests"),
            load,
        );
    }
    drop(controller);
    Ok(())
}

#[tokio::test]
async fn a_rotation_whose_watches_are_cut_four_times_a_second_costs_no_call() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let (stage, controller) = Stage::new(PREMADE).await?;
    let load = stage.load();
    let before = stage.proxy.requests();
    let cuts = Cell::new(0_u64);
    let cutting = async {
        loop {
            stage.proxy.cut_watches();
            cuts.set(cuts.get() + 1);
            sleep(SPELL / 12).await;
        }
    };
    tokio::select! {
        () = cutting => {}
        rotated = stage.rotated() => rotated?,
    }
    let requests = stage.proxy.requests() - before;
    report(&format!(
        "watches cut {} times: {requests} requests",
        cuts.get()
    ));
    stage.judge("cut watches", load);
    drop(controller);
    Ok(())
}

/// What asks are three watches and a look at two records, and a watch that is refused wakes whoever looks.
#[tokio::test]
async fn an_api_server_that_asks_to_wait_is_not_asked_again_before() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let (stage, controller) = Stage::at_rest(PREMADE).await?;
    let waits = if is_whole("to be asked to wait for longer") {
        &[4, 8][..]
    } else {
        &[4]
    };
    for seconds in waits.iter().copied() {
        // Whatever waits for its next attempt has had it by then.
        stage.proxy.set(Fault::None);
        sleep(PAUSE).await;
        stage.proxy.set(Fault::TooManyRequests { seconds });
        let before = stage.proxy.requests();
        stage.proxy.cut_watches();
        sleep(BUSY).await;
        let requests = stage.proxy.requests() - before;
        let times = 1 + BUSY.as_secs() / seconds;
        report(&format!(
            "asked for {BUSY:?} to wait for {seconds} s: {requests} requests"
        ));
        assert!((5..=5 * times).contains(&requests), "{requests} requests");
    }
    drop(controller);
    Ok(())
}
