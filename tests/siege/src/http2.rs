//! A client of HTTP/2 that obeys the windows of the server, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::client::TlsStream;

use crate::{
    frames::{
        ACK, DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, Head, INITIAL_WINDOW_SIZE, LONGEST,
        PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, post, settings,
    },
    front::Front,
    tls::Offer,
};

type Tls = TlsStream<TcpStream>;

/// What RFC 9113 has before anything is said.
const WINDOW: i64 = 65_535;

/// A connection. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Http2 {
    to: WriteHalf<Tls>,
    next_stream: u32,
    heard: Arc<Heard>,
    listening: JoinHandle<()>,
}

/// What the server has said.
#[derive(Debug, Default)]
struct Heard {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    connection: i64,
    initial: i64,
    streams: BTreeMap<u32, i64>,
    /// Answered, or reset.
    done: BTreeSet<u32>,
    is_gone: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            connection: WINDOW,
            initial: WINDOW,
            streams: BTreeMap::new(),
            done: BTreeSet::new(),
            is_gone: false,
        }
    }
}

impl Http2 {
    pub(crate) async fn open(front: &Front) -> io::Result<Self> {
        Self::open_with(front.tls(Offer::Http2).await?, &[]).await
    }

    /// The preface and these settings; then the server's settings are acknowledged.
    pub(crate) async fn open_with(tls: Tls, values: &[(u16, u32)]) -> io::Result<Self> {
        let (mut from, mut to) = split(tls);
        to.write_all(&[PREFACE, &settings(values)].concat()).await?;
        to.flush().await?;
        let heard = Arc::new(Heard::default());
        while !heard.hear(&mut from).await? {}
        let listening = tokio::spawn(listen(from, Arc::clone(&heard)));
        let mut connection = Self {
            to,
            next_stream: 1,
            heard,
            listening,
        };
        connection.send(&frame(SETTINGS, ACK, 0, &[])).await?;
        Ok(connection)
    }

    /// Does not listen any more: what the server says stays in its buffers.
    pub(crate) fn turn_deaf(&mut self) {
        self.listening.abort();
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.heard.state().is_gone {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.to.write_all(bytes).await?;
        self.to.flush().await
    }

    /// A number that no stream of this connection had.
    pub(crate) fn next_stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// Begins `POST /admit` with a body of so many bytes.
    pub(crate) async fn begin(&mut self, length: u64) -> io::Result<u32> {
        let stream = self.next_stream();
        {
            let mut state = self.heard.state();
            let initial = state.initial;
            state.streams.insert(stream, initial);
        }
        self.send(&frame(HEADERS, END_HEADERS, stream, &post(length)))
            .await?;
        Ok(stream)
    }

    /// Sends a whole request.
    pub(crate) async fn ask(&mut self, body: &[u8]) -> io::Result<u32> {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let stream = self.begin(length).await?;
        let mut rest = body;
        while !rest.is_empty() && !self.is_done(stream) {
            let room = self.room(stream, rest.len());
            if room == 0 {
                self.changed().await?;
                continue;
            }
            let (now, later) = rest.split_at(room);
            let flags = if later.is_empty() { END_STREAM } else { 0 };
            self.send(&frame(DATA, flags, stream, now)).await?;
            rest = later;
        }
        Ok(stream)
    }

    /// Sends up to `left` bytes of a body that does not end, as far as the windows allow; says how many.
    pub(crate) async fn data(&mut self, stream: u32, left: u64) -> io::Result<u64> {
        let room = self.room(stream, usize::try_from(left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        self.send(&frame(DATA, 0, stream, &vec![b' '; room]))
            .await?;
        Ok(u64::try_from(room).unwrap_or_default())
    }

    /// Whether the server answered or reset it.
    pub(crate) fn is_done(&self, stream: u32) -> bool {
        self.heard.state().done.contains(&stream)
    }

    /// Waits until the server says something.
    ///
    /// # Errors
    ///
    /// It has ended the connection.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        self.heard.changed.notified().await;
        if self.heard.state().is_gone {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }

    /// Waits until the server ends the connection.
    pub(crate) async fn gone(&self) -> io::Result<()> {
        loop {
            self.changed().await?;
        }
    }

    /// Takes from both windows what one frame may carry now.
    fn room(&self, stream: u32, wanted: usize) -> usize {
        let mut state = self.heard.state();
        let connection = state.connection;
        let Some(window) = state.streams.get_mut(&stream) else {
            return 0;
        };
        let wanted = i64::try_from(wanted.min(LONGEST)).unwrap_or_default();
        let room = wanted.min(connection).min(*window).max(0);
        *window -= room;
        state.connection -= room;
        usize::try_from(room).unwrap_or_default()
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(mut from: ReadHalf<Tls>, heard: Arc<Heard>) {
    while heard.hear(&mut from).await.is_ok() {
        heard.changed.notify_one();
    }
    heard.state().is_gone = true;
    heard.changed.notify_one();
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one frame; says whether it was the server's settings.
    async fn hear(&self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        let mut head = [0; 9];
        from.read_exact(&mut head).await?;
        let head = Head::read(head);
        let mut payload = vec![0; head.length];
        from.read_exact(&mut payload).await?;
        let mut state = self.state();
        match head.kind {
            SETTINGS if head.flags & ACK == 0 => state.set(&payload),
            WINDOW_UPDATE => state.widen(head.stream, &payload),
            RST_STREAM => state.end(head.stream),
            HEADERS | DATA if head.flags & END_STREAM != 0 => state.end(head.stream),
            GO_AWAY => state.is_gone = true,
            _ => {}
        }
        Ok(head.kind == SETTINGS && head.flags & ACK == 0)
    }
}

impl State {
    fn set(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            if let [a, b, value @ ..] = setting
                && u16::from_be_bytes([*a, *b]) == INITIAL_WINDOW_SIZE
                && let Ok(value) = value.try_into()
            {
                let initial = i64::from(u32::from_be_bytes(value));
                let more = initial - self.initial;
                self.streams.values_mut().for_each(|window| *window += more);
                self.initial = initial;
            }
        }
    }

    fn widen(&mut self, stream: u32, payload: &[u8]) {
        let Ok(more) = payload.try_into().map(u32::from_be_bytes) else {
            return;
        };
        if stream == 0 {
            self.connection += i64::from(more);
        } else if let Some(window) = self.streams.get_mut(&stream) {
            *window += i64::from(more);
        }
    }

    fn end(&mut self, stream: u32) {
        self.streams.remove(&stream);
        self.done.insert(stream);
    }
}
