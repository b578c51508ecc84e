//! What all attacks have in common: whom they attack, until when, with how many connections, and what became of those.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustls::ClientConfig;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::tls::{self, Offer};

/// A connection that the server ended is made again so many times.
const AGAIN: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// More handshakes than this are not begun at once: the machine that attacks is the one that is attacked.
const AT_ONCE: usize = 256;
/// A server that does not answer is left alone for a while.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// A caller that does not read has little room for what it is sent.
const LITTLE_ROOM: u32 = 4_096;
/// Attackers that do not share the API server's address have so many.
const ADDRESSES: u64 = 250;

/// What became of the connections of an attack.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    opened: AtomicU64,
    shed: AtomicU64,
}

impl Tally {
    /// How many connections were made.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// How many the server refused or ended before the attack was over.
    pub(crate) fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }
}

/// Where an attack takes place. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    until: Instant,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    old: Arc<ClientConfig>,
    /// Behind the API server's address.
    is_hidden: bool,
    dialling: Arc<Semaphore>,
    dialled: Arc<AtomicU64>,
    tally: Arc<Tally>,
}

impl Front {
    /// `is_hidden`: the attackers have the API server's address, as behind a gateway.
    pub(crate) fn new(
        address: SocketAddr,
        lasts: Duration,
        is_hidden: bool,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            address,
            until: Instant::now() + lasts,
            http1: tls::config(Offer::Http1)?,
            http2: tls::config(Offer::Http2)?,
            old: tls::config(Offer::Old)?,
            is_hidden,
            dialling: Arc::new(Semaphore::new(AT_ONCE)),
            dialled: Arc::default(),
            tally: Arc::default(),
        })
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Keeps up `size` connections, each of which does as `session` says until it fails or the attack is over.
    pub(crate) async fn crowd<S, F>(&self, size: usize, session: S)
    where
        S: Fn(Self) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut members = JoinSet::new();
        for _ in 0..size {
            let (front, session) = (self.clone(), session.clone());
            members.spawn(async move { front.keep_up(session).await });
        }
        while members.join_next().await.is_some() {}
    }

    /// Resolves when the attack is over.
    pub(crate) async fn over(&self) {
        sleep_until(self.until).await;
    }

    async fn keep_up<S, F>(self, session: S)
    where
        S: Fn(Self) -> F,
        F: Future<Output = io::Result<()>>,
    {
        for _ in 0..AGAIN {
            let ended = timeout_at(self.until, session(self.clone())).await;
            if ended.is_err() {
                return;
            }
            self.tally.shed.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
        self.over().await;
    }

    pub(crate) async fn tcp(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        self.connect(socket).await
    }

    /// A connection whose other side cannot send much before this side reads.
    pub(crate) async fn tls_without_room(&self, offer: Offer) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(LITTLE_ROOM)?;
        let tcp = self.connect(socket).await?;
        self.handshake(tcp, offer).await
    }

    pub(crate) async fn tls(&self, offer: Offer) -> io::Result<TlsStream<TcpStream>> {
        let tcp = self.tcp().await?;
        self.handshake(tcp, offer).await
    }

    async fn connect(&self, socket: TcpSocket) -> io::Result<TcpStream> {
        let _turn = self.dialling.acquire().await.map_err(io::Error::other)?;
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        if !self.is_hidden {
            let host = u8::try_from(number % ADDRESSES).unwrap_or_default();
            // Port 0: any that is free.
            socket.bind((Ipv4Addr::new(127, 99, 0, host), 0).into())?;
        }
        let tcp = timeout(DIAL_LIMIT, socket.connect(self.address)).await??;
        // The attack's own ports must not be used up.
        tcp.set_zero_linger()?;
        tcp.set_nodelay(true)?;
        self.tally.opened.fetch_add(1, Ordering::Relaxed);
        Ok(tcp)
    }

    async fn handshake(&self, tcp: TcpStream, offer: Offer) -> io::Result<TlsStream<TcpStream>> {
        let _turn = self.dialling.acquire().await.map_err(io::Error::other)?;
        let config = match offer {
            Offer::Http1 => &self.http1,
            Offer::Http2 => &self.http2,
            Offer::Old => &self.old,
        };
        let connector = TlsConnector::from(Arc::clone(config));
        timeout(DIAL_LIMIT, connector.connect(tls::server_name(), tcp)).await?
    }
}
