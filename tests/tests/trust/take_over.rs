//! Certificates that another tool made are taken over, and no attacker gains by it.

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::Certificate;
use kube::api::DeleteParams;
use scenarios::{CALLED, CREATING, Failure, Installation, Load, TARGET, apply, fast_flags};
use serde_json::{Value, json};

use crate::{
    ALONE, Broken, LEAST, PER_SECOND, Stage,
    attacker::{AUTHORITY, MUTATING, NAMESPACE, Object, SERVING, VALIDATING},
    forgery::{Ca, FOR_EVER, Leaf},
    told::told,
};

const NAME: &str = "guard.guard-system.svc";
/// Names of the old leaf that are not asked for any more.
const DROPPED: [&str; 2] = ["guard.example.com", "10.1.2.3"];

#[tokio::test]
async fn a_leaf_that_every_entry_verifies_is_replaced_after_the_dwell_and_costs_no_call()
-> Result<(), Failure> {
    if !scenarios::is_whole("a foreign leaf that every entry verifies") {
        return Ok(());
    }
    let _alone = ALONE.lock().await;
    let (stage, ca) = taken_over(&fast_flags()).await?;
    let load = Load::start(vec![stage.cluster.admin.clone()], CALLED, PER_SECOND);
    let is_replaced = stage
        .soon(async || {
            let leaf = stage.served("tls.crt").await?.into_iter().next();
            Ok(leaf.is_some_and(|leaf| !leaf.is_signed_by(&ca)))
        })
        .await?;
    assert!(is_replaced, "{}", stage.keeper.log()?);
    stage.cluster.rotations(1).await?;
    let outcome = load.stop();
    assert!(outcome.is_kept(LEAST), "{outcome}");
    let names = stage.served("tls.crt").await?;
    let names = names.first().and_then(|leaf| leaf.facts().server_names());
    let names = format!("{names:?}");
    assert!(names.contains(NAME), "{names}");
    assert!(!DROPPED.iter().any(|name| names.contains(name)), "{names}");
    Ok(())
}

/// Its root is remembered until then: what was emptied, and what is new, gets it; so does what comes after a lost record.
#[tokio::test]
async fn while_a_foreign_leaf_is_waited_for_its_root_is_given_to_emptied_and_to_new_entries()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let mutating = format!("--mutating={TARGET}");
    let (stage, ca) = taken_over(&[mutating]).await?;
    let mut broken = Broken::default();
    broken.unless(is_remembered(&stage, &ca).await?, "it is not remembered");
    stage.puts(&VALIDATING, "").await?;
    broken.unless(
        is_given(&stage, &VALIDATING, &ca).await?,
        "an emptied entry does not get it",
    );
    let object = stage
        .cluster
        .configuration(MUTATING_KIND, TARGET, CALLED)
        .to_string();
    apply(&stage.cluster.admin, &object).await?;
    broken.unless(
        is_given(&stage, &MUTATING, &ca).await?,
        "a new target does not get it",
    );
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));

    let authorities = AUTHORITY.api(&stage.cluster.admin);
    let lost = stage.root().await?.fingerprint();
    authorities
        .delete(AUTHORITY.name, &DeleteParams::default())
        .await?;
    let is_anew = stage
        .soon(async || {
            let root = stage.root().await;
            Ok(root.is_ok_and(|root| root.fingerprint() != lost))
        })
        .await?;
    assert!(is_anew, "{}", stage.keeper.log()?);
    broken.unless(
        is_remembered(&stage, &ca).await?,
        "it is not remembered in a new record",
    );
    stage.puts(&VALIDATING, "").await?;
    broken.unless(
        is_given(&stage, &VALIDATING, &ca).await?,
        "an emptied entry does not get it after the record was lost",
    );
    let admitted = stage.admits().await?;
    broken.unless(admitted.is_ok(), format!("calls fail: {admitted:?}"));
    broken.unless(
        stage.served("tls.crt").await?[0].is_signed_by(&ca),
        "its leaf is not waited for",
    );
    broken.judge();
    Ok(())
}

#[tokio::test]
async fn names_that_a_take_over_drops_are_told_with_the_flag_that_keeps_them() -> Result<(), Failure>
{
    let _alone = ALONE.lock().await;
    let (stage, _) = taken_over(&[]).await?;
    let log = stage.keeper.log()?;
    let mut found = None;
    stage
        .soon(async || {
            let events = crate::told::all(&stage).await?;
            found = events.into_iter().find(|event| {
                let note = event.note.clone().unwrap_or_default();
                let words = ["--dns-name", DROPPED[0], "--ip", DROPPED[1]];
                words.iter().all(|word| note.contains(word))
            });
            Ok(found.is_some())
        })
        .await?;
    let severity = found.and_then(|event| event.type_);
    assert_eq!(severity.as_deref(), Some("Warning"), "{log}");
    // It is kept, and told as foreign.
    assert!(
        told(&stage, "ForeignCertificate", &["old"])
            .await?
            .is_some()
    );
    Ok(())
}

const MUTATING_KIND: &str = "MutatingWebhookConfiguration";

/// Certificates that another tool made, in place before ours are kept: a leaf, and its root in the entry.
pub(crate) async fn taken_over(flags: &[String]) -> Result<(Stage, Certificate), Failure> {
    let cluster = Installation::new(1, CREATING).await?;
    cluster.validating().await?;
    let ca = Ca::new("old", FOR_EVER)?;
    let leaf = ca.leaf(&[NAME, DROPPED[0], DROPPED[1]], FOR_EVER)?;
    apply(&cluster.admin, &secret(&leaf, &ca.pem()).to_string()).await?;
    let entry = VALIDATING.holding(&ca.pem())?;
    VALIDATING
        .api(&cluster.admin)
        .patch(TARGET, &kube::api::PatchParams::default(), &entry)
        .await?;
    Ok((Stage::kept(cluster, flags).await?, ca.certificate()))
}

fn secret(leaf: &Leaf, root: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": { "name": SERVING.name, "namespace": NAMESPACE },
        "data": {
            "tls.crt": STANDARD.encode(&leaf.certificate),
            "tls.key": STANDARD.encode(&leaf.key),
            "ca.crt": STANDARD.encode(root),
        },
    })
}

/// Whether the authority record comes to hold it, in whatever form.
async fn is_remembered(stage: &Stage, root: &Certificate) -> Result<bool, Failure> {
    let pem = root.to_pem();
    let line = pem.lines().nth(3).unwrap_or_default();
    stage
        .soon(async || {
            let secrets = AUTHORITY.api(&stage.cluster.admin);
            let secret = secrets.get_opt(AUTHORITY.name).await?;
            let data = secret.and_then(|secret| secret.data.pointer("/data").cloned());
            let data = data.and_then(|data| data.as_object().cloned());
            Ok(data.into_iter().flatten().any(|(_, entry)| {
                let entry = STANDARD.decode(entry.as_str().unwrap_or_default());
                String::from_utf8_lossy(&entry.unwrap_or_default()).contains(line)
            }))
        })
        .await
}

/// Whether an entry comes to hold it beside ours.
async fn is_given(stage: &Stage, target: &Object, root: &Certificate) -> Result<bool, Failure> {
    stage
        .soon(async || {
            let ours = stage.root().await?.fingerprint();
            let bundle = stage.bundle(target).await?;
            Ok(bundle.has(ours) && bundle.has(root.fingerprint()))
        })
        .await
}
