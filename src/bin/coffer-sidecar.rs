//! The `coffer-sidecar` program.

use std::process::ExitCode;

use clap::Parser as _;
use coffer::process::sidecar::arguments::Arguments;
use coffer::process::sidecar::run;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
