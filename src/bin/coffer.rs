//! The `coffer` program.

use std::process::ExitCode;

use clap::Parser as _;
use coffer::process::command::{Arguments, run};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
