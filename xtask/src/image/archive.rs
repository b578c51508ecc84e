//! Writes the bytes of an image: one layer with one program, as an OCI image layout that is also a docker archive.
//!
//! The same program gives the same bytes: no times, no user names, a fixed order.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use std::io;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Not root, and a user that other containers are unlikely to have.
const USER: &str = "65532:65532";
const USERS: &str = "nonroot:x:65532:65532::/:\n";

/// Writes an image of this name that runs `program`, a static binary.
///
/// # Errors
///
/// A file is too large for an archive.
pub(super) fn archive(name: &str, program: &str, binary: &[u8]) -> io::Result<Vec<u8>> {
    let layer = layer(program, binary)?;
    let config = config(program, &digest_of(&layer)).to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor(MANIFEST, &manifest);
    let tag = name.rsplit(':').next().unwrap_or_default();
    if let Some(fields) = entry.as_object_mut() {
        let names = json!({
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": tag,
        });
        fields.insert("annotations".into(), names);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    let for_docker = json!([{
        "Config": blob(&config),
        "RepoTags": [name],
        "Layers": [blob(&layer)],
    }]);

    let mut archive = Builder::new(Vec::new());
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    for (path, bytes) in [
        ("oci-layout".to_owned(), layout.to_string().into_bytes()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (
            "manifest.json".to_owned(),
            for_docker.to_string().into_bytes(),
        ),
        (blob(&config), config),
        (blob(&manifest), manifest),
        (blob(&layer), layer),
    ] {
        file(&mut archive, &path, 0o644, &bytes)?;
    }
    archive.into_inner()
}

fn layer(program: &str, binary: &[u8]) -> io::Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    let mut etc = header(EntryType::Directory, 0o755, 0);
    layer.append_data(&mut etc, "etc/", io::empty())?;
    file(&mut layer, "etc/passwd", 0o644, USERS.as_bytes())?;
    file(&mut layer, program, 0o755, binary)?;
    layer.into_inner()
}

fn file(archive: &mut Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let size = u64::try_from(bytes.len()).map_err(io::Error::other)?;
    archive.append_data(&mut header(EntryType::Regular, mode, size), path, bytes)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn config(program: &str, layer: &str) -> Value {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": [format!("/{program}")],
            "User": USER,
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() })
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", hexadecimal(bytes))
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hexadecimal(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::new();
    for byte in digest(&SHA256, bytes).as_ref() {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read};

    use super::*;

    const NAME: &str = "localhost/guard:1.2.3";

    fn entries(archive: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 0, "{path}");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (path, (mode, bytes))
        });
        entries.collect()
    }

    fn json(entries: &BTreeMap<String, (u32, Vec<u8>)>, path: &str) -> Value {
        serde_json::from_slice(&entries[path].1).unwrap()
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        let once = archive(NAME, "guard", b"a program").unwrap();
        assert_eq!(archive(NAME, "guard", b"a program").unwrap(), once);
        assert_ne!(archive(NAME, "guard", b"another").unwrap(), once);
    }

    #[test]
    fn every_digest_is_that_of_a_file_and_both_readers_find_the_same() {
        let all = entries(&archive(NAME, "guard", b"a program").unwrap());
        let at = |digest: &Value| digest.as_str().unwrap().replace("sha256:", "blobs/sha256/");
        for (path, (_, bytes)) in all.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            assert_eq!(*path, blob(bytes));
        }
        let index = json(&all, "index.json");
        assert_eq!(
            index["manifests"][0]["annotations"]["io.containerd.image.name"],
            NAME
        );
        let manifest = json(&all, &at(&index["manifests"][0]["digest"]));
        let (config, layer) = (
            at(&manifest["config"]["digest"]),
            at(&manifest["layers"][0]["digest"]),
        );
        assert_eq!(manifest["layers"][0]["size"], all[&layer].1.len());
        let for_docker = &json(&all, "manifest.json")[0];
        assert_eq!(
            *for_docker,
            json!({ "Config": config, "RepoTags": [NAME], "Layers": [layer] })
        );
        let config = json(&all, &config);
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Entrypoint"], json!(["/guard"]));
        assert_eq!(at(&config["rootfs"]["diff_ids"][0]), layer);
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn nothing_is_in_it_but_the_program_and_its_user() {
        let layer = entries(&layer("guard", b"a program").unwrap());
        let found: Vec<(&str, u32)> = layer
            .iter()
            .map(|(path, (mode, _))| (path.as_str(), *mode))
            .collect();
        assert_eq!(
            found,
            [("etc/", 0o755), ("etc/passwd", 0o644), ("guard", 0o755)]
        );
        assert_eq!(layer["guard"].1, b"a program");
    }
}
