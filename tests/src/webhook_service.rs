//! A Service whose cluster IP is a loopback address, so that an API server's `service:` reference reaches a listener
//! of ours by the same path, name and port as in a real cluster.

use std::net::SocketAddrV4;

use kube::Client;
use serde_json::json;

use crate::{ApplyError, ControlPlane, apply};

/// A Service and the address at which its webhook must listen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookService {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub name: String,
    /// Its cluster IP and port. Calls to port [`WebhookService::PORT`] of the Service arrive here.
    pub address: SocketAddrV4,
}

impl WebhookService {
    /// The Service's port: `clientConfig.service.port` must say so. Above 1024, to need no privilege.
    pub const PORT: u16 = 8443;

    /// Creates the Service, and its namespace if need be, with cluster IP number `index` (0 to 99) of this control
    /// plane. Two Services of one control plane need two numbers.
    ///
    /// # Errors
    ///
    /// [`ApplyError`] if the API server refuses.
    pub async fn create(
        control_plane: &ControlPlane,
        client: &Client,
        namespace: &str,
        name: &str,
        index: u8,
    ) -> Result<Self, ApplyError> {
        let address = SocketAddrV4::new(control_plane.cluster_ip(index), Self::PORT);
        for object in objects(namespace, name, address) {
            apply(client, &object.to_string()).await?;
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            address,
        })
    }
}

fn objects(namespace: &str, name: &str, address: SocketAddrV4) -> [serde_json::Value; 3] {
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "clusterIP": address.ip().to_string(),
                "ports": [{"name": "webhook", "port": address.port(), "protocol": "TCP"}],
            },
        }),
        // An aggregated API is called only if its Service has an endpoint; this one is never dialled (TEST-NET-1).
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.2"], "conditions": {"ready": true}}],
            "ports": [{"name": "webhook", "port": address.port(), "protocol": "TCP"}],
        }),
    ]
}
