//! The program `webhook-certs`: see `webhook-certs --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    webhook_certs::cli::main()
}
