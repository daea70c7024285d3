//! `coffer crds`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::api::crd;

/// Arguments of `coffer crds`.
#[derive(Debug, Args)]
pub struct CrdsArguments {
    /// Write one file for each kind into this folder instead of printing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The definitions with the names of their files.
///
/// # Errors
/// Those of the YAML writer.
pub fn definitions() -> Result<Vec<(&'static str, String)>, serde_yaml::Error> {
    let definitions = crd::definitions().into_iter();
    definitions.map(|(file, definition)| Ok((file, serde_yaml::to_string(&definition)?))).collect()
}

/// Runs the command.
///
/// # Errors
/// Those of the file system.
pub fn run(arguments: &CrdsArguments) -> anyhow::Result<ExitCode> {
    for (file, yaml) in definitions()? {
        match &arguments.out {
            None => println!("---\n{yaml}"),
            Some(folder) => {
                let path = folder.join(file);
                std::fs::write(&path, yaml).with_context(|| format!("{} cannot be written", path.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
