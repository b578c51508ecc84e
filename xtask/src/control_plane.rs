//! Builds the real etcd and kube-apiserver that the scenarios run on, and the other programs in Go, from Go modules,
//! and caches them.

mod background;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use self::background::{down, up};
use crate::{error::Error, shell};

/// The folder of the cached binaries: `target/control-plane`, unless the variable was set before cargo ran.
const CACHE: &str = env!("WEBHOOK_CERTS_CONTROL_PLANE");

/// A program built from one of our Go modules.
struct Part {
    binary: &'static str,
    /// The module's folder.
    module: &'static str,
    package: &'static str,
    /// The files of the module that the binary depends on.
    files: &'static [&'static str],
    gcflags: &'static str,
}

/// Leaves out debug information, which is stripped anyway and takes a tenth of the time.
const AS_SHIPPED: &str = "all=-dwarf=false";
/// Leaves out inlining as well, which takes a quarter of the time and does not make the scenarios faster.
const SOON_BUILT: &str = "all=-dwarf=false -l";

impl Part {
    /// Describes a program of our own: a module with one package.
    const fn ours(
        binary: &'static str,
        module: &'static str,
        files: &'static [&'static str],
    ) -> Self {
        Self {
            binary,
            module,
            package: ".",
            files,
            gcflags: SOON_BUILT,
        }
    }

    /// Without the version, kube-apiserver reports 0.0.0, and refuses newer features.
    fn ldflags(&self) -> Result<String, Error> {
        let Some(version) = required(self, "k8s.io/kubernetes")? else {
            return Ok("-s -w".to_owned());
        };
        let mut numbers = version.trim_start_matches('v').split('.');
        let mut number = || numbers.next().unwrap_or_default();
        let (major, minor) = (number(), number());
        let package = "k8s.io/component-base/version";
        Ok(format!(
            "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        ))
    }
}

const ETCD: Part = Part {
    binary: "etcd",
    module: "tests/control-plane/etcd",
    package: "go.etcd.io/etcd/server/v3",
    files: &["go.mod", "go.sum"],
    gcflags: SOON_BUILT,
};
const APISERVER: Part = Part {
    binary: "kube-apiserver",
    module: "tests/control-plane/apiserver",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    files: &["go.mod", "go.sum"],
    gcflags: SOON_BUILT,
};
const OLDEST_APISERVER: Part = Part {
    binary: "kube-apiserver-1.34",
    module: "tests/control-plane/apiserver-1.34",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    files: &["go.mod", "go.sum"],
    gcflags: SOON_BUILT,
};
const CERTWATCHER: Part = Part::ours(
    "certwatcher",
    "tests/go/certwatcher",
    &["go.mod", "go.sum", "main.go"],
);
/// Go's verifier, for the proofs.
const JUDGE: Part = Part::ours(
    "judge",
    "tests/go/judge",
    &["go.mod", "main.go", "read.go", "verify.go"],
);

/// Does what `kubectl kustomize` does, built in ten seconds instead of the node's minutes.
const KUSTOMIZE: Part = Part::ours(
    "kustomize",
    "tests/go/kustomize",
    &["go.mod", "go.sum", "main.go"],
);

/// The other programs of a node, and `kubectl`.
const NODE: Part = Part::ours(
    "node",
    "tests/control-plane/node",
    &["go.mod", "go.sum", "main.go"],
);
/// The program that keeps a pod's namespaces.
const PAUSE: Part = Part::ours("pause", "tests/go/pause", &["go.mod", "main.go"]);

/// The server with cert-controller, for comparison.
const CERT_CONTROLLER: Part = Part {
    gcflags: AS_SHIPPED,
    ..Part::ours(
        "bench-cert-controller",
        "bench/cert-controller",
        &["go.mod", "go.sum", "main.go"],
    )
};

/// The two programs of a control plane.
pub(crate) struct Binaries {
    pub(crate) etcd: PathBuf,
    apiserver: PathBuf,
}

impl Binaries {
    /// Prints the two paths, one per line.
    pub(crate) fn print(&self) {
        shell::result(self.etcd.display());
        shell::result(self.apiserver.display());
    }
}

/// Finds the binaries in `KUBEBUILDER_ASSETS` if that is set, else in the cache, and builds what the cache lacks.
///
/// # Errors
///
/// Go is missing, cannot fetch the modules, or the cache folder is not writable.
pub(crate) fn build() -> Result<Binaries, Error> {
    if let Some(folder) = assets() {
        return Ok(Binaries {
            etcd: in_assets(&folder, &ETCD)?,
            apiserver: in_assets(&folder, &APISERVER)?,
        });
    }
    let cache = Path::new(CACHE);
    Ok(Binaries {
        etcd: cached(cache, &ETCD)?,
        apiserver: cached(cache, &APISERVER)?,
    })
}

/// Builds everything that tests need, unless it is cached.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_all() -> Result<(), Error> {
    build()?;
    build_oldest()?;
    build_certwatcher()?;
    build_judge()?;
    cached(Path::new(CACHE), &KUSTOMIZE)?;
    Ok(())
}

