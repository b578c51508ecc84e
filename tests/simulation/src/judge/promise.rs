//! The promise: every caller accepts every replica. And the few cases in which it is not given.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cluster::SecretId,
    judge::{
        history::{Judge, Origin},
        paths::first_gap,
        shelf::{BundleId, CertId, ChainId},
        verdict::{Verdict, Violation, demand},
    },
    readers::{Caller, Replica},
};

/// Why a refusal is none of ours. Whatever is not one of these is a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// The caller has not looked since the first bundle was published into that object.
    NoBundleYet,
    /// Somebody else emptied or garbled the bundle that the caller saw.
    Emptied,
    /// Somebody else wrote a bundle of his own, which never was one of ours.
    ForeignBundle,
    /// The bundle is of a history of the authority that no cross joins to the chain's: a record was lost or restored, or
    /// another installation, and the caller has not looked since.
    OtherHistory,
    /// The caller has not looked for so long that every root in its bundle that leads to the chain has ended.
    FrozenCaller,
    /// No controller may write that target, or somebody undoes what it writes, or its flags do not name it: every root in
    /// there that leads to the chain has ended.
    Unattended,
    /// The replica has not taken the newer chains, and its own has ended.
    FrozenReplica,
    /// Nobody may write the serving record.
    Unwritable,
    /// The authority record was unreadable when the leaf had to be renewed.
    NobodyWrote,
    /// An attacker wrote the serving record and the replica took his chain, or he wrote into the target that the caller saw.
    /// Neither of them has looked since he lost the right and a controller was well.
    Attacked,
    /// A controller's clock lied, chain or bundle was written since, and one of the two has not looked since it was well
    /// again; or the bundle is from before that, and holds no root that joins it to the chain but those that the lie touched.
    AfterALie,
}

impl Refused {
    /// In words, for the figures.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::NoBundleYet => "no bundle stood there yet when the caller looked",
            Self::Emptied => "somebody had emptied or garbled the bundle that the caller saw",
            Self::ForeignBundle => "somebody had put a CA of his own in place of the bundle",
            Self::OtherHistory => "the authority record was lost or restored since, or another's",
            Self::FrozenCaller => "the caller has not looked for too long",
            Self::Unattended => "the target is forbidden, fought over or not in the configuration",
            Self::FrozenReplica => "the replica has not taken a new chain for too long",
            Self::Unwritable => "nobody may write the serving record",
            Self::NobodyWrote => "the authority record is unreadable",
            Self::Attacked => {
                "an attacker wrote the record, or into the target, and was not put out yet"
            }
            Self::AfterALie => "a clock lied, and caller or replica has not looked since",
        }
    }
}

/// Everybody who takes part in calls.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) callers: Vec<Caller>,
    pub(crate) replicas: Vec<Replica>,
    /// Serving records that nobody may write.
    pub(crate) unwritable: BTreeSet<SecretId>,
    /// Targets that somebody fights over, and what he writes.
    pub(crate) fought: BTreeMap<usize, Vec<u8>>,
    /// Targets that nobody may read or write.
    pub(crate) forbidden: BTreeSet<usize>,
    /// Until when the controllers' work is good for a record's leaf to be valid.
    pub(crate) assured_until: BTreeMap<SecretId, i64>,
    /// None if it is not given, or not any more.
    pub(crate) promise: Option<Promise>,
    /// By installation: the targets that its flags do not name.
    pub(crate) unlisted: Vec<BTreeSet<usize>>,
    /// The refusals that something in this life can have caused until now.
    pub(crate) accounted: BTreeSet<Refused>,
    /// Whether an attacker ever held the Lease.
    pub(crate) was_leaderless: bool,
    /// When a clock lied first.
    pub(crate) lied_since: Option<i64>,
    /// The installations whose records have not been as they should be since a lie.
    pub(crate) misled: BTreeSet<usize>,
    /// Since when the records are as they should be after the last lie; none during one.
    pub(crate) sane_since: Option<i64>,
}

/// For how long what was seen is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    /// T - P - L: a bundle that was whole.
    pub(crate) window: i64,
    /// A chain that the record held.
    pub(crate) reserve: i64,
}

impl Bench {
    /// Whether no controller of this installation keeps the target in order.
    pub(crate) fn is_unattended(&self, target: usize, installation: usize) -> bool {
        self.forbidden.contains(&target)
            || self.fought.contains_key(&target)
            || self.unlisted[installation].contains(&target)
    }
}

/// One call that was refused.
struct Refusal<'a> {
    caller: &'a Caller,
    replica: &'a Replica,
    chain: ChainId,
    bundle: BundleId,
    target: usize,
    /// By the caller's clock.
    at: i64,
}

/// What calls there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) verified: u64,
    pub(crate) refused: BTreeMap<Refused, u64>,
    /// Every so many calls one is kept, for other verifiers to judge; 0: none.
    pub(crate) keep_each: u64,
    pub(crate) kept: Vec<Call>,
}

