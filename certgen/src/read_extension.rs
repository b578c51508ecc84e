//! Reads the extensions of a certificate as Go does.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    asn1::{Malformed, Reader, must, tag},
    facts::{ExtendedKeyUsage, Facts, KeyUsage},
};

/// 1.3.6.1.5.5.7.1.1
const AUTHORITY_INFORMATION: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x01";

/// Reads one extension into the facts.
pub(crate) fn read_extension(
    facts: &mut Facts,
    id: &[u8],
    is_critical: bool,
    value: &[u8],
) -> Result<(), Malformed> {
    let mut reader = Reader::new(value);
    let mut is_understood = true;
    match id {
        [0x55, 0x1d, 14] => {
            let id = reader.read(tag::OCTET_STRING)?.rest();
            facts.subject_key_id = Some(id.to_vec());
            must(!is_critical)?;
        }
        [0x55, 0x1d, 15] => facts.key_usage = key_usage(&mut reader)?,
        [0x55, 0x1d, 17] => {
            is_understood = alternative_names(facts, &mut reader)?;
            facts.raw_names = Some(value.to_vec());
        }
        [0x55, 0x1d, 19] => basic_constraints(facts, &mut reader)?,
        [0x55, 0x1d, 30] => {
            name_constraints(&mut reader)?;
            facts.has_constraints = true;
        }
        [0x55, 0x1d, 31] => distribution_points(&mut reader)?,
        [0x55, 0x1d, 32] => policies(&mut reader)?,
        [0x55, 0x1d, 33] => policy_mappings(&mut reader)?,
        [0x55, 0x1d, 35] => {
            facts.authority_key_id = authority_key_id(&mut reader)?;
            must(!is_critical)?;
        }
        [0x55, 0x1d, 36] => {
            policy_constraints(&mut reader)?;
            facts.has_constraints = true;
        }
        [0x55, 0x1d, 37] => facts.extended_key_usage = extended_key_usage(&mut reader)?,
        [0x55, 0x1d, 54] => drop(reader.small_integer(tag::INTEGER)?),
        AUTHORITY_INFORMATION => {
            authority_information(&mut reader)?;
            must(!is_critical)?;
        }
        _ => is_understood = false,
    }
    facts.has_unknown_critical |= is_critical && !is_understood;
    Ok(())
}

/// Reads the key usage (RFC 5280 §4.2.1.3); `None` if no bit is set, as if the extension were absent.
fn key_usage(reader: &mut Reader<'_>) -> Result<Option<KeyUsage>, Malformed> {
    let (_, bytes) = reader.bits()?;
    let is_set = |bit: usize| {
        let byte = bytes.get(bit / 8).copied().unwrap_or_default();
        byte & (0x80 >> (bit % 8)) != 0
    };
    let any = (0..9).any(is_set);
    Ok(any.then(|| KeyUsage {
        digital_signature: is_set(0),
        cert_sign: is_set(5),
        crl_sign: is_set(6),
    }))
}

/// Reads the alternative names, and returns whether one is of a kind that Go knows.
fn alternative_names(facts: &mut Facts, reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    let mut names = reader.read(tag::SEQUENCE)?;
    let mut is_known = false;
    while !names.is_empty() {
        let name = names.any()?;
        match name.tag {
            0x82 => facts.dns_names.push(ia5(name.content)?),
            0x81 | 0x86 => drop(ia5(name.content)?),
            0x87 => facts.ip_addresses.push(address(name.content)?),
            _ => continue,
        }
        is_known = true;
    }
    Ok(is_known)
}

fn ia5(content: &[u8]) -> Result<String, Malformed> {
    let text = core::str::from_utf8(content).map_err(|_| Malformed)?;
    must(text.is_ascii())?;
    Ok(text.to_string())
}

fn address(bytes: &[u8]) -> Result<IpAddr, Malformed> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    let v6 = <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).into());
    v4.or(v6).map_err(|_| Malformed)
}

/// Reads the basic constraints (RFC 5280 §4.2.1.9).
fn basic_constraints(facts: &mut Facts, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut constraints = reader.read(tag::SEQUENCE)?;
    facts.has_basic_constraints = true;
    facts.is_ca = constraints.is_next(tag::BOOLEAN) && constraints.boolean()?;
    if constraints.is_next(tag::INTEGER) {
        let length = constraints.small_integer(tag::INTEGER)?;
        let length = u64::try_from(length).map_err(|_| Malformed)?;
        facts.path_len = Some(u32::try_from(length).unwrap_or(u32::MAX));
    }
    Ok(())
}

