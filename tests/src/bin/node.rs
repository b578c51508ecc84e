//! The first process in the namespaces of a node: `node FOLDER CGROUP ARCHIVE…`, started by `scenarios::Node` alone.

use std::{env, path::PathBuf};

use scenarios::Failure;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(cgroup)) = (arguments.next(), arguments.next()) else {
        return Err("usage: node FOLDER CGROUP ARCHIVE…".into());
    };
    let archives: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    scenarios::inside_node(&PathBuf::from(folder), &cgroup, &archives).await
}
