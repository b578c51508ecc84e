//! Every way in which OpenSSL and rustls-webpki disagree with Go, and why. One that is not listed fails the proof.

use crate::tally::{Explained, LAST_SECOND};

const fn laxer(origin: &'static str, why: &'static str) -> Explained {
    Explained {
        origin,
        is_laxer: true,
        why,
    }
}

const fn stricter(origin: &'static str, why: &'static str) -> Explained {
    Explained {
        origin,
        is_laxer: false,
        why,
    }
}

const ANCHOR_IS_A_NAME_AND_A_KEY: &str = "webpki takes an anchor's name, key and name constraints, and nothing else that it says of itself";
const ANY_IS_NOT_SERVERS: &str = "any purpose does not stand for the purpose of being a server";

/// How rustls-webpki disagrees with Go.
pub const WEBPKI: &[Explained] = &[
    laxer("an ended anchor alone", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer("an anchor that has not started", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer("a root for clients", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer("a root for signing code", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer(
        "a root whose key may sign lists",
        ANCHOR_IS_A_NAME_AND_A_KEY,
    ),
    laxer("a root with CA:FALSE", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer(
        "a root without basic constraints",
        ANCHOR_IS_A_NAME_AND_A_KEY,
    ),
    laxer("a root with path length 0", ANCHOR_IS_A_NAME_AND_A_KEY),
    laxer(
        "a root with an unknown critical extension",
        ANCHOR_IS_A_NAME_AND_A_KEY,
    ),
    laxer(
        "an earlier leaf of the same key as anchor",
        ANCHOR_IS_A_NAME_AND_A_KEY,
    ),
    laxer(
        "a cross whose key may sign lists",
        "webpki does not look at key usages",
    ),
    stricter(
        "the leaf as anchor, without its issuer",
        "webpki knows no leaf that is trusted as it is",
    ),
    stricter("a leaf for any purpose", ANY_IS_NOT_SERVERS),
    stricter("a cross for any purpose", ANY_IS_NOT_SERVERS),
    stricter("a leaf with CA:TRUE", "webpki takes no CA for a server"),
    stricter(
        "a leaf with CA:TRUE and path length 1",
        "webpki takes no CA for a server",
    ),
    stricter(
        "a leaf for a Service and an address",
        "webpki takes ::ffff:a.b.c.d for another address than a.b.c.d",
    ),
    stricter(
        "a leaf with an address in its other notation",
        "webpki takes ::ffff:a.b.c.d for another address than a.b.c.d",
    ),
    stricter(
        "a leaf for a Service with a final dot",
        "webpki takes no name with a final dot in a certificate",
    ),
    stricter(
        "sound, eight generations",
        "webpki follows six CA certificates",
    ),
    stricter(
        "eight generations, the oldest cross first",
        "webpki follows six CA certificates",
    ),
    stricter(
        "a cross of the same name 120 times, the right one last",
        "webpki counts the tries, and tries the same certificate again",
    ),
    stricter(
        "120 anchors of one name, the right one last",
        "webpki counts the tries too, and does not order them by key identifier",
    ),
];

const FILE_IS_READ_WHOLE: &str = "OpenSSL reads every block of the file, or nothing";
const OTHER_LABELS: &str = "OpenSSL reads other labels of certificates, too";
const KEY_IDENTIFIER_BINDS: &str =
    "OpenSSL takes no issuer whose key identifier is not the one named";
const NOT_SELF_SIGNED: &str =
    "OpenSSL wants a path to end at a self-signed certificate, unless -partial_chain is given";
const FINAL_DOT: &str = "OpenSSL compares a final dot of the name asked for";
const OLD_NAMES: &str = "OpenSSL looks at the common name if there is no DNS name";

/// How `openssl verify` disagrees with Go.
pub const OPENSSL: &[Explained] = &[
    stricter(
        LAST_SECOND,
        "OpenSSL takes a certificate for ended in the second that it says to be its last",
    ),
    stricter("a cross as anchor alone", NOT_SELF_SIGNED),
    stricter("the leaf as anchor, without its issuer", NOT_SELF_SIGNED),
    stricter("a leaf for any purpose", ANY_IS_NOT_SERVERS),
    stricter("a cross for any purpose", ANY_IS_NOT_SERVERS),
    stricter("a root for any purpose", ANY_IS_NOT_SERVERS),
    stricter(
        "a leaf whose key may sign lists",
        "OpenSSL wants a key that may do what a server does; Go leaves that to the handshake",
    ),
    stricter("a root with another key identifier", KEY_IDENTIFIER_BINDS),
    stricter(
        "a leaf that names another key identifier",
        KEY_IDENTIFIER_BINDS,
    ),
    laxer(
        "a root without basic constraints",
        "OpenSSL takes a self-signed certificate that may sign certificates for a CA",
    ),
    stricter("a leaf for a Service and an address", FINAL_DOT),
    stricter("a leaf for a Service in capitals", FINAL_DOT),
    stricter("a leaf with a wildcard", FINAL_DOT),
    stricter(
        "a leaf with an address in its other notation",
        "OpenSSL takes ::ffff:a.b.c.d for another address than a.b.c.d",
    ),
    laxer("a leaf with an address in its other notation", OLD_NAMES),
    laxer("a leaf without alternative names", OLD_NAMES),
    laxer(
        "a leaf with half a wildcard",
        "OpenSSL lets a wildcard stand for a part of a label",
    ),
    laxer("an older label", OTHER_LABELS),
    laxer("another label", OTHER_LABELS),
    laxer("a byte order mark", "OpenSSL passes over a byte order mark"),
    stricter("a private key between", FILE_IS_READ_WHOLE),
    stricter("garbage between", FILE_IS_READ_WHOLE),
    stricter("text that is not base64 between", FILE_IS_READ_WHOLE),
    stricter("half a block before", FILE_IS_READ_WHOLE),
    stricter("half a block behind", FILE_IS_READ_WHOLE),
];

/// How ours disagrees with Go, on anchors that are damaged themselves.
pub const OURS_ON_MUTANTS: &[Explained] = &[laxer(
    "a mutated leaf as anchor",
    "ours does not ask whether a point is on its curve: no server can have that leaf's key",
)];
