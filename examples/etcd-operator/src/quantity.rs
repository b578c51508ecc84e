//! Reads sizes of volumes: a whole number and a unit.

/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>
const UNITS: &[(&str, u128)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("", 1),
];

/// Returns how many bytes `10Gi` are; none if it is not a positive size.
pub(crate) fn bytes(text: &str) -> Option<u128> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_plain)?;
    (number > 0).then(|| u128::from(number) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit() {
        for (text, size) in [
            ("1", 1),
            ("2k", 2_000),
            ("3Ki", 3_072),
            ("4M", 4_000_000),
            ("1Gi", 1 << 30),
            ("10Ti", 10 << 40),
        ] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in [
            "", "Gi", "0Gi", "-1Gi", "+1Gi", "1.5Gi", "1 Gi", "1gi", "1e3",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert!(bytes(&format!("{}Ti", u64::MAX)).is_some(), "no overflow");
    }
}
