//! The verdict of Go's `crypto/x509`, by the program in `tests/go/judge`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    case::{Case, Matrix},
    error::JudgeError,
    mutant::Mutant,
    verdict::Verdict,
};

/// Where `cargo xtask control-plane` puts what it builds.
const CACHE: &str = env!("WEBHOOK_CERTS_CONTROL_PLANE");

const PROGRAM: &str = "judge";

/// What Go says to each case.
///
/// # Errors
///
/// [`JudgeError::NotBuilt`]: run `cargo xtask control-plane`.
pub fn judge(matrix: &Matrix, cases: &[&Case]) -> Result<Vec<Verdict>, JudgeError> {
    let mut text = String::new();
    let chains = number(&mut text, cases.iter().map(|case| case.chain), |chain| {
        let ders = matrix.chains.get(chain).into_iter().flatten();
        let ders: Vec<_> = ders.map(|der| STANDARD.encode(der)).collect();
        format!("chain {}", ders.join(","))
    });
    let bundles = number(&mut text, cases.iter().map(|case| case.bundle), |bundle| {
        let pem = matrix.bundles.get(bundle).map_or(&[][..], Vec::as_slice);
        format!("bundle {}", STANDARD.encode(pem))
    });
    for case in cases {
        let chain = chains.get(&case.chain).copied().unwrap_or_default();
        let bundle = bundles.get(&case.bundle).copied().unwrap_or_default();
        let Case { at, name, .. } = case;
        let _ = writeln!(text, "case {chain} {bundle} {at} {name}");
    }
    let answers = ask(text)?;
    let verdicts = answers.lines().map(|answer| match answer {
        "accepts" => Ok(Verdict::Accepts),
        _ => match answer.strip_prefix("refuses: ") {
            Some(reason) => Ok(Verdict::Refuses(reason.to_owned())),
            None => Err(unexpected(answer)),
        },
    });
    let verdicts: Vec<_> = verdicts.collect::<Result<_, _>>()?;
    if verdicts.len() == cases.len() {
        Ok(verdicts)
    } else {
        Err(unexpected(&format!("{} lines", verdicts.len())))
    }
}

/// What Go says to each of `mutants`, asked by that word.
pub(crate) fn read(question: &str, mutants: &[Mutant]) -> Result<Vec<String>, JudgeError> {
    let mut text = String::new();
    for mutant in mutants {
        let _ = writeln!(text, "{question} {}", STANDARD.encode(&mutant.bytes));
    }
    let answers: Vec<_> = ask(text)?.lines().map(str::to_owned).collect();
    if answers.len() == mutants.len() {
        Ok(answers)
    } else {
        Err(unexpected(&format!("{} lines", answers.len())))
    }
}

/// Writes each thing once, and tells its number in the text.
fn number(
    text: &mut String,
    all: impl Iterator<Item = usize>,
    write: impl Fn(usize) -> String,
) -> BTreeMap<usize, usize> {
    let mut numbers = BTreeMap::new();
    for one in all {
        let next = numbers.len();
        numbers.entry(one).or_insert_with(|| {
            let _ = writeln!(text, "{}", write(one));
            next
        });
    }
    numbers
}

/// Puts questions to the program, a line each.
fn ask(questions: String) -> Result<String, JudgeError> {
    let path = Path::new(CACHE).join(PROGRAM);
    if !path.is_file() {
        return Err(JudgeError::NotBuilt { path });
    }
    let mut child = Command::new(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(talk)?;
    let answers = converse(&mut child, questions);
    let status = child.wait().map_err(talk)?;
    match answers {
        Ok(answers) if status.success() => Ok(answers),
        Ok(answers) => Err(unexpected(&answers)),
        Err(source) => Err(talk(source)),
    }
}

fn converse(child: &mut Child, questions: String) -> std::io::Result<String> {
    let mut answers = String::new();
    thread::scope(|scope| {
        let writer = child
            .stdin
            .take()
            .map(|mut stdin| scope.spawn(move || stdin.write_all(questions.as_bytes())));
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_string(&mut answers)?;
        }
        match writer.map(thread::ScopedJoinHandle::join) {
            Some(Ok(Err(error))) => Err(error),
            _ => Ok(answers),
        }
    })
}

fn talk(source: std::io::Error) -> JudgeError {
    JudgeError::Talk {
        program: PROGRAM,
        source,
    }
}

fn unexpected(answer: &str) -> JudgeError {
    JudgeError::Answer {
        program: PROGRAM,
        answer: answer.chars().take(200).collect(),
    }
}
