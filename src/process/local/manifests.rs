//! Follows the folder of manifests: reads it at start, whenever something happens in it, and now and then.

use std::path::PathBuf;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::regions::LocalRegion;
use crate::adapters::folder::manifests::{Problem, read_folder};
use crate::types::limits::{MANIFEST_PERIOD, MANIFEST_QUIET, MANIFEST_UNQUIET_MAX};

/// Reads the folder once and gives what goes on following it. The watcher is there before the first reading,
/// so that no change falls between the two.
pub async fn follow(region: LocalRegion, folder: PathBuf) -> impl Future<Output = ()> + Send + 'static {
    let (sender, mut changes) = mpsc::channel(1);
    let watcher = watch(&folder, sender).inspect_err(|error| {
        let (error, seconds): (&dyn std::error::Error, i64) = (error, MANIFEST_PERIOD.milliseconds() / 1000);
        tracing::warn!(error, "the folder of manifests cannot be watched; it is read every {seconds} s");
    });
    let mut last_problems = read(&region, &folder, Vec::new()).await;
    async move {
        // Dropping the watcher would end it.
        let _watcher = watcher;
        loop {
            wait(&mut changes).await;
            last_problems = read(&region, &folder, last_problems).await;
        }
    }
}

/// Reading is not a change: the folder's own readings would otherwise call for the next one.
fn watch(folder: &std::path::Path, sender: mpsc::Sender<()>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // A full channel already holds the news.
            let _ = sender.try_send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Waits for a change and then for quiet, so that a folder is not read while it is being written; but not
/// longer than a moment, because some folders are never quiet.
async fn wait(changes: &mut mpsc::Receiver<()>) {
    let period: Duration = MANIFEST_PERIOD.duration();
    match tokio::time::timeout(period, changes.recv()).await {
        Ok(Some(())) => {
            let quiet = async {
                while let Ok(Some(())) = tokio::time::timeout(MANIFEST_QUIET.duration(), changes.recv()).await {}
            };
            let _ = tokio::time::timeout(MANIFEST_UNQUIET_MAX.duration(), quiet).await;
        }
        // Without a watcher the channel is closed; the period alone paces the readings.
        Ok(None) => tokio::time::sleep(period).await,
        Err(_) => {}
    }
}

/// Reads the folder and acts on it, or tells, once, what keeps it from being acted on.
async fn read(region: &LocalRegion, folder: &std::path::Path, last_problems: Vec<Problem>) -> Vec<Problem> {
    let manifests = match tokio::task::block_in_place(|| read_folder(folder)) {
        Ok(manifests) => manifests,
        Err(problems) => {
            region.resources.lose_sight();
            if problems != last_problems {
                problems.iter().for_each(|problem| tracing::error!("{problem}"));
                tracing::error!("the manifests are not acted on until all of {} can be read", folder.display());
            }
            return problems;
        }
    };
    if !last_problems.is_empty() {
        tracing::info!("all of {} can be read again", folder.display());
    }
    if let Err(error) = region.resources.follow(&manifests.keys).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the manifests could not be noted");
    }
    if let Err(error) = region.engine.sweep().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the keys could not be swept");
    }
    region.aliases.follow(&manifests.aliases, |namespace| region.resources.uid_of(namespace));
    if let Err(error) = region.engine.sweep_aliases().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the aliases could not be swept");
    }
    Vec::new()
}
