//! Handshakes within a connection: each costs the server more than the caller.

use std::io;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets};
use tokio::io::AsyncWriteExt;

use crate::{
    front::Front,
    tls::{Offer, client_hello},
};

const AT_ONCE: usize = 100;
/// A record of the handshake in TLS 1.2.
const HANDSHAKE: [u8; 3] = [22, 3, 3];

/// A `ClientHello` in each record of a TLS 1.2 connection. No library sends a second one: the records are made by hand, with the
/// keys of a handshake that rustls made.
pub(super) async fn old(front: Front) -> io::Result<()> {
    let (mut tcp, connection) = front.tls(Offer::Old).await?.into_inner();
    let secrets = connection.dangerous_extract_secrets();
    let mut records = Records::new(&secrets.map_err(io::Error::other)?)?;
    let hello = client_hello(Offer::Old).map_err(io::Error::other)?;
    // Without the head of its record.
    let message = hello.get(5..).unwrap_or_default();
    loop {
        let mut bytes = Vec::new();
        for _ in 0..AT_ONCE {
            bytes.extend(records.seal(message)?);
        }
        tcp.write_all(&bytes).await?;
        // Whether the server has hung up is seen when it has answered.
        tokio::task::yield_now().await;
    }
}

pub(super) async fn key_updates(front: Front) -> io::Result<()> {
    let mut tls = front.tls(Offer::Http1).await?;
    loop {
        for _ in 0..AT_ONCE {
            let (_, connection) = tls.get_mut();
            connection
                .refresh_traffic_keys()
                .map_err(io::Error::other)?;
        }
        tls.write_all(b"\r\n").await?;
        tls.flush().await?;
    }
}

/// Writes records of TLS 1.2 with ChaCha20-Poly1305 (RFC 7905).
struct Records {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Records {
    fn new(secrets: &ExtractedSecrets) -> io::Result<Self> {
        let (sequence, ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = &secrets.tx else {
            return Err(io::Error::other("another cipher than the one offered"));
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).map_err(|_| not_sealed())?;
        Ok(Self {
            key: LessSafeKey::new(key),
            iv: iv.as_ref().try_into().map_err(io::Error::other)?,
            sequence: *sequence,
        })
    }

    fn seal(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        let mut nonce = self.iv;
        for (place, byte) in nonce.iter_mut().skip(4).zip(sequence) {
            *place ^= byte;
        }
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        let aad = [&sequence[..], &HANDSHAKE, &length.to_be_bytes()].concat();
        let mut sealed = message.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let done = self
            .key
            .seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed);
        done.map_err(|_| not_sealed())?;
        let length = u16::try_from(sealed.len()).map_err(io::Error::other)?;
        Ok([&HANDSHAKE[..], &length.to_be_bytes(), &sealed].concat())
    }
}

fn not_sealed() -> io::Error {
    io::Error::other("a record cannot be sealed with the keys of the handshake")
}
