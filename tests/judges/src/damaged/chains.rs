//! Chains that are served wrongly.

use super::{
    Damage,
    workshop::{Draft, Workshop, day},
};
use crate::error::JudgeError;

pub(super) fn all(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    Ok([less(shop)?, more(shop)?, long(shop)?].concat())
}

/// Something is missing, or not what it should be.
fn less(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let Workshop { old, new, leaf, .. } = shop;
    let (trusted, own, cross) = (old.pem()?, leaf.under(new)?, new.under(old)?);
    let damage = |origin, chain| Damage::new(origin, chain, trusted.clone());
    let of = |from, to| {
        let cross = new.changed(|params| {
            params.not_before = day(from);
            params.not_after = day(to);
        });
        Ok::<_, JudgeError>(vec![own.clone(), cross?.under(old)?])
    };
    let (ended, early) = (of(-20, 5)?, of(20, 100)?);
    let both = trusted.clone() + &new.pem()?;
    Ok(vec![
        damage("sound, two generations", vec![own.clone(), cross.clone()]),
        damage("the cross is missing", vec![own.clone()]),
        damage("the cross has ended", ended.clone()),
        Damage::new("the cross has ended, both roots are trusted", ended, both),
        damage("the cross has not started", early),
        damage("the leaf stands last", vec![cross.clone(), own]),
        damage("a CA certificate is served as leaf", vec![cross.clone()]),
        damage("another key signed", vec![imposter(shop)?, cross]),
    ])
}

/// Names the right issuer and key identifier, signed by another key.
fn imposter(shop: &Workshop) -> Result<Vec<u8>, JudgeError> {
    let mut issuer = shop.ca("new")?;
    issuer.params = shop.new.params.clone();
    shop.leaf.under(&issuer)
}

/// More than is needed.
fn more(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let Workshop { old, new, leaf, .. } = shop;
    let (trusted, chain) = (old.pem()?, vec![leaf.under(new)?, new.under(old)?]);
    let damage = |origin, more: Vec<Vec<u8>>| {
        Damage::new(origin, [chain.clone(), more].concat(), trusted.clone())
    };
    let (circle, other) = (vec![old.under(new)?], shop.ca("other")?);
    let mut lost = damage("crosses in a circle, another root", circle.clone());
    lost.bundle = other.pem()?.into_bytes();
    let mut grafted = damage("the leaf signs another leaf", Vec::new());
    grafted.chain.insert(0, shop.leaf()?.under(leaf)?);
    let mut crowded = damage(
        "a cross of the same name 120 times, the right one last",
        Vec::new(),
    );
    let useless = vec![shop.ca("new")?.under(old)?; 120];
    crowded.chain.splice(1..1, useless);
    Ok(vec![
        damage("every certificate twice", chain.clone()),
        damage(
            "the roots are served, too",
            vec![new.self_signed()?, old.self_signed()?],
        ),
        damage("crosses in a circle", circle),
        damage(
            "an unrelated certificate is served, too",
            vec![other.self_signed()?],
        ),
        lost,
        grafted,
        crowded,
    ])
}

fn long(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let mut all = Vec::new();
    for (origin, reversed, count) in [
        (
            "sound, six generations",
            "six generations, the oldest cross first",
            5,
        ),
        (
            "sound, eight generations",
            "eight generations, the oldest cross first",
            7,
        ),
    ] {
        let (mut chain, root) = ladder(shop, count)?;
        all.push(Damage::new(origin, chain.clone(), root.clone()));
        chain.get_mut(1..).unwrap_or_default().reverse();
        all.push(Damage::new(reversed, chain, root));
    }
    Ok(all)
}

/// A leaf below `count` crosses, newest first, and the root.
fn ladder(shop: &Workshop, count: usize) -> Result<(Vec<Vec<u8>>, String), JudgeError> {
    let mut older = shop.ca("generation 0")?;
    let root = older.pem()?;
    let mut chain = Vec::new();
    for number in 1..=count {
        let newer: Draft = shop.ca(&format!("generation {number}"))?;
        chain.push(newer.under(&older)?);
        older = newer;
    }
    chain.push(shop.leaf.under(&older)?);
    chain.reverse();
    Ok((chain, root))
}
