//! The commands of `docs/tutorial.md`, run as they stand there, and what they print.

use std::{cell::RefCell, fs, path::Path};

use scenarios::{Failure, Node, until};

use crate::{PROGRAM, archives};

#[tokio::test]
async fn every_command_of_the_tutorial_prints_what_it_says() -> Result<(), Failure> {
    let node = Node::start(Path::new(PROGRAM), &archives()?).await?;
    let steps = steps(&fs::read_to_string(root("docs/tutorial.md"))?);
    assert!(steps.len() > 15, "{steps:?}");
    for step in &steps {
        // What follows from a command may take a moment.
        let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
        let last = RefCell::default();
        let command = words.join(" ");
        let looked = until(&command, async || {
            let (has_failed, said) = match node.kubectl(&words).await {
                Ok(said) => (false, said),
                Err(said) => (true, said.to_string()),
            };
            let is_it = step.expected.iter().all(|line| is_in(line, &said));
            last.replace(said);
            Ok(is_it && has_failed == step.fails())
        })
        .await;
        looked.map_err(|error| format!("{error}; it says:\n{}", last.borrow()))?;
    }
    node.stop().await
}

#[derive(Debug)]
struct Step {
    /// The arguments of `kubectl`; paths are those of the repository.
    words: Vec<String>,
    expected: Vec<String>,
}

impl Step {
    fn fails(&self) -> bool {
        let mut lines = self.expected.iter();
        lines.any(|line| line.starts_with("Error from server"))
    }
}

/// The commands in blocks of the console, each with the lines below it.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_console = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ kubectl ") {
            let words = command.split(' ').map(|word| {
                let is_path = ["deploy/", "examples/"]
                    .iter()
                    .any(|folder| word.starts_with(folder));
                if is_path { root(word) } else { word.to_owned() }
            });
            steps.push(Step {
                words: words.collect(),
                expected: Vec::new(),
            });
        } else if let (true, Some(step)) = (is_console, steps.last_mut()) {
            step.expected.push(line.to_owned());
        }
    }
    steps
}

fn root(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether a line of `said` is `expected`, however far apart its words are; `…` stands for anything.
fn is_in(expected: &str, said: &str) -> bool {
    said.lines().any(|line| {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut parts = expected.split('…').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = line.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            match rest.split_once(part) {
                _ if is_last => return rest.ends_with(part),
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    })
}
