//! Carrying out one action: make what is to be made, check it, and write it if nothing moved.
//!
//! Nothing that a key signed leaves here before the record that holds the key was written and that write won.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use certgen::{
    Anchor, Bundle, Chain, Fingerprint, LeafRequest, PrivateKey, RootCert, RootRequest,
    ServerNames, UnixTime, VerifyError, issue_cross, issue_leaf, issue_root, parse_bundle, verify,
};

use crate::{
    authority_record::{Amendment, Authority, Generation, amended},
    bounds::TimeBounds,
    observe::{Loaded, Read},
    plan::{Action, NewLeaf, NewRoot, Publication},
    ports::{Clock, Entropy, Ports, SecretStore, WebhookPatcher},
    report::{Event, ForeignCertificate, Published},
    serving_record::{self, Serving},
    settings::Settings,
    step_error::StepError,
    target::{EntryBundle, EntryEdit, EntryView, TargetView},
};

pub(crate) async fn carry_out<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    action: &Action,
    now: TimeBounds,
) -> Result<Event, StepError>
where
    A: SecretStore,
    S: SecretStore,
    P: WebhookPatcher,
    C: Clock,
    E: Entropy,
{
    match action {
        Action::CreateAuthority(root) | Action::CreateSuccessor(root) => {
            add_generation(settings, ports, loaded, root).await
        }
        Action::Promote { generation, .. } => {
            amend(settings, ports, loaded, &Amendment::Promote(*generation)).await?;
            Ok(Event::Promoted {
                generation: *generation,
            })
        }
        Action::Mark { at } => {
            amend(settings, ports, loaded, &Amendment::Mark(Some(*at))).await?;
            Ok(Event::Marked { at: *at })
        }
        Action::Unmark => {
            amend(settings, ports, loaded, &Amendment::Mark(None)).await?;
            Ok(Event::Unmarked)
        }
        Action::Forget { generations } => {
            amend(settings, ports, loaded, &Amendment::Forget(generations)).await?;
            Ok(Event::Forgotten {
                generations: generations.clone(),
            })
        }
        Action::IssueLeaf(leaf) => replace_leaf(settings, ports, loaded, leaf, now).await,
        Action::Publish(publication) => publish(ports, loaded, publication).await,
    }
}

async fn amend<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    amendment: &Amendment<'_>,
) -> Result<(), StepError>
where
    A: SecretStore,
{
    let read = loaded.authority.as_ref().ok_or(StepError::Vanished)?;
    let record = amended(read.record.as_ref(), amendment)?;
    ports
        .authority
        .save(&settings.authority, &record, &read.revision)
        .await?;
    Ok(())
}

async fn add_generation<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    new: &NewRoot,
) -> Result<Event, StepError>
where
    A: SecretStore,
    E: Entropy,
{
    let key = ports.entropy.private_key(settings.policy.algorithm())?;
    let serial = ports.entropy.serial()?;
    // Two histories of one authority must not share a subject, or verifiers would try the wrong root first.
    let tag = u32::from_be_bytes(serial.tail());
    let common_name = format!(
        "{} webhook CA g{} {tag:08x}",
        settings.subject, new.generation
    );
    let request = RootRequest {
        common_name: &common_name,
        serial,
        not_before: new.not_before,
        not_after: new.not_after,
    };
    let root = issue_root(&request, &key)?;
    let cross = match signer_before(loaded).filter(|_| new.crossed) {
        None => None,
        Some((before, before_key)) => Some(issue_cross(
            &root,
            ports.entropy.serial()?,
            before,
            before_key,
        )?),
    };
    let generation = Generation {
        root,
        key: Some(key),
        cross,
    };
    amend(
        settings,
        ports,
        loaded,
        &Amendment::Add {
            number: new.generation,
            generation: &generation,
        },
    )
    .await?;
    Ok(match new.generation {
        1 => Event::AuthorityCreated {
            not_after: new.not_after,
        },
        generation => Event::SuccessorCreated {
            generation,
            not_after: new.not_after,
        },
    })
}

