//! Certificates and keys of a control plane: its servers', its users', and the service accounts'.

use std::{fs, net::IpAddr, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::{
    Chain, KeyAlgorithm, LeafRequest, PrivateKey, RootCert, RootRequest, ServerNames, issue_leaf,
    issue_root,
};
use kube_adapter::{SystemEntropy, local_time};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SerialNumber,
};
use rotator_core::Entropy;

use super::{error::ControlPlaneError, loopback::Loopback};

/// Users are valid at every time at which somebody runs this.
const FIRST_YEAR: i32 = 2020;
const LAST_YEAR: i32 = 2049;
/// An API server's certificate is about a year old and lasts for another, as in a cluster that is kept: it is not valid by a
/// clock that is ten years wrong.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(super) const SERVER_CHAIN: &str = "apiserver.crt";
pub(super) const SERVER_KEY: &str = "apiserver.key";
pub(super) const CLIENT_ROOT: &str = "clients.crt";
pub(super) const ACCOUNT_KEY: &str = "accounts.key";
pub(super) const ACCOUNT_PUBLIC_KEY: &str = "accounts.pub";

#[derive(Debug)]
pub(super) struct Credentials {
    root_pem: String,
    server_chain: Chain,
    server_key: PrivateKey,
    client_root: ClientRoot,
    account_key: PrivateKey,
}

/// Whom a certificate names.
pub(super) struct User<'a> {
    name: &'a str,
    group: Option<&'a str>,
}

impl<'a> User<'a> {
    /// May do everything, whatever the rules say.
    pub(super) const ADMIN: User<'static> = User {
        name: "admin",
        group: Some("system:masters"),
    };

    /// May do what the rules allow it.
    pub(super) const fn plain(name: &'a str) -> Self {
        Self { name, group: None }
    }
}

/// A user's certificate and key, both PEM.
pub(super) struct ClientCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Credentials {
    pub(super) fn make(loopback: &Loopback, apiservers: usize) -> Result<Self, ControlPlaneError> {
        let entropy = SystemEntropy::new();
        let server_key = entropy.private_key(KeyAlgorithm::P256)?;
        let (root, server_chain) = server(&entropy, &server_key, loopback, apiservers)?;
        Ok(Self {
            root_pem: root.to_pem(),
            server_chain,
            server_key,
            client_root: ClientRoot::make(&entropy)?,
            account_key: entropy.private_key(KeyAlgorithm::P256)?,
        })
    }

    /// The API servers get a certificate of another root.
    pub(super) fn replace_server(
        &mut self,
        loopback: &Loopback,
        apiservers: usize,
    ) -> Result<(), ControlPlaneError> {
        let entropy = SystemEntropy::new();
        let (root, chain) = server(&entropy, &self.server_key, loopback, apiservers)?;
        (self.root_pem, self.server_chain) = (root.to_pem(), chain);
        Ok(())
    }

    /// What clients trust.
    pub(super) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// A certificate for a user, made on the spot.
    pub(super) fn client(&self, user: &User<'_>) -> Result<ClientCertificate, ControlPlaneError> {
        self.client_root.issue(&SystemEntropy::new(), user)
    }

    /// Writes what the API servers read.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ControlPlaneError> {
        let write = |name: &str, text: &str| write_file(folder, name, text);
        write(SERVER_CHAIN, &self.server_chain.to_pem())?;
        write(SERVER_KEY, &self.server_key.expose_pkcs8_pem())?;
        write(CLIENT_ROOT, &self.client_root.0.pem())?;
        write_account_keys(folder, &self.account_key)
    }
}

/// Writes the key pair that tokens of service accounts are signed with.
pub(crate) fn write_account_keys(folder: &Path, key: &PrivateKey) -> Result<(), ControlPlaneError> {
    write_file(folder, ACCOUNT_KEY, &key.expose_pkcs8_pem())?;
    write_file(folder, ACCOUNT_PUBLIC_KEY, &public_key_pem(key))
}

fn write_file(folder: &Path, name: &str, text: &str) -> Result<(), ControlPlaneError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(ControlPlaneError::file(path))
}

fn server(
    entropy: &SystemEntropy,
    key: &PrivateKey,
    loopback: &Loopback,
    apiservers: usize,
) -> Result<(RootCert, Chain), ControlPlaneError> {
    let root_key = entropy.private_key(KeyAlgorithm::P256)?;
    let now = local_time();
    let request = RootRequest {
        common_name: "control plane of a test",
        serial: entropy.serial()?,
        not_before: now.saturating_sub(YEAR),
        not_after: now.saturating_add(YEAR),
    };
    let root = issue_root(&request, &root_key)?;
    let ips = (0..apiservers).map(|index| IpAddr::V4(*loopback.apiserver(index).ip()));
    let names = ServerNames::new(["kubernetes.default.svc".parse()?], ips)?;
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: entropy.serial()?,
        not_after: now.saturating_add(YEAR),
    };
    let leaf = issue_leaf(&request, &root, &root_key)?;
    Ok((root, Chain::new(leaf, Vec::new())))
}

/// Signs certificates of users, which `certgen` does not make: it knows servers only.
struct ClientRoot(CertifiedIssuer<'static, PrivateKey>);

impl std::fmt::Debug for ClientRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientRoot(<redacted>)")
    }
}

impl ClientRoot {
    fn make(entropy: &SystemEntropy) -> Result<Self, ControlPlaneError> {
        let mut params = client_params("users of a test", entropy)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = entropy.private_key(KeyAlgorithm::P256)?;
        Ok(Self(CertifiedIssuer::self_signed(params, key)?))
    }

    /// Kubernetes reads the user from the common name and its group from the organization.
    ///
    /// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>
    fn issue(
        &self,
        entropy: &SystemEntropy,
        user: &User<'_>,
    ) -> Result<ClientCertificate, ControlPlaneError> {
        let mut params = client_params(user.name, entropy)?;
        if let Some(group) = user.group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = entropy.private_key(KeyAlgorithm::P256)?;
        let certificate = params.signed_by(&key, &self.0)?.pem();
        Ok(ClientCertificate {
            certificate,
            key: key.expose_pkcs8_pem().to_string(),
        })
    }
}

fn client_params(
    common_name: &str,
    entropy: &SystemEntropy,
) -> Result<CertificateParams, ControlPlaneError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    params.serial_number = Some(SerialNumber::from_slice(entropy.serial()?.as_bytes()));
    Ok(params)
}

fn public_key_pem(key: &PrivateKey) -> String {
    let encoded = STANDARD.encode(key.public_key().spki_der());
    format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
}
