//! Carries out one action: makes the certificates, checks them, and writes them if nothing changed meanwhile.
//!
//! No signature leaves here before the record that contains the signing key was written, and that write won.

use alloc::{collections::BTreeSet, vec::Vec};

use certgen::{
    Anchor, Bundle, Chain, Fingerprint, LeafRequest, PrivateKey, RootCert, RootRequest,
    ServerNames, UnixTime, VerifyError, issue_cross, issue_leaf, issue_root, parse_bundle, verify,
};

use crate::{
    authority_record::{Amendment, Authority, Generation, Remembered, amended},
    bounds::TimeBounds,
    observe::Loaded,
    plan::{Action, NewLeaf, NewRoot, Publication, Urgency},
    ports::{Clock, Entropy, Ports, SecretStore, WebhookPatcher},
    report::{Event, Published},
    root_name::root_name,
    serving_record,
    settings::Settings,
    step_error::StepError,
    target::{EntryEdit, EntryView},
    verifiers::called_by,
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
        Action::Remember { roots } => {
            let known = loaded.foreign_or_ours();
            let remembered = roots.iter().map(|(root, until)| {
                let root = (*known.get(root)?).clone();
                Some(Remembered {
                    root,
                    until: *until,
                })
            });
            let remembered: Option<Vec<_>> = remembered.collect();
            let remembered = remembered.ok_or(StepError::Vanished)?;
            amend(settings, ports, loaded, &Amendment::Remember(&remembered)).await?;
            Ok(Event::Remembered {
                roots: remembered.iter().map(|it| it.root.fingerprint()).collect(),
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

pub(crate) async fn amend<A, S, P, C, E>(
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
    let tag = u32::from_be_bytes(serial.tail());
    let common_name = root_name(&settings.subject, new.generation, tag);
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
    let ca = trusted(authority)?;

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

/// Checks that a chain carries each of `names`, and verifies under each root of `roots`, alone: only then is it
/// written. Which name a caller asks for makes no difference to the path.
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

/// The roots with which callers may verify a leaf of `authority`, or one that another replica still serves.
fn trusted(authority: &Authority) -> Result<Bundle, StepError> {
    let remembered = authority.remembered().iter().map(|it| it.root.clone());
    let roots = authority.roots().map(Anchor::from);
    let roots = Bundle::new(roots).map_err(|_| StepError::Vanished)?;
    Ok(roots.followed_by(remembered))
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
    let authority = loaded.present_authority().ok_or(StepError::Vanished)?;
    let mut edits = Vec::new();
    for (name, wanted) in &publication.entries {
        let entry = view
            .entries
            .iter()
            .find(|entry| entry.name == *name)
            .ok_or(StepError::Vanished)?;
        edits.push(EntryEdit {
            entry: name.clone(),
            bundle: assemble(wanted, entry, authority)?,
        });
    }
    match publication.urgency {
        Urgency::Routine => ports.patcher.publish(view, &edits).await?,
        Urgency::Broken | Urgency::Late => ports.patcher.repair(view, &edits).await?,
    }
    Ok(Event::Published(Published {
        target: publication.target.clone(),
        entries: edits.len(),
        certificates: publication.needed.len(),
        left_out: publication.left_out.len(),
        last_writer: view.last_writer.clone(),
        is_repair: false,
        truce: None,
    }))
}

/// Makes the bundle of exactly the `wanted` certificates, the record's own first, and parses it again from its bytes.
fn assemble(
    wanted: &BTreeSet<Fingerprint>,
    entry: &EntryView,
    authority: &Authority,
) -> Result<Bundle, StepError> {
    let roots = authority.roots().map(Anchor::from);
    let roots = roots.filter(|root| wanted.contains(&root.fingerprint()));
    let remembered = authority.remembered().iter().map(|it| &it.root);
    let others = remembered.chain(entry.bundle.anchors());
    let others = others.filter(|anchor| wanted.contains(&anchor.fingerprint()));
    let bundle = Bundle::new(roots).map_err(|_| StepError::BundleCheck)?;
    let bundle = bundle.followed_by(others.cloned());
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