/// The newest generation, which signs the cross of the next.
fn signer_before(loaded: &Loaded) -> Option<(&RootCert, &PrivateKey)> {
    let authority = loaded.present_authority()?;
    let (_, newest) = authority.newest()?;
    Some((&newest.root, newest.key.as_ref()?))
}

async fn replace_leaf<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    new: &NewLeaf,
    now: TimeBounds,
) -> Result<Event, StepError>
where
    S: SecretStore,
    E: Entropy,
{
    let authority = loaded.present_authority().ok_or(StepError::Vanished)?;
    let signer = authority
        .generation(new.generation)
        .ok_or(StepError::Vanished)?;
    let signer_key = signer.key.as_ref().ok_or(StepError::Vanished)?;
    let read = loaded.serving(&new.record).ok_or(StepError::Vanished)?;

    let key = ports.entropy.private_key(settings.policy.algorithm())?;
    let request = LeafRequest {
        names: &new.names,
        public_key: key.public_key(),
        serial: ports.entropy.serial()?,
        not_after: new.not_after,
    };
    let leaf = issue_leaf(&request, &signer.root, signer_key)?;
    let chain = Chain::new(leaf, authority.crosses_from(new.generation));
    let at = now.latest().max(chain.leaf().facts().not_before);
    let roots = authority.living_roots(new.generation, at);
    check_chain(&chain, roots, &new.names, at)?;
    Chain::from_pem(chain.to_pem().as_bytes())?;

    let ca = roots_at_issue(authority, read, now)?;
    let record = serving_record::replaced(read.record.as_ref(), &chain, &key, &ca);
    ports
        .serving
        .save(&new.record, &record, &read.revision)
        .await?;
    Ok(Event::LeafIssued {
        record: new.record.clone(),
        generation: new.generation,
        not_after: chain.leaf().facts().not_after,
        reason: new.reason,
    })
}

/// A chain is written only if it carries each of `names`, and verifies under each root of `roots`, alone.
/// Which name a caller asks for makes no difference to the path.
fn check_chain<'a>(
    chain: &Chain,
    roots: impl Iterator<Item = &'a RootCert>,
    names: &ServerNames,
    at: UnixTime,
) -> Result<(), StepError> {
    let carried = chain.leaf().facts().server_names();
    let carries_all = carried.is_some_and(|carried| carried.contains_all(names));
    let name = called_by(names);
    if !carries_all {
        return Err(VerifyError::Name { name }.into());
    }
    for root in roots {
        let anchors = [root.certificate()];
        verify(chain.leaf(), chain.intermediates(), anchors, &name, at)?;
    }
    Ok(())
}

/// A name that a caller may ask for.
fn called_by(names: &ServerNames) -> String {
    let dns = names.dns().first();
    let dns = dns.map(|name| name.as_str().replacen('*', "x", 1));
    let ip = || names.ips().first().map(ToString::to_string);
    dns.or_else(ip).unwrap_or_default()
}

/// The roots of the record; and if the leaf in place is somebody else's, the roots that it is verified by.
fn roots_at_issue(
    authority: &Authority,
    read: &Read<Serving>,
    now: TimeBounds,
) -> Result<Bundle, StepError> {
    let serving = read.content.as_ref();
    let replaces_foreign = serving.is_some_and(|serving| {
        serving
            .view(Some(authority))
            .leaf
            .is_some_and(|leaf| leaf.generation.is_none())
    });
    let kept = serving
        .filter(|_| replaces_foreign)
        .into_iter()
        .flat_map(|serving| &serving.ca);
    let kept = kept
        .filter(|anchor| anchor.facts().not_after >= now.earliest())
        .cloned();
    Bundle::new(authority.roots().map(Anchor::from).chain(kept)).map_err(|_| StepError::Vanished)
}

