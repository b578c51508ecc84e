//! CA rotations under load, second by second.

use std::time::Duration;

use scenarios::{Failure, Load, Node};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{lane::Lane, plot::Drawn};

pub(crate) const PER_SECOND: u32 = 50;
pub(crate) const LIFETIMES: &str = "A CA lives nine minutes and is replaced after three; what cert-controller looks at every 12 hours, it looks at every 5 s.";
/// Of each lane.
const COUNT: usize = 3;
/// The kubelet brings a changed Secret within 90 s.
const AFTER_THE_LAST: Duration = Duration::from_secs(100);
const LIMIT: Duration = Duration::from_secs(1500);

/// What happened to both lanes in the same time.
pub(crate) struct Rotations {
    lanes: [Seen; 2],
}

struct Seen {
    lane: Lane,
    load: Load,
    /// What is another when another CA signs.
    signer: Vec<u8>,
    calls: u64,
    failed: u64,
    /// In each second.
    refused: Vec<u64>,
    /// In which second another CA began to sign.
    rotations: Vec<usize>,
}

impl Rotations {
    pub(crate) async fn watch(node: &Node, [ours, theirs]: [Lane; 2]) -> Result<Self, Failure> {
        let mut lanes = [
            Seen::start(ours, node).await?,
            Seen::start(theirs, node).await?,
        ];
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (started, mut last) = (Instant::now(), Instant::now());
        while last.elapsed() < AFTER_THE_LAST
            || lanes.iter().any(|seen| seen.rotations.len() < COUNT)
        {
            if started.elapsed() > LIMIT {
                return Err(format!("no {COUNT} rotations each within {LIMIT:?}").into());
            }
            seconds.tick().await;
            for seen in &mut lanes {
                if seen.look(node).await? {
                    last = Instant::now();
                }
            }
        }
        Ok(Self { lanes })
    }

    pub(crate) fn figures(&self) -> Vec<(String, [String; 2])> {
        let each = |figure: fn(&Seen) -> String| {
            let [ours, theirs] = &self.lanes;
            [figure(ours), figure(theirs)]
        };
        vec![
            ("calls".to_owned(), each(|seen| seen.calls.to_string())),
            (
                "CA rotations".to_owned(),
                each(|seen| seen.rotations.len().to_string()),
            ),
            (
                "calls that failed otherwise".to_owned(),
                each(|seen| seen.failed.to_string()),
            ),
            (
                "calls refused, in all".to_owned(),
                each(|seen| seen.refused.iter().sum::<u64>().to_string()),
            ),
            (
                "calls refused per CA rotation".to_owned(),
                each(|seen| seen.per_rotation(seen.refused.iter().sum())),
            ),
            (
                "seconds with refused calls, per CA rotation".to_owned(),
                each(|seen| {
                    let seconds = seen.refused.iter().filter(|refused| **refused > 0);
                    seen.per_rotation(u64::try_from(seconds.count()).unwrap_or(u64::MAX))
                }),
            ),
        ]
    }

    pub(crate) fn drawn(&self) -> [Drawn<'_>; 2] {
        let [ours, theirs] = &self.lanes;
        [ours.drawn(), theirs.drawn()]
    }
}

impl Seen {
    async fn start(lane: Lane, node: &Node) -> Result<Self, Failure> {
        lane.install(node, lane.fast).await?;
        lane.rolled_out(node).await?;
        Ok(Self {
            lane,
            load: Load::start(vec![node.client().await?], &lane.called(), PER_SECOND),
            signer: lane.signer(node).await?,
            calls: 0,
            failed: 0,
            refused: Vec::new(),
            rotations: Vec::new(),
        })
    }

    /// A second later; answers whether another CA began to sign in it.
    async fn look(&mut self, node: &Node) -> Result<bool, Failure> {
        let outcome = self.load.so_far();
        let before: u64 = self.refused.iter().sum();
        self.calls = outcome.calls;
        self.failed = outcome.failed();
        self.refused.push(outcome.refused() - before);
        let signer = self.lane.signer(node).await?;
        let is_another = signer != self.signer;
        if is_another {
            self.signer = signer;
            self.rotations.push(self.refused.len());
        }
        Ok(is_another)
    }

    fn per_rotation(&self, sum: u64) -> String {
        let count = u64::try_from(self.rotations.len()).unwrap_or(u64::MAX);
        sum.checked_div(count).unwrap_or_default().to_string()
    }

    fn drawn(&self) -> Drawn<'_> {
        Drawn {
            name: self.lane.name,
            per_second: PER_SECOND,
            refused: &self.refused,
            rotations: &self.rotations,
        }
    }
}
