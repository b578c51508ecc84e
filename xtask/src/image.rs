//! `cargo xtask image`: builds images of our programs without a container engine, as archives that `docker load`, `kind
//! load image-archive` and `ctr image import` accept.

mod archive;

use std::{
    fs,
    path::{Path, PathBuf},
};

use self::archive::archive;
use crate::{control_plane, error::Error, packages, shell, workspace::Workspace};

/// Targets that link statically, so that the image needs nothing else.
const TARGETS: &[(&str, &str)] = &[
    ("x86_64", "x86_64-unknown-linux-gnu"),
    ("aarch64", "aarch64-unknown-linux-gnu"),
];
/// The packages, each with a program of its name.
const PROGRAMS: &[&str] = &["webhook-certs", "etcd-operator"];
/// The largest image that users should have to pull, in bytes.
const LIMIT: u64 = 20 * 1024 * 1024;

/// An image that was built.
#[derive(Debug)]
pub(crate) struct Image {
    /// The name that pods use.
    pub(crate) name: String,
    pub(crate) archive: PathBuf,
    pub(crate) size: u64,
}

/// Builds all images and prints name, archive and size of each.
///
/// # Errors
///
/// A program cannot be built, or an image is too large.
pub(crate) fn images() -> Result<(), Error> {
    for image in build()? {
        let Image {
            name,
            archive,
            size,
        } = &image;
        #[expect(
            clippy::cast_precision_loss,
            clippy::as_conversions,
            reason = "for people"
        )]
        let megabytes = *size as f64 / 1e6;
        shell::result(format!("{name}  {megabytes:.1} MB  {}", archive.display()));
        let is_ours = PROGRAMS.iter().any(|program| name.contains(program));
        if is_ours && *size > LIMIT {
            return Err(Error::ImageTooLarge {
                name: name.clone(),
                size: *size,
                limit: LIMIT,
            });
        }
    }
    Ok(())
}

/// Builds all images, and that of the Go server with which `deploy/` demonstrates other languages.
///
/// # Errors
///
/// A program cannot be built.
pub(crate) fn build() -> Result<Vec<Image>, Error> {
    let mut images = from_rust(PROGRAMS)?;
    let server = control_plane::build_certwatcher()?;
    images.push(image("certwatcher", &server, &folder()?)?);
    Ok(images)
}

/// Builds the images of the two servers that are compared.
///
/// # Errors
///
/// A program cannot be built.
pub(crate) fn side_by_side() -> Result<(), Error> {
    from_rust(&["bench-webhook-certs"])?;
    let other = control_plane::build_cert_controller()?;
    image("bench-cert-controller", &other, &folder()?).map(drop)
}

/// Builds packages as they are shipped, each with a program of its name.
fn from_rust(packages: &[&str]) -> Result<Vec<Image>, Error> {
    packages::ensure(packages::MAKE)?;
    let (_, target) = TARGETS
        .iter()
        .find(|(architecture, _)| *architecture == std::env::consts::ARCH)
        .ok_or(Error::NoImageHere)?;
    let folder = folder()?;
    let target_dir = folder.display().to_string();
    let mut cargo = shell::cargo([
        "build",
        "--release",
        "--locked",
        "--bins",
        "--target",
        target,
    ]);
    cargo.args(["--target-dir", &target_dir]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    shell::run(cargo.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    let built = folder.join(target).join("release");
    let images = packages
        .iter()
        .map(|package| image(package, &built.join(package), &folder));
    images.collect()
}

/// Builds the image that every pod of a node uses, from its program.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn pause(program: &Path) -> Result<Image, Error> {
    image("pause", program, &folder()?)
}

/// Builds an image of etcd as the example operator requests it, from the etcd that scenarios use.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn etcd(program: &Path) -> Result<Image, Error> {
    let name = format!(
        "gcr.io/etcd-development/etcd:{}",
        control_plane::etcd_version()?
    );
    pack(
        name,
        "usr/local/bin/etcd",
        program,
        folder()?.join("etcd.tar"),
    )
}

/// A target folder of its own: other flags would make cargo rebuild everything each time.
pub(crate) fn folder() -> Result<PathBuf, Error> {
    let folder = Workspace::read()?.target_directory.join("image");
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    Ok(folder)
}

fn image(program: &str, binary: &Path, folder: &Path) -> Result<Image, Error> {
    let name = format!("localhost/{program}:{}", env!("CARGO_PKG_VERSION"));
    pack(name, program, binary, folder.join(format!("{program}.tar")))
}

/// Packs an image of this name with `binary` at `program`.
fn pack(name: String, program: &str, binary: &Path, path: PathBuf) -> Result<Image, Error> {
    let bytes = fs::read(binary).map_err(Error::file(binary))?;
    let written = archive(&name, program, &bytes).and_then(|bytes| fs::write(&path, bytes));
    written.map_err(Error::file(&path))?;
    let size = fs::metadata(&path).map_err(Error::file(&path))?.len();
    Ok(Image {
        name,
        archive: path,
        size,
    })
}