async fn publish<A, S, P, C, E>(
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    publication: &Publication,
) -> Result<Event, StepError>
where
    P: WebhookPatcher,
{
    let view = loaded
        .target(&publication.target)
        .ok_or(StepError::Vanished)?;
    let known = known_anchors(loaded);
    let mut edits = Vec::new();
    for (name, wanted) in &publication.entries {
        let entry = view
            .entries
            .iter()
            .find(|entry| entry.name == *name)
            .ok_or(StepError::Vanished)?;
        edits.push(EntryEdit {
            entry: name.clone(),
            bundle: assemble(wanted, entry, &known)?,
        });
    }
    ports.patcher.publish(view, &edits).await?;
    Ok(Event::Published(Published {
        target: publication.target.clone(),
        entries: edits.len(),
        certificates: publication.needed.len(),
        foreign: foreign_certificates(publication, view),
        last_writer: view.last_writer.clone(),
        again: false,
        truce: None,
    }))
}

/// Every certificate that a bundle may need and that was not in the entry before.
fn known_anchors(loaded: &Loaded) -> BTreeMap<Fingerprint, Anchor> {
    let roots = loaded
        .present_authority()
        .into_iter()
        .flat_map(Authority::roots)
        .map(Anchor::from);
    let served = loaded
        .present_serving()
        .flat_map(|serving| serving.ca.iter().cloned());
    by_fingerprint(roots.chain(served))
}

fn by_fingerprint(anchors: impl Iterator<Item = Anchor>) -> BTreeMap<Fingerprint, Anchor> {
    anchors
        .map(|anchor| (anchor.fingerprint(), anchor))
        .collect()
}

/// The bundle of exactly the `wanted` certificates, parsed once more from its own bytes.
fn assemble(
    wanted: &BTreeSet<Fingerprint>,
    entry: &EntryView,
    known: &BTreeMap<Fingerprint, Anchor>,
) -> Result<Bundle, StepError> {
    let present = match &entry.bundle {
        EntryBundle::Holds(anchors) => by_fingerprint(anchors.iter().cloned()),
        EntryBundle::Empty | EntryBundle::Unusable => BTreeMap::new(),
    };
    let anchors = wanted.iter().map(|fingerprint| {
        let anchor = known.get(fingerprint).or_else(|| present.get(fingerprint));
        anchor.cloned()
    });
    let anchors: Option<Vec<Anchor>> = anchors.collect();
    let bundle =
        Bundle::new(anchors.ok_or(StepError::Vanished)?).map_err(|_| StepError::BundleCheck)?;
    let pem = bundle.to_pem();
    let parsed = parse_bundle(pem.as_bytes());
    let read_back: BTreeSet<_> = parsed
        .anchors
        .iter()
        .map(|anchor| anchor.fingerprint())
        .collect();
    if !parsed.skipped.is_empty() || read_back != *wanted || !pem.ends_with('\n') {
        return Err(StepError::BundleCheck);
    }
    Ok(bundle)
}

fn foreign_certificates(publication: &Publication, view: &TargetView) -> Vec<ForeignCertificate> {
    let written: BTreeSet<_> = publication
        .entries
        .iter()
        .flat_map(|(_, content)| content)
        .collect();
    let present = view.entries.iter().flat_map(|entry| match &entry.bundle {
        EntryBundle::Holds(anchors) => anchors.as_slice(),
        EntryBundle::Empty | EntryBundle::Unusable => &[],
    });
    let kept: BTreeMap<Fingerprint, UnixTime> = present
        .map(|anchor| (anchor.fingerprint(), anchor.facts().not_after))
        .filter(|(fingerprint, _)| {
            written.contains(fingerprint) && !publication.needed.contains(fingerprint)
        })
        .collect();
    kept.into_iter()
        .map(|(fingerprint, not_after)| ForeignCertificate {
            fingerprint,
            not_after,
        })
        .collect()
}
