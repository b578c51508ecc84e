//! Stands between a program and an API server, and does to its requests what networks, gateways and busy API servers do.

mod fault;
mod forward;
mod trap;

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::Client;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use self::trap::Trap;
pub use self::{
    fault::Fault,
    trap::{Caught, Moment},
};
use crate::{ControlPlaneError, Failure, accept::accept};

/// Forwards requests as one user, until dropped.
///
/// It speaks HTTP without TLS on loopback: what TLS would hide from it is what it is for. A write is a request that may change
/// a record or a target; Leases and Events are not counted.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on `address` and forwards by `upstream`, whose user every request then has.
    ///
    /// # Errors
    ///
    /// The address is taken.
    pub async fn start(address: SocketAddr, upstream: Client) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
            cuts: watch::Sender::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Writes a kubeconfig by which a program comes through here.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn kubeconfig(&self, path: &Path) -> Result<(), Failure> {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{}", self.address)}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
            "current-context": "proxy",
            "users": [{"name": "nobody", "user": {}}],
        });
        std::fs::write(path, kubeconfig.to_string()).map_err(ControlPlaneError::file(path))?;
        Ok(())
    }

    /// From now on this happens to each request.
    pub fn set(&self, fault: Fault) {
        let mut state = self.shared.state();
        (state.fault, state.from_next_write) = (fault, None);
    }

    /// From the next write on this happens to each request.
    pub fn set_from_next_write(&self, fault: Fault) {
        self.shared.state().from_next_write = Some(fault);
    }

    /// What happens now.
    pub fn fault(&self) -> Fault {
        self.shared.state().fault
    }

    /// Ends all open watches as a broken connection does.
    pub fn cut_watches(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many requests arrived.
    pub fn requests(&self) -> u64 {
        self.shared.state().requests
    }

    /// How many writes arrived.
    pub fn writes(&self) -> u64 {
        self.shared.state().writes
    }

    /// Stops the `n`-th write from now (from 1) at `moment`; it is never answered. Resolves when it stands there.
    ///
    /// # Errors
    ///
    /// Another write was chosen meanwhile.
    pub fn catch(
        &self,
        n: u64,
        moment: Moment,
    ) -> impl Future<Output = Result<Caught, Failure>> + use<> {
        let mut state = self.shared.state();
        let (trap, caught) = Trap::new(state.writes + n, moment);
        state.trap = Some(trap);
        async move { caught.await.map_err(|_| "another write was chosen".into()) }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared {
    upstream: Client,
    state: Mutex<State>,
    /// Grows when all watches are to be cut.
    cuts: watch::Sender<u64>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    from_next_write: Option<Fault>,
    requests: u64,
    writes: u64,
    trap: Option<Trap>,
    /// The last answer to each read while reads were fresh.
    answers: HashMap<String, Bytes>,
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this future: no connection outlives the proxy.
    let mut connections = JoinSet::new();
    loop {
        let stream = accept(&listener).await;
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let answer = service_fn(|request| forward::answer(&shared, request));
            // A client that was killed, and a connection that we cut, end in an error.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