/// One call, as a verifier needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The leaf first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) anchors: Vec<Vec<u8>>,
    /// By the caller's clock.
    pub(crate) at: i64,
    pub(crate) is_accepted: bool,
}

impl Judge {
    /// Lets every caller call every replica at every second from `from` to `to`, in which nothing changes.
    pub(crate) fn calls(
        &mut self,
        bench: &Bench,
        (from, to): (i64, i64),
        calls: &mut Calls,
    ) -> Verdict {
        for replica in bench.replicas.iter().filter(|replica| replica.is_ready) {
            let Some(chain) = replica.in_hand else {
                continue;
            };
            for caller in &bench.callers {
                for (target, seen) in caller.seen.iter().enumerate() {
                    let version = &self.targets[target].versions[*seen];
                    for bundle in version.bundles.clone().into_iter().flatten() {
                        calls.verified += 1;
                        let windows = self.shelf.windows(chain, bundle);
                        let gap = first_gap(&windows, from + caller.offset, to + caller.offset);
                        demand(
                            windows.is_empty()
                                || self.hostile.targets.contains(&target)
                                || !self.hostile.has_made(chain, &self.shelf),
                            "I10",
                            || format!("a caller of target {target} accepts an attacker's leaf"),
                        )?;
                        if calls.keep_each > 0 && calls.verified.is_multiple_of(calls.keep_each) {
                            let at = gap.unwrap_or(to + caller.offset);
                            calls.kept.push(self.kept(chain, bundle, at, gap.is_none()));
                        }
                        let Some(at) = gap else {
                            continue;
                        };
                        let call = Refusal {
                            caller,
                            replica,
                            chain,
                            bundle,
                            target,
                            at,
                        };
                        let reason = self.excuse(bench, &call)?;
                        demand(bench.accounted.contains(&reason), "residual", || {
                            format!("refused: {reason:?}, which nothing until now accounts for")
                        })?;
                        *calls.refused.entry(reason).or_default() += 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn kept(&self, chain: ChainId, bundle: BundleId, at: i64, is_accepted: bool) -> Call {
        let ders = |certs: &[CertId]| {
            let ders = certs.iter().map(|cert| self.shelf.get(*cert).der.clone());
            ders.collect()
        };
        Call {
            chain: ders(self.shelf.served(chain)),
            anchors: ders(self.shelf.anchors(bundle)),
            at,
            is_accepted,
        }
    }

    /// Why the refusal is none of ours; a violation if it is.
    fn excuse(&mut self, bench: &Bench, call: &Refusal<'_>) -> Result<Refused, Violation> {
        let id = SecretId::Serving {
            installation: call.replica.installation,
            record: call.replica.record,
        };
        if self.is_attacked(call, id) {
            return Ok(Refused::Attacked);
        }
        let is_sane = bench
            .sane_since
            .is_some_and(|since| call.caller.looked_at >= since && call.replica.shown_at >= since);
        let is_old = bench
            .lied_since
            .is_none_or(|since| self.is_from_before(since, call, id));
        if !is_sane && !is_old {
            return Ok(Refused::AfterALie);
        }
        let leaf = self.shelf.leaf(call.chain);
        if leaf.not_after < call.at {
            return self.excuse_ended_leaf(bench, call, id);
        }
        let seen = call.caller.seen[call.target];
        let versions = &self.targets[call.target].versions;
        if self.shelf.anchors(call.bundle).is_empty() {
            return Ok(
                if versions[..seen].iter().all(|version| version.is_foreign) {
                    Refused::NoBundleYet
                } else {
                    Refused::Emptied
                },
            );
        }
        let Some(published) = self.published.get(&call.bundle).copied() else {
            return Ok(Refused::ForeignBundle);
        };
        let origin = self.serving[&id].origins.get(&call.chain).copied();
        let Some(origin) = origin else {
            return Ok(Refused::OtherHistory);
        };
        let joined = self.joined(call, origin, is_old);
        if joined.is_empty() {
            return self.excuse_what_is_not_joined(bench, call, origin, published);
        }
        if let Some((from, to)) = joined
            .iter()
            .find(|(from, to)| *from <= call.at && call.at <= *to)
        {
            return Err(Violation::new(
                "promise",
                format!(
                    "a caller holds a root that is good from {from} to {to} and refuses a chain of generation {} at {}",
                    origin.generation, call.at
                ),
            ));
        }
        self.excuse_frozen_caller(bench, call)
    }

    /// Whether the replica serves an attacker's chain, and was not shown the record since he was put out; or the caller saw
    /// what he wrote into the target.
    fn is_attacked(&self, call: &Refusal<'_>, id: SecretId) -> bool {
        let healed = self.hostile.records.get(&id);
        let is_his = self.hostile.has_made(call.chain, &self.shelf)
            && healed
                .is_some_and(|healed| healed.is_none_or(|since| call.replica.shown_at < since));
        let versions = &self.targets[call.target].versions;
        is_his || versions[call.caller.seen[call.target]].is_attack
    }

    /// No root in the bundle leads to the chain, or none but those that a lie touched.
    fn excuse_what_is_not_joined(
        &self,
        bench: &Bench,
        call: &Refusal<'_>,
        origin: Origin,
        published: i64,
    ) -> Result<Refused, Violation> {
        if self.joined(call, origin, true).is_empty() {
            return Ok(Refused::OtherHistory);
        }
        // What was published since the clocks are right holds a root that no lie touched, unless somebody put back a record
        // from before, or another installation wrote it.
        let since = bench.sane_since.unwrap_or(i64::MAX);
        let is_restored = origin.epoch > self.authorities[call.replica.installation].mended;
        let is_another = self.authorities.len() > 1;
        demand(
            published <= since || is_restored || is_another,
            "lie",
            || format!("a bundle first published at {published}, after the last lie, is refused"),
        )?;
        Ok(Refused::AfterALie)
    }

    /// Whether neither the chain nor the bundle was written since then.
    fn is_from_before(&self, since: i64, call: &Refusal<'_>, id: SecretId) -> bool {
        let published = self.published.get(&call.bundle);
        let origin = self.serving[&id].origins.get(&call.chain);
        published.is_none_or(|at| *at < since) && origin.is_none_or(|origin| origin.since < since)
    }

    /// The roots in the bundle that stood in the record in the history of the chain: their first and last seconds.
    fn joined(&self, call: &Refusal<'_>, origin: Origin, with_tainted: bool) -> Vec<(i64, i64)> {
        let history = &self.authorities[call.replica.installation];
        let anchors = self.shelf.anchors(call.bundle).iter();
        let joined = anchors.filter(|anchor| {
            let epochs = history.roots.get(anchor);
            (with_tainted || !history.tainted.contains(anchor))
                && epochs.is_some_and(|epochs| epochs.contains(&origin.epoch))
        });
        joined
            .map(|anchor| self.shelf.get(*anchor))
            .map(|root| (root.not_before, root.not_after))
            .collect()
    }

    fn excuse_frozen_caller(
        &self,
        bench: &Bench,
        call: &Refusal<'_>,
    ) -> Result<Refused, Violation> {
        let refused = if bench.is_unattended(call.target, call.replica.installation) {
            Refused::Unattended
        } else {
            Refused::FrozenCaller
        };
        let Some(Promise { window, .. }) = bench.promise else {
            // Stand-bys do what is late: a caller that saw the present bundle is refused by nobody meanwhile.
            let history = &self.authorities[call.replica.installation];
            let versions = &self.targets[call.target].versions;
            let seen = call.caller.seen[call.target];
            // What a tool put back is another matter.
            let is_newest = seen + 1 == versions.len() && !versions[seen].is_foreign;
            let is_plain = bench.lied_since.is_none() && history.epoch == 0;
            demand(
                !(bench.was_leaderless
                    && is_plain
                    && is_newest
                    && refused == Refused::FrozenCaller),
                "Lease",
                || {
                    format!(
                        "a caller of target {} that saw what stands there is refused",
                        call.target
                    )
                },
            )?;
            return Ok(refused);
        };
        let whole = self.targets[call.target].whole_until.get(&call.bundle);
        let now = call.at - call.caller.offset;
        match whole {
            Some(whole) if now - whole <= window => Err(Violation::new(
                "window",
                format!("a bundle that was whole {} s ago is refused", now - whole),
            )),
            _ => Ok(refused),
        }
    }

    fn excuse_ended_leaf(
        &self,
        bench: &Bench,
        call: &Refusal<'_>,
        id: SecretId,
    ) -> Result<Refused, Violation> {
        let versions = &self.serving[&id].versions;
        let newest = versions.iter().rev().find_map(|version| *version);
        let now = call.at - call.caller.offset;
        if newest != Some(call.chain) {
            let shown = now.saturating_sub(call.replica.took_at);
            let is_late = bench
                .promise
                .is_none_or(|promise| bench.unwritable.contains(&id) || shown > promise.reserve);
            demand(is_late, "window", || {
                format!("a chain that the record held {shown} s ago has ended")
            })?;
            return Ok(Refused::FrozenReplica);
        }
        let assured = bench
            .assured_until
            .get(&id)
            .is_some_and(|until| now <= *until);
        if bench.unwritable.contains(&id) {
            return Ok(Refused::Unwritable);
        }
        if !assured {
            let is_sane = bench.sane_since.is_some_and(|since| since <= now);
            return Ok(if bench.lied_since.is_some() && !is_sane {
                Refused::AfterALie
            } else {
                Refused::NobodyWrote
            });
        }
        Err(Violation::new(
            "availability",
            format!(
                "the served leaf ended before {} though a controller was well",
                call.at
            ),
        ))
    }
}
