//! Bundles that hold the wrong certificates, or the right ones at the wrong time.

use super::{
    Damage,
    workshop::{Workshop, day},
};
use crate::{error::JudgeError, pem::certificate};

pub(super) fn all(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    Ok([at_the_wrong_time(shop)?, strangers(shop)?, leaves(shop)?].concat())
}

fn at_the_wrong_time(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let new = &shop.new;
    let chain = vec![shop.leaf.under(new)?];
    let damage = |origin, bundle: String| Damage::new(origin, chain.clone(), bundle);
    let of = |from, to| {
        let other = new.changed(|params| {
            params.not_before = day(from);
            params.not_after = day(to);
        });
        other?.pem()
    };
    let (sound, ended, early) = (new.pem()?, of(-20, 5)?, of(20, 120)?);
    let other = shop.ca_of("new", -20, 5)?.pem()?;
    let pair = |one: &str, two: &str| format!("{one}{two}");
    Ok(vec![
        damage("sound, one generation", sound.clone()),
        damage("an ended anchor alone", ended.clone()),
        damage("an anchor that has not started", early.clone()),
        damage(
            "an ended anchor of the same key first",
            pair(&ended, &sound),
        ),
        damage("an ended anchor of the same key last", pair(&sound, &ended)),
        damage(
            "an anchor of the same key that has not started, first",
            pair(&early, &sound),
        ),
        damage(
            "an ended anchor of the same name first",
            pair(&other, &sound),
        ),
        damage(
            "an ended anchor of the same name last",
            pair(&sound, &other),
        ),
    ])
}

fn strangers(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let Workshop { old, new, leaf, .. } = shop;
    let chain = vec![leaf.under(new)?];
    let damage = |origin, bundle: String| Damage::new(origin, chain.clone(), bundle);
    let (sound, cross, other) = (
        new.pem()?,
        certificate(&new.under(old)?),
        shop.ca("new")?.pem()?,
    );
    let crowd: Result<String, _> = (0..119).map(|_| shop.ca("new")?.pem()).collect();
    let crowd = crowd?;
    Ok(vec![
        damage("another anchor of the same name alone", other.clone()),
        damage("another anchor of the same name first", other + &sound),
        damage("unrelated anchors only", old.pem()?),
        damage("a cross as anchor alone", cross.clone()),
        damage("a cross as anchor, its issuer with it", cross + &old.pem()?),
        damage("the same anchor three times", sound.repeat(3)),
        damage(
            "120 anchors of one name, the right one last",
            format!("{crowd}{sound}"),
        ),
        damage(
            "120 anchors of one name, the right one first",
            sound + &crowd,
        ),
    ])
}

fn leaves(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let leaf = &shop.leaf;
    let (issued, alone) = (leaf.under(&shop.new)?, leaf.self_signed()?);
    let renewed = leaf
        .changed(|params| params.not_after = day(60))?
        .self_signed()?;
    let pinned = |origin, leaf: &Vec<u8>, bundle| Damage::new(origin, vec![leaf.clone()], bundle);
    let beside = certificate(&issued) + &shop.new.pem()?;
    Ok(vec![
        pinned(
            "the leaf as anchor, without its issuer",
            &issued,
            certificate(&issued),
        ),
        pinned(
            "the leaf as anchor, self-signed",
            &alone,
            certificate(&alone),
        ),
        pinned("the leaf beside its root", &issued, beside),
        pinned(
            "an earlier leaf of the same key as anchor",
            &renewed,
            certificate(&alone),
        ),
    ])
}
