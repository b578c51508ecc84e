//! A loopback network for each control plane, so that several can run at once, whoever started them.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use super::error::ControlPlaneError;

/// Below the ports that systems hand out for outgoing connections (32768 and up).
const RESERVATION: u16 = 26_440;
const ETCD: u16 = 26_441;
const ETCD_PEERS: u16 = 26_442;
const APISERVER: u16 = 26_443;

/// 127.53.n.0/24. The lower half is for the control plane's own programs, the upper half for cluster IPs.
#[derive(Debug)]
pub(super) struct Loopback {
    network: u8,
    /// Held until the control plane ends: nobody else takes this network meanwhile.
    _reservation: TcpListener,
}

impl Loopback {
    /// Takes a network in which every port that is needed is free.
    pub(super) fn reserve(apiservers: usize) -> Result<Self, ControlPlaneError> {
        for network in 0..=u8::MAX {
            let Ok(reservation) =
                TcpListener::bind(SocketAddrV4::new(host(network, 1), RESERVATION))
            else {
                continue;
            };
            let loopback = Self {
                network,
                _reservation: reservation,
            };
            if loopback.is_free(apiservers) {
                return Ok(loopback);
            }
        }
        Err(ControlPlaneError::NoNetwork)
    }

    pub(super) fn etcd(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.network, 2), ETCD)
    }

    pub(super) fn etcd_peers(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.network, 2), ETCD_PEERS)
    }

    pub(super) fn apiserver(&self, index: usize) -> SocketAddrV4 {
        let host_number = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(10);
        SocketAddrV4::new(host(self.network, host_number), APISERVER)
    }

    pub(super) fn service_range(&self) -> String {
        format!("{}/25", host(self.network, 128))
    }

    /// Leaves the first addresses of the range to Kubernetes' own Services.
    pub(super) fn cluster_ip(&self, index: u8) -> Ipv4Addr {
        host(self.network, index.saturating_add(140))
    }

    /// A program of an earlier run, killed hard, may have left its children behind.
    fn is_free(&self, apiservers: usize) -> bool {
        let servers = (0..apiservers).map(|index| self.apiserver(index));
        [self.etcd(), self.etcd_peers()]
            .into_iter()
            .chain(servers)
            .all(|address| TcpListener::bind(address).is_ok())
    }
}

fn host(network: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 53, network, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_control_planes_never_share_a_network() {
        let (one, two) = (Loopback::reserve(2).unwrap(), Loopback::reserve(2).unwrap());
        assert_ne!(one.network, two.network);
        assert_ne!(one.apiserver(0), one.apiserver(1));
    }

    #[test]
    fn a_network_with_a_taken_port_is_passed_over() {
        let first = Loopback::reserve(1).unwrap();
        let _orphan = TcpListener::bind(first.etcd()).unwrap();
        let taken = first.network;
        drop(first);
        assert_ne!(Loopback::reserve(1).unwrap().network, taken);
    }
}