/// Builds the oldest kube-apiserver that is tested, unless it is cached.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_oldest() -> Result<PathBuf, Error> {
    cached(Path::new(CACHE), &OLDEST_APISERVER)
}

/// Builds the webhook server in Go, unless it is cached.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_certwatcher() -> Result<PathBuf, Error> {
    cached(Path::new(CACHE), &CERTWATCHER)
}

/// Builds Go's verifier, unless it is cached.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_judge() -> Result<PathBuf, Error> {
    cached(Path::new(CACHE), &JUDGE)
}

/// Builds what a node runs besides a control plane, unless it is cached; returns the program of the image that every
/// pod uses.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_node() -> Result<PathBuf, Error> {
    build()?;
    cached(Path::new(CACHE), &NODE)?;
    cached(Path::new(CACHE), &PAUSE)
}

/// Builds the webhook server with cert-controller, unless it is cached.
///
/// # Errors
///
/// As for [`build`].
pub(crate) fn build_cert_controller() -> Result<PathBuf, Error> {
    cached(Path::new(CACHE), &CERT_CONTROLLER)
}

fn in_assets(folder: &Path, part: &Part) -> Result<PathBuf, Error> {
    let path = folder.join(part.binary);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::NotInAssets { path })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a convention of Kubernetes tests, read in this one place"
)]
fn assets() -> Option<PathBuf> {
    env::var_os("KUBEBUILDER_ASSETS")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

fn cached(cache: &Path, part: &Part) -> Result<PathBuf, Error> {
    let binary = cache.join(part.binary);
    let stamp = cache.join(format!("{}.built-from", part.binary));
    let inputs = inputs(part)?;
    if binary.is_file() && fs::read_to_string(&stamp).is_ok_and(|built_from| built_from == inputs) {
        return Ok(binary);
    }
    fs::create_dir_all(cache).map_err(Error::file(cache))?;
    // Another run may be building, too: each writes its own file, and the last rename wins.
    let fresh = cache.join(format!("{}.{}", part.binary, std::process::id()));
    shell::run(&mut go_build(part, &part.ldflags()?, &fresh))?;
    fs::rename(&fresh, &binary).map_err(Error::file(&binary))?;
    fs::write(&stamp, inputs).map_err(Error::file(&stamp))?;
    Ok(binary)
}

/// Describes everything that the binary depends on; stored beside it, so that a change of version builds again.
fn inputs(part: &Part) -> Result<String, Error> {
    let mut inputs = format!("{}\n{}\n", part.package, part.ldflags()?);
    for name in part.files {
        let path = module(part).join(name);
        inputs += &fs::read_to_string(&path).map_err(Error::file(path))?;
    }
    Ok(inputs)
}

/// Returns the version of etcd that is built: `v3.7.3`.
///
/// # Errors
///
/// Its `go.mod` cannot be read, or does not name it.
pub(crate) fn etcd_version() -> Result<String, Error> {
    let name = "go.etcd.io/etcd/server/v3";
    required(&ETCD, name)?.ok_or_else(|| Error::NotRequired {
        module: ETCD.module.to_owned(),
        name: name.to_owned(),
    })
}

/// Returns the version that the part's `go.mod` requires of another module, if any.
fn required(part: &Part, name: &str) -> Result<Option<String>, Error> {
    let path = module(part).join("go.mod");
    let text = fs::read_to_string(&path).map_err(Error::file(path))?;
    Ok(version_in(&text, name))
}

fn version_in(go_mod: &str, name: &str) -> Option<String> {
    let mut lines = go_mod.lines().map(|line| {
        let line = line.trim().trim_start_matches("require ");
        line.split_whitespace()
    });
    let mut words = lines.find(|words| words.clone().next() == Some(name))?;
    words.nth(1).map(str::to_owned)
}

fn module(part: &Part) -> PathBuf {
    shell::root().join(part.module)
}

fn go_build(part: &Part, ldflags: &str, output: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-gcflags", part.gcflags])
        .args(["-ldflags", ldflags, "-o"])
        .arg(output)
        .arg(part.package);
    command.current_dir(module(part)).env("CGO_ENABLED", "0");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_module_is_what_go_mod_requires() {
        let text = "module a\n\nrequire go.etcd.io/etcd v3.7.3\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n\tk8s.io/api v0.37.2 // indirect\n)\n";
        let version = |name| version_in(text, name);
        assert_eq!(version("go.etcd.io/etcd").as_deref(), Some("v3.7.3"));
        assert_eq!(version("k8s.io/kubernetes").as_deref(), Some("v1.37.2"));
        assert_eq!(version("k8s.io"), None);
    }
}
