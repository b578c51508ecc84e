//! Reads a kubeconfig, or the files of a pod's service account, and detects changes.

use std::{fmt, fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Config,
    config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError},
};
use ring::digest::{Context as Hash, SHA256};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    connect::ConnectError,
    known::credentials,
    proxy::{Proxy, Variables, choose},
};

/// Where to find the API server's address and credentials. They are read each time that the caller asks.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) variables: Variables,
}

/// Everything that a client is made from.
pub(crate) struct Found {
    pub(crate) config: Config,
    pub(crate) digest: Digest,
    pub(crate) proxy: Option<Proxy>,
    /// What the API server's certificate is verified with, for messages.
    pub(crate) trusted: String,
    /// Which credentials the API server gets, for messages.
    pub(crate) credentials: String,
}

/// A digest that tells whether two readings are the same, without keeping what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Place {
    /// Reads everything. Blocks, and sends nothing to the API server.
    pub(crate) fn read(&self) -> Result<Found, ConnectError> {
        if let Some(path) = &self.kubeconfig {
            let unusable = |source| ConnectError::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            let chosen = Chosen::of(file, self.context.as_deref()).map_err(unusable)?;
            return chosen.found(&self.variables);
        }
        let usual = Kubeconfig::read().and_then(|file| Chosen::of(file, self.context.as_deref()));
        match usual {
            Err(error) if self.context.is_some() => Err(ConnectError::Context(error)),
            Err(kubeconfig) => self.in_pod(kubeconfig),
            Ok(chosen) => {
                let mut found = chosen.found(&self.variables)?;
                found.config.apply_debug_overrides();
                Ok(found)
            }
        }
    }

    fn in_pod(&self, kubeconfig: KubeconfigError) -> Result<Found, ConnectError> {
        let mut config = Config::incluster().map_err(|pod| ConnectError::Nowhere {
            pod: Box::new(pod),
            kubeconfig: Box::new(kubeconfig),
        })?;
        config.apply_debug_overrides();
        let proxy = choose(&config.cluster_url, None, &self.variables)?;
        config.proxy_url = proxy.as_ref().map(Proxy::expose_uri);
        let trusted = config
            .root_cert_file
            .as_ref()
            .map(|path| path.display().to_string());
        let mut digest = Digester::new();
        digest.roots(&config);
        digest.files(&config.auth_info);
        let credentials = credentials(&config.auth_info);
        Ok(Found {
            digest: digest.finish(),
            config,
            proxy,
            trusted: trusted.unwrap_or_default(),
            credentials,
        })
    }
}

/// One context of a kubeconfig.
struct Chosen {
    cluster: Cluster,
    user: AuthInfo,
    context: Context,
}

impl Chosen {
    fn of(file: Kubeconfig, context: Option<&str>) -> Result<Self, KubeconfigError> {
        let name = context.map(str::to_owned).or(file.current_context);
        let name = name.ok_or(KubeconfigError::CurrentContextNotSet)?;
        let mut contexts = file.contexts.into_iter();
        let context = contexts
            .find(|known| known.name == name)
            .and_then(|known| known.context)
            .ok_or(KubeconfigError::LoadContext(name))?;
        let mut clusters = file.clusters.into_iter();
        let cluster = clusters
            .find(|known| known.name == context.cluster)
            .and_then(|known| known.cluster)
            .ok_or_else(|| KubeconfigError::LoadClusterOfContext(context.cluster.clone()))?;
        // As kubectl does: a user that the file lacks is one without credentials.
        let mut users = file.auth_infos.into_iter();
        let user = users.find(|known| Some(&known.name) == context.user.as_ref());
        let mut user = user.and_then(|known| known.auth_info).unwrap_or_default();
        if let Some(exec) = &mut user.exec
            && exec.provide_cluster_info
        {
            exec.cluster = Some((&cluster).try_into()?);
        }
        Ok(Self {
            cluster,
            user,
            context,
        })
    }

