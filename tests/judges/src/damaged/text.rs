//! Bundles whose text is damaged, around certificates that are sound.

use super::{Damage, workshop::Workshop};
use crate::error::JudgeError;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const NOT_BASE64: &str = "-----BEGIN CERTIFICATE-----\n?!\n-----END CERTIFICATE-----\n";

pub(super) fn all(shop: &Workshop) -> Result<Vec<Damage>, JudgeError> {
    let (old, new) = (shop.old.pem()?, shop.new.pem()?);
    let chain = vec![shop.leaf.under(&shop.new)?];
    let texts = [between_blocks(&old, &new), within_a_block(&new)].concat();
    let texts = texts.into_iter();
    let damages = texts.map(|(origin, text)| Damage::new(origin, chain.clone(), text));
    let mut all: Vec<_> = damages.collect();
    let der = shop.new.self_signed()?;
    all.push(Damage::new("DER in place of PEM", chain.clone(), der));
    Ok(all)
}

fn between_blocks(old: &str, new: &str) -> Vec<(&'static str, String)> {
    let pair = format!("{old}{new}");
    let with = |between: &str| format!("{old}{between}{new}");
    vec![
        (
            "a line end is missing between two blocks",
            format!("{}{new}", old.trim_end()),
        ),
        ("the last line end is missing", pair.trim_end().to_owned()),
        ("an empty line between blocks", with("\n\n")),
        (
            "words between blocks",
            format!("# old\n{old}# new\n{new}that is all"),
        ),
        ("words on the line of a block", format!("new: {new}")),
        ("a private key between", with(KEY)),
        ("garbage between", with(GARBAGE)),
        ("text that is not base64 between", with(NOT_BASE64)),
        ("garbage only", GARBAGE.to_owned()),
        ("half a block before", half(old) + new),
        ("half a block only", half(new)),
        ("half a block behind", format!("{new}{}", half(old))),
        ("a byte order mark", format!("\u{feff}{new}")),
        ("a zero byte behind", format!("{new}\0")),
        ("blank", "\n \n".to_owned()),
        ("empty", String::new()),
        ("sound text", pair),
    ]
}

fn within_a_block(pem: &str) -> Vec<(&'static str, String)> {
    let lines: Vec<_> = pem.lines().collect();
    let [first, second, third, rest @ .., last] = lines.as_slice() else {
        return Vec::new();
    };
    let rest = rest.join("\n");
    vec![
        ("CRLF", pem.replace('\n', "\r\n")),
        ("CR alone", pem.replace('\n', "\r")),
        ("blanks at the ends of lines", pem.replace('\n', " \t\n")),
        ("blanks before lines", pem.replace('\n', "\n  ")),
        (
            "a block with headers",
            pem.replacen('\n', "\nProc-Type: 4\n\n", 1),
        ),
        (
            "another label",
            pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        ),
        (
            "another label at the end",
            pem.replace("END CERTIFICATE", "END TRUSTED CERTIFICATE"),
        ),
        (
            "an older label",
            pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
        ),
        (
            "base64 on one line",
            format!(
                "{first}\n{second}{third}{}\n{last}\n",
                rest.replace('\n', "")
            ),
        ),
        (
            "a line of base64 is missing",
            format!("{first}\n{second}\n{rest}\n{last}\n"),
        ),
        (
            "two lines of base64 are swapped",
            format!("{first}\n{third}\n{second}\n{rest}\n{last}\n"),
        ),
    ]
}

fn half(pem: &str) -> String {
    pem.lines()
        .take(3)
        .map(|line| [line, "\n"].concat())
        .collect()
}
