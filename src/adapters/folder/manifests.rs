//! A folder of manifests, read completely or not at all.
//!
//! What cannot be parsed could be anything, so a folder with one broken file changes no key: neither a
//! removal nor a new key is believed until all of it is readable again.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;

use super::atomic;
use crate::api::crd::key_alias::{KeyAlias, KeyAliasSpec};
use crate::api::crd::kms_key::{KmsKey, KmsKeySpec};
use crate::api::crd::{GROUP, VERSION};
use crate::domain::validate::check_names;
use crate::types::limits::{MANIFEST_FILE_MAX, MANIFEST_FILES_MAX};

/// One resource of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest<S = KmsKeySpec> {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: S,
}

/// Everything that a folder says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifests {
    /// Its keys.
    pub keys: Vec<Manifest>,
    /// Its aliases.
    pub aliases: Vec<Manifest<KeyAliasSpec>>,
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
pub fn read_folder(folder: &Path) -> Result<Manifests, Vec<Problem>> {
    let problem = |what: String| vec![Problem { file: folder.to_owned(), what }];
    // A folder that goes away while it is looked at is no empty one.
    let names = std::fs::read_dir(folder)
        .and_then(atomic::names_of)
        .map_err(|error| problem(format!("cannot be read: {error}")))?;
    let is_manifest = |name: &&String| [".yaml", ".yml", ".json"].iter().any(|suffix| name.ends_with(suffix));
    let files: Vec<PathBuf> = names.iter().filter(is_manifest).map(|name| folder.join(name)).collect();
    if files.len() > MANIFEST_FILES_MAX {
        return Err(problem(format!("has more than {MANIFEST_FILES_MAX} files")));
    }
    let (mut manifests, mut problems) = (Manifests::default(), Vec::new());
    for file in files {
        if let Err(what) = read_file(&file, &mut manifests) {
            problems.push(Problem { file, what });
        }
    }
    problems.extend(duplicates("KmsKey", &manifests.keys));
    problems.extend(duplicates("KeyAlias", &manifests.aliases));
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn duplicates<S>(kind: &str, manifests: &[Manifest<S>]) -> Vec<Problem> {
    let mut first: HashMap<(&str, &str), &Path> = HashMap::new();
    let mut problems = Vec::new();
    for manifest in manifests {
        let name = (manifest.namespace.as_str(), manifest.name.as_str());
        if let Some(other) = first.insert(name, &manifest.file) {
            let what = format!("{kind} {}/{} is also defined in {}", name.0, name.1, other.display());
            problems.push(Problem { file: manifest.file.clone(), what });
        }
    }
    problems
}

fn read_file(file: &Path, manifests: &mut Manifests) -> Result<(), String> {
    let limit = usize::try_from(MANIFEST_FILE_MAX).unwrap_or(usize::MAX);
    let bytes = atomic::read(file, limit.saturating_add(1)).map_err(|error| format!("cannot be read: {error}"))?;
    let bytes = bytes.ok_or("cannot be read: it is a link to nothing, or it vanished while the folder was read")?;
    if bytes.len() > limit {
        return Err(format!("is larger than {MANIFEST_FILE_MAX} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not utf-8".to_owned())?;
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value = serde_yaml::Value::deserialize(document).map_err(|error| format!("is not valid yaml: {error}"))?;
        read_document(file, value, manifests).map_err(|what| format!("document {}: {what}", index + 1))?;
    }
    Ok(())
}

/// Documents of other groups are none of our business; of ours, `KmsKey` and `KeyAlias` are known so far.
fn read_document(file: &Path, value: serde_yaml::Value, manifests: &mut Manifests) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    let text = |key: &str| value.get(key).and_then(serde_yaml::Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() || kind.is_empty() {
        return Err("apiVersion and kind must be given".to_owned());
    }
    if !api_version.starts_with(&format!("{GROUP}/")) {
        return Ok(());
    }
    let known = api_version == format!("{GROUP}/{VERSION}");
    match kind.as_str() {
        "KmsKey" if known => {
            let key: KmsKey = read_resource("KmsKey", value)?;
            manifests.keys.push(manifest(file, "KmsKey", key.metadata, key.spec)?);
        }
        "KeyAlias" if known => {
            let alias: KeyAlias = read_resource("KeyAlias", value)?;
            manifests.aliases.push(manifest(file, "KeyAlias", alias.metadata, alias.spec)?);
        }
        _ => return Err(format!("apiVersion {api_version}, kind {kind} is not implemented by this version of coffer")),
    }
    Ok(())
}

fn read_resource<R: DeserializeOwned>(kind: &str, value: serde_yaml::Value) -> Result<R, String> {
    let mut unknown = Vec::new();
    let mut note_unknown = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
    let reader = serde_ignored::Deserializer::new(value, &mut note_unknown);
    let read = serde_path_to_error::deserialize(reader).map_err(|error| format!("{kind}: {error}"))?;
    // The derived type reads these two beside the resource and not as its fields.
    unknown.retain(|path| !matches!(path.as_str(), "apiVersion" | "kind") && !path.starts_with("status"));
    match unknown.first() {
        Some(field) => Err(format!("{kind}: unknown field `{}`", field.replace(".?", ""))),
        None => Ok(read),
    }
}

fn manifest<S>(file: &Path, kind: &str, metadata: ObjectMeta, spec: S) -> Result<Manifest<S>, String> {
    let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
    let name = metadata.name.ok_or_else(|| format!("{kind}: metadata.name must be given"))?;
    check_names(&namespace, &name).map_err(|error| format!("{kind} {namespace}/{name}: {error}"))?;
    Ok(Manifest { file: file.to_owned(), namespace, name, spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIAS: &str = "apiVersion: kms.coffer.dev/v1alpha1\nkind: KeyAlias\nmetadata: {name: a}\n\
                         spec: {aliasName: alias/a, keyRef: {name: a}}\n";
    const HEAD: &str = "apiVersion: kms.coffer.dev/v1alpha1\nkind: KmsKey\n";

    fn read(files: &[(&str, &str)]) -> Result<Manifests, String> {
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
        let manifests =
            read(&[("one.yaml", &two), ("two.yml", pod), ("note.txt", "{"), ("e.json", ""), ("a.yaml", ALIAS)])
                .unwrap();
        let [alias] = manifests.aliases.as_slice() else { panic!("{:?}", manifests.aliases) };
        assert_eq!((alias.spec.alias_name.as_str(), alias.spec.key_ref.name.as_str()), ("alias/a", "a"));
        let manifests = manifests.keys;
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
            (&format!("{ALIAS}---\n{ALIAS}"), "KeyAlias default/a is also defined in"),
            (&ALIAS.replace("keyRef", "keyId"), "x.yaml: document 1: KeyAlias: "),
            (&good.replace("KmsKey", "Grant"), "kind Grant is not implemented"),
        ];
        for (text, expected) in cases {
            let problem = read(&[("good.yaml", &key("good", "{}")), ("x.yaml", text)]).unwrap_err();
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
        assert!(read_folder(Path::new("/nonexistent")).is_err());
    }
}
