//! A folder of manifests, read completely or not at all.
//!
//! What cannot be parsed could be anything, so a folder with one broken file changes no key: neither a
//! removal nor a new key is believed until all of it is readable again.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;

use super::atomic;
use crate::api::crd::kms_key::KmsKey;
use crate::api::crd::kms_key::KmsKeySpec;
use crate::api::crd::{GROUP, VERSION};
use crate::domain::validate::check_names;
use crate::types::limits::{MANIFEST_FILE_MAX, MANIFEST_FILES_MAX};

/// One `KmsKey` of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: KmsKeySpec,
}

/// Something that is wrong with the folder, in words for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    file: PathBuf,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file.display(), self.what)
    }
}

/// Reads every manifest of a folder.
///
/// # Errors
/// All problems that were found; nothing of the folder may then be acted on.
pub fn read_folder(folder: &Path) -> Result<Vec<Manifest>, Vec<Problem>> {
    let problem = |what: String| vec![Problem { file: folder.to_owned(), what }];
    if !folder.is_dir() {
        return Err(problem("is not a folder that can be read".to_owned()));
    }
    let names = atomic::names(folder).map_err(|error| problem(format!("cannot be read: {error}")))?;
    let is_manifest = |name: &&String| [".yaml", ".yml", ".json"].iter().any(|suffix| name.ends_with(suffix));
    let files: Vec<PathBuf> = names.iter().filter(is_manifest).map(|name| folder.join(name)).collect();
    if files.len() > MANIFEST_FILES_MAX {
        return Err(problem(format!("has more than {MANIFEST_FILES_MAX} files")));
    }
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read_file(&file) {
            Ok(found) => manifests.extend(found),
            Err(what) => problems.push(Problem { file, what }),
        }
    }
    problems.extend(duplicates(&manifests));
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn duplicates(manifests: &[Manifest]) -> Vec<Problem> {
    let mut first: HashMap<(&str, &str), &Path> = HashMap::new();
    let mut problems = Vec::new();
    for manifest in manifests {
        let name = (manifest.namespace.as_str(), manifest.name.as_str());
        if let Some(other) = first.insert(name, &manifest.file) {
            let what = format!("KmsKey {}/{} is also defined in {}", name.0, name.1, other.display());
            problems.push(Problem { file: manifest.file.clone(), what });
        }
    }
    problems
}

fn read_file(file: &Path) -> Result<Vec<Manifest>, String> {
    let limit = usize::try_from(MANIFEST_FILE_MAX).unwrap_or(usize::MAX);
    let bytes = atomic::read(file, limit.saturating_add(1)).map_err(|error| format!("cannot be read: {error}"))?;
    let bytes = bytes.ok_or("cannot be read: it is a link to nothing, or it vanished while the folder was read")?;
    if bytes.len() > limit {
        return Err(format!("is larger than {MANIFEST_FILE_MAX} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not utf-8".to_owned())?;
    let mut manifests = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value = serde_yaml::Value::deserialize(document).map_err(|error| format!("is not valid yaml: {error}"))?;
        let manifest = read_document(file, value).map_err(|what| format!("document {}: {what}", index + 1))?;
        manifests.extend(manifest);
    }
    Ok(manifests)
}

/// Documents of other groups are none of our business; of ours, only `KmsKey` is known so far.
fn read_document(file: &Path, value: serde_yaml::Value) -> Result<Option<Manifest>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = |key: &str| value.get(key).and_then(serde_yaml::Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() || kind.is_empty() {
        return Err("apiVersion and kind must be given".to_owned());
    }
    if !api_version.starts_with(&format!("{GROUP}/")) {
        return Ok(None);
    }
    if api_version != format!("{GROUP}/{VERSION}") || kind != "KmsKey" {
        return Err(format!("apiVersion {api_version}, kind {kind} is not implemented by this version of coffer"));
    }
    let mut unknown = Vec::new();
    let mut note_unknown = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
    let reader = serde_ignored::Deserializer::new(value, &mut note_unknown);
    let key: KmsKey = serde_path_to_error::deserialize(reader).map_err(|error| format!("KmsKey: {error}"))?;
    // The derived type reads these two beside the resource and not as its fields.
    unknown.retain(|path| !matches!(path.as_str(), "apiVersion" | "kind") && !path.starts_with("status"));
    if let Some(field) = unknown.first() {
        return Err(format!("KmsKey: unknown field `{}`", field.replace(".?", "")));
    }
    let namespace = key.metadata.namespace.unwrap_or_else(|| "default".to_owned());
    let name = key.metadata.name.ok_or("KmsKey: metadata.name must be given")?;
    check_names(&namespace, &name).map_err(|error| format!("KmsKey {namespace}/{name}: {error}"))?;
    Ok(Some(Manifest { file: file.to_owned(), namespace, name, spec: key.spec }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kms.coffer.dev/v1alpha1\nkind: KmsKey\n";

    fn read(files: &[(&str, &str)]) -> Result<Vec<Manifest>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        read_folder(folder.path()).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn key(name: &str, spec: &str) -> String {
        format!("{HEAD}metadata: {{name: {name}}}\nspec: {spec}\n")
    }

    #[test]
    fn documents_of_all_files_are_read_and_strangers_are_passed_over() {
        let two = format!("{}---\n{}", key("a", "{}"), key("b", "{description: x}"));
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
        let manifests = read(&[("one.yaml", &two), ("two.yml", pod), ("note.txt", "{"), ("e.json", "")]).unwrap();
        let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(manifests[1].spec.description.as_deref(), Some("x"));
    }

    #[test]
    fn one_problem_spoils_the_folder_and_is_named() {
        let (good, long) = (key("a", "{}"), key(&"x".repeat(64), "{}"));
        let twice = format!("{good}---\n{good}");
        let cases = [
            ("a: [", "x.yaml: is not valid yaml"),
            (&key("b", "{colour: red}"), "x.yaml: document 1: KmsKey: unknown field `spec.colour`"),
            (&key("b", "{enabled: maybe}"), "x.yaml: document 1: KmsKey: spec"),
            (&key("b", "{keySpec: AES}"), "x.yaml: document 1: KmsKey: spec"),
            (&long, "metadata.name: must be"),
            (&twice, "KmsKey default/a is also defined in"),
            (&format!("{HEAD}spec: {{}}\n"), "metadata"),
            ("kind: KmsKey\n", "apiVersion and kind must be given"),
            (&good.replace("KmsKey", "Grant"), "kind Grant is not implemented"),
        ];
        for (text, expected) in cases {
            let problem = read(&[("good.yaml", &key("good", "{}")), ("x.yaml", text)]).unwrap_err();
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
        assert!(read_folder(Path::new("/nonexistent")).is_err());
    }
}
