//! Changes of the tree that DER is: lengths are written anew, so that a change deep inside is reached by a reader.

use super::bytes;
use crate::random::Random;

/// One value: its tag and its content.
#[derive(Clone, Debug)]
struct Node {
    tag: u8,
    /// How many bytes the length has more than it needs.
    padding: usize,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    /// What a constructed value, or an octet string that holds DER, consists of.
    Nodes(Vec<Node>),
}

/// One to three changes, with parts of `donor`. What is not DER is changed as bytes.
pub(super) fn mutate(der: &[u8], donor: &[u8], random: &mut Random) -> Vec<u8> {
    let (Some(mut nodes), Some(donor)) = (parse(der), parse(donor)) else {
        return bytes::mutate(der, random);
    };
    for _ in 0..=random.below(3) {
        let count = count(&nodes);
        let mut place = random.below(count);
        let graft = nth(&donor, random.below(self::count(&donor)));
        change(&mut nodes, &mut place, graft.as_ref(), random);
    }
    encode(&nodes)
}

/// All values in `der`, or nothing if it is something else.
fn parse(mut der: &[u8]) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    while let Some((tag, rest)) = der.split_first() {
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let inner = match *tag {
            tag if tag & 0x20 != 0 => Some(parse(content)?),
            0x04 if !content.is_empty() => parse(content),
            _ => None,
        };
        nodes.push(Node {
            tag: *tag,
            padding: 0,
            content: inner.map_or_else(|| Content::Bytes(content.to_vec()), Content::Nodes),
        });
        der = rest;
    }
    Some(nodes)
}

fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let length = bytes.iter().fold(0_usize, |length, byte| {
        length
            .saturating_mul(256)
            .saturating_add(usize::from(*byte))
    });
    Some((length, rest))
}

fn encode(nodes: &[Node]) -> Vec<u8> {
    let mut der = Vec::new();
    for node in nodes {
        let content = match &node.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Nodes(nodes) => encode(nodes),
        };
        der.push(node.tag);
        let length = content.len().to_be_bytes();
        let significant = length.iter().skip_while(|byte| **byte == 0).count();
        if content.len() < 0x80 && node.padding == 0 {
            der.extend(length.last());
        } else {
            let written = (significant + node.padding).clamp(1, length.len());
            der.push(0x80 | u8::try_from(written).unwrap_or_default());
            der.extend(length.iter().skip(length.len() - written));
        }
        der.extend(content);
    }
    der
}

fn count(nodes: &[Node]) -> usize {
    let inner = nodes.iter().map(|node| match &node.content {
        Content::Bytes(_) => 0,
        Content::Nodes(nodes) => count(nodes),
    });
    nodes.len() + inner.sum::<usize>()
}

/// The node at `place`, counted from the first, parents before children.
fn nth(nodes: &[Node], mut place: usize) -> Option<Node> {
    for node in nodes {
        if place == 0 {
            return Some(node.clone());
        }
        place -= 1;
        if let Content::Nodes(nodes) = &node.content {
            let inside = count(nodes);
            if place < inside {
                return nth(nodes, place);
            }
            place -= inside;
        }
    }
    None
}

/// Changes the node at `place`; whether it was in here.
fn change(
    nodes: &mut Vec<Node>,
    place: &mut usize,
    graft: Option<&Node>,
    random: &mut Random,
) -> bool {
    for index in 0..nodes.len() {
        if *place == 0 {
            change_at(nodes, index, graft, random);
            return true;
        }
        *place -= 1;
        if let Some(Node {
            content: Content::Nodes(inner),
            ..
        }) = nodes.get_mut(index)
            && change(inner, place, graft, random)
        {
            return true;
        }
    }
    false
}

fn change_at(nodes: &mut Vec<Node>, index: usize, graft: Option<&Node>, random: &mut Random) {
    let (len, other) = (nodes.len(), random.below(nodes.len()));
    match (random.below(9), graft) {
        (0, _) => drop(nodes.remove(index)),
        (1, _) => nodes.extend(nodes.get(index).cloned()),
        (2, _) if other < len => nodes.swap(index, other),
        (3, Some(graft)) => nodes.insert(index, graft.clone()),
        (4, Some(graft)) => nodes.splice(index..=index, [graft.clone()]).for_each(drop),
        (kind, _) => {
            if let Some(node) = nodes.get_mut(index) {
                change_node(node, kind, random);
            }
        }
    }
}

fn change_node(node: &mut Node, kind: usize, random: &mut Random) {
    match (kind, &mut node.content) {
        (5, _) => node.tag = random.pick(TAGS).copied().unwrap_or_default(),
        (6, _) => node.padding = 1 + random.below(2),
        (7, Content::Bytes(bytes)) => {
            *bytes = random
                .pick(CONTENTS)
                .map_or_else(Vec::new, |one| one.to_vec());
        }
        (_, Content::Bytes(content)) => bytes::change(content, random),
        (_, Content::Nodes(nodes)) => nodes.reverse(),
    }
}

const TAGS: &[u8] = &[
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1e, 0x30,
    0x31, 0x80, 0x81, 0x82, 0x86, 0x87, 0xa0, 0xa1, 0xa2, 0xa3,
];

const CONTENTS: &[&[u8]] = &[
    b"",
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x00\x01",
    b"\x00\x80",
    b"\xff\x7f",
    b"\x05\xa0",
    b"\x06\x00",
    b"\x55\x1d\x0f",
    b"\x55\x1d\x11",
    b"\x55\x1d\x13",
    b"\x55\x1d\x25",
    b"\x55\x1d\x1e",
    b"270101000000Z",
    b"2701010000Z",
    b"270101000000+0100",
    b"20270101000000Z",
    b"99991231235959Z",
    b"20270229000000Z",
    b"270101235960Z",
    b"*",
    b"a b",
    b"\x0a\x60\x00\x07",
    b"\x0a\x60\x00\x07\x0a",
    b"w\xc3\xa9b",
    b"w\xe9b",
];