    fn found(self, variables: &Variables) -> Result<Found, ConnectError> {
        let Self {
            cluster,
            user,
            context,
        } = self;
        let unusable = |field: &str, reason: String| ConnectError::Field {
            field: field.into(),
            reason,
        };
        let url = cluster.server.as_deref().unwrap_or_default();
        let url = url.parse().map_err(|_| {
            unusable(
                "server",
                "it is not a URL such as https://10.0.0.1:6443".into(),
            )
        })?;
        let mut config = Config::new(url);
        let (trusted, roots) = roots(&cluster)?;
        config.root_cert = roots;
        if let Some(namespace) = context.namespace {
            config.default_namespace = namespace;
        }
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.disable_compression = cluster.disable_compression.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        let proxy = choose(&config.cluster_url, cluster.proxy_url.as_deref(), variables)?;
        config.proxy_url = proxy.as_ref().map(Proxy::expose_uri);
        config.auth_info = user;

        let mut digest = Digester::new();
        digest.words(&cluster);
        digest.words(&config.auth_info);
        digest.roots(&config);
        digest.files(&config.auth_info);
        let credentials = credentials(&config.auth_info);
        take_token(&mut config.auth_info)?;
        Ok(Found {
            digest: digest.finish(),
            config,
            proxy,
            trusted,
            credentials,
        })
    }
}

/// What the API server's certificate is verified with, in words and as certificates; none for the system's roots.
type Roots = (String, Option<Vec<Vec<u8>>>);

fn roots(cluster: &Cluster) -> Result<Roots, ConnectError> {
    let set = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    let (trusted, pem) = if let Some(data) = set(&cluster.certificate_authority_data) {
        let field = "certificate-authority-data";
        let pem = STANDARD
            .decode(data.trim())
            .map_err(|_| ConnectError::Field {
                field: field.into(),
                reason: "it is not base64".into(),
            })?;
        (field.to_owned(), pem)
    } else if let Some(path) = set(&cluster.certificate_authority) {
        let field = format!("certificate-authority {path}");
        let pem = fs::read(&path).map_err(|error| ConnectError::Field {
            field: field.clone(),
            reason: error.to_string(),
        })?;
        (field, pem)
    } else {
        return Ok(("the certificates of this system".into(), None));
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => {
            let certificates = certificates.iter().map(|der| der.as_ref().to_vec());
            Ok((trusted, Some(certificates.collect())))
        }
        _ => Err(ConnectError::Field {
            field: trusted,
            reason: "it holds no certificate in PEM".into(),
        }),
    }
}

/// Takes the token as kubectl does: a `tokenFile` comes before a `token`, which is used where there is no such file,
/// and may end in a line break.
fn take_token(user: &mut AuthInfo) -> Result<(), ConnectError> {
    let Some(path) = user.token_file.clone() else {
        return Ok(());
    };
    let text = fs::read_to_string(&path).map(Zeroizing::new);
    let reason = match text.as_ref().map(|text| text.trim()) {
        Ok("") => "it is empty".into(),
        Ok(token) => {
            user.token = Some(token.to_owned().into());
            user.token_file = None;
            return Ok(());
        }
        Err(_) if user.token.is_some() => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(ConnectError::Field {
        field: format!("tokenFile {path}"),
        reason,
    })
}

struct Digester(Hash);

impl Digester {
    fn new() -> Self {
        Self(Hash::new(&SHA256))
    }

    /// Adds a part of the kubeconfig, in an order that does not change.
    fn words(&mut self, part: &impl serde::Serialize) {
        let words = serde_json::to_value(part).unwrap_or_default();
        self.part(&Zeroizing::new(words.to_string().into_bytes()));
    }

    fn roots(&mut self, config: &Config) {
        for root in config.root_cert.iter().flatten() {
            self.part(root);
        }
    }

    /// Adds the files that a user's credentials are in.
    fn files(&mut self, user: &AuthInfo) {
        for path in [&user.client_certificate, &user.client_key, &user.token_file]
            .into_iter()
            .flatten()
        {
            // An unreadable file counts as empty: a client that needs it is not made.
            self.part(&Zeroizing::new(fs::read(path).unwrap_or_default()));
        }
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&bytes.len().to_be_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> Digest {
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration may hold keys.
        f.debug_struct("Found").finish_non_exhaustive()
    }
}
