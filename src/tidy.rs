//! The house rules that a test can check: who may import whom, how long things are, what is generated.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The layers from the bottom up, each with the layers that it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("api", &["types"]),
    // INVARIANT: domain and crypto do not know each other; only the engine joins them.
    ("domain", &["types", "api"]),
    ("crypto", &["types", "api"]),
    ("ports", &["types", "api", "domain", "crypto"]),
    ("engine", &["types", "api", "domain", "crypto", "ports"]),
    ("adapters", &["types", "api", "domain", "crypto", "ports", "engine"]),
    ("process", &["types", "api", "domain", "crypto", "ports", "engine", "adapters"]),
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 400;
/// Tables of data, which are as long as what they list.
const LONG_FILES: &[&str] = &["src/engine/table.rs"];
/// Files that may allow unsafe code.
const UNSAFE_FILES: &[&str] = &[];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
    }

    /// What comes before the tests at the bottom of a file.
    fn production(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap()
    }
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, sources: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source { path, text });
            }
        }
    }
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    })
}

#[test]
fn a_layer_imports_only_from_the_layers_below() {
    let is_layer = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    for source in sources() {
        let name = source.name();
        let Some((layer, allowed)) = LAYERS.iter().find(|(layer, _)| name.starts_with(&format!("src/{layer}/"))) else {
            continue;
        };
        for import in imports(&source.text).filter(|import| is_layer(import)) {
            assert!(import == *layer || allowed.contains(&import), "{name} imports {import}");
        }
        assert!(!source.text.contains("use crate::{"), "{name}: imports are written one module a line");
        assert!(!source.text.contains("super::super"), "{name}: imports are written from the crate's root");
    }
}

#[test]
fn adapters_do_not_import_adapters() {
    for source in sources() {
        let name = source.name();
        let Some(rest) = name.strip_prefix("src/adapters/") else { continue };
        // Tests join an adapter with others as a process does, such as with the clock.
        if rest.contains("/tests/") {
            continue;
        }
        let own = rest.split('/').next().unwrap_or_default();
        for import in source.text.split("crate::adapters::").skip(1) {
            let other =
                import.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap();
            assert_eq!(other, own, "{name} imports the adapter {other}");
        }
    }
}

#[test]
fn functions_and_files_are_short() {
    for source in sources() {
        let name = source.name();
        let lines = source.production().lines().count();
        assert!(lines <= FILE_LINES_MAX || LONG_FILES.contains(&name.as_str()), "{name} has {lines} lines");
        for (line, length) in functions(&source.text) {
            assert!(length <= FUNCTION_LINES_MAX, "{name}:{line} has a function of {length} lines");
        }
    }
}

/// First line and length of each function; the formatter puts its end at the indentation of its beginning.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "async fn ",
            "pub async fn ",
            "pub(super) fn ",
            "pub(crate) fn ",
            "const fn ",
            "pub const fn ",
        ]
        .iter()
        .any(|start| code.starts_with(start));
        if !is_function || code.ends_with(';') || code.ends_with('}') {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[index..].iter().position(|line| *line == end).map_or(1, |length| length + 1);
        found.push((index + 1, length));
    }
    found
}

#[test]
fn unsafe_code_is_where_it_is_listed() {
    for source in sources() {
        let name = source.name();
        // Spelled in two parts, so that this file does not find itself.
        let allows =
            source.text.contains(concat!("allow(unsafe", "_code)")) || source.text.contains(concat!("unsafe", " {"));
        assert_eq!(allows, UNSAFE_FILES.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_core_has_no_runtime_and_no_network_in_its_tree() {
    let tree = |features: &[&str]| {
        let arguments =
            ["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{lib}"];
        let output =
            Command::new(env!("CARGO")).args(arguments).args(features).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        String::from_utf8(output.unwrap().stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let banned = ["tokio", "hyper", "hyper_util", "rustls", "tower", "kube_client", "kube_runtime", "mio"];
    let core = tree(&["--no-default-features"]);
    assert!(core.iter().any(|library| library == "aws_lc_rs"), "the tree was not read");
    for library in banned {
        assert!(!core.iter().any(|found| found == library), "the core depends on {library}");
    }
    let whole = tree(&[]);
    assert!(whole.iter().any(|library| library == "tokio"), "a tree with tokio shows it");
}

#[test]
#[cfg(feature = "local")]
fn the_custom_resource_definitions_are_fresh() {
    for (file, yaml) in crate::process::crds::definitions().unwrap() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(file);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == yaml, "{file} is stale: run `cargo run -- crds --out crds`");
    }
}