fn authority_key_id(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let mut id = reader.read(tag::SEQUENCE)?;
    let id = id.optional(tag::context(0))?;
    Ok(id.map(|id| id.rest().to_vec()))
}

/// Reads the extended key usage (RFC 5280 §4.2.1.12); an empty list says nothing.
fn extended_key_usage(reader: &mut Reader<'_>) -> Result<Option<ExtendedKeyUsage>, Malformed> {
    const ANY: &[u8] = b"\x55\x1d\x25\x00";
    const SERVER: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
    const CLIENT: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x02";
    let mut purposes = reader.read(tag::SEQUENCE)?;
    let mut usage = None;
    while !purposes.is_empty() {
        let purpose = purposes.oid()?;
        let usage = usage.get_or_insert(ExtendedKeyUsage {
            any: false,
            server_auth: false,
            client_auth: false,
        });
        usage.any |= purpose == ANY;
        usage.server_auth |= purpose == SERVER;
        usage.client_auth |= purpose == CLIENT;
    }
    Ok(usage)
}

/// Reads the name constraints (RFC 5280 §4.2.1.10). Ignores the content of constraints on text names:
/// [`verify`](crate::verify) refuses a CA certificate with name constraints anyway.
fn name_constraints(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut constraints = reader.read(tag::SEQUENCE)?;
    let permitted = constraints.optional(tag::constructed(0))?;
    let excluded = constraints.optional(tag::constructed(1))?;
    must(reader.is_empty() && constraints.is_empty())?;
    let mut is_empty = true;
    for mut trees in [permitted, excluded].into_iter().flatten() {
        while !trees.is_empty() {
            let base = trees.read(tag::SEQUENCE)?.any()?;
            is_empty = false;
            match base.tag {
                0x81 | 0x82 | 0x86 => drop(ia5(base.content)?),
                0x87 => must(is_network(base.content))?,
                _ => {}
            }
        }
    }
    must(!is_empty)
}

/// Whether the bytes are an address and a mask of ones followed by zeros.
fn is_network(bytes: &[u8]) -> bool {
    let (_, mask) = bytes.split_at(bytes.len() / 2);
    let ones = |mask: u128, bits: u32| mask.leading_ones() + mask.trailing_zeros() >= bits;
    let v4 = <[u8; 4]>::try_from(mask).map(|mask| u128::from(u32::from_be_bytes(mask)) << 96);
    let v6 = <[u8; 16]>::try_from(mask).map(u128::from_be_bytes);
    bytes.len().is_multiple_of(2) && v4.or(v6).is_ok_and(|mask| ones(mask, 128))
}

fn policies(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut policies = reader.read(tag::SEQUENCE)?;
    let mut seen = Vec::new();
    while !policies.is_empty() {
        let mut policy = policies.read(tag::SEQUENCE)?;
        // Only here does Go accept numbers of any size.
        let id = policy.long_oid()?;
        must(!seen.contains(&id))?;
        seen.push(id);
    }
    Ok(())
}

fn policy_mappings(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut mappings = reader.read(tag::SEQUENCE)?;
    while !mappings.is_empty() {
        let mut mapping = mappings.read(tag::SEQUENCE)?;
        mapping.read(tag::OID)?;
        mapping.read(tag::OID)?;
    }
    Ok(())
}

fn policy_constraints(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut constraints = reader.read(tag::SEQUENCE)?;
    for kind in [0, 1] {
        if constraints.is_next(tag::context(kind)) {
            constraints.small_integer(tag::context(kind))?;
        }
    }
    Ok(())
}

fn distribution_points(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut points = reader.read(tag::SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.read(tag::SEQUENCE)?;
        let Some(mut name) = point.optional(tag::constructed(0))? else {
            continue;
        };
        let mut names = name.read(tag::constructed(0))?;
        while names.is_next(tag::context(6)) {
            names.read(tag::context(6))?;
        }
    }
    Ok(())
}

fn authority_information(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut descriptions = reader.read(tag::SEQUENCE)?;
    while !descriptions.is_empty() {
        let mut description = descriptions.read(tag::SEQUENCE)?;
        description.oid()?;
        if description.is_next(tag::context(6)) {
            description.read(tag::context(6))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
