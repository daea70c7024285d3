//! Audit records in a file, made durable in groups.
//!
//! One thread owns the file. It takes all records that wait, writes them at once, makes them durable at
//! once, and only then tells their requests to go on. Under load one commit serves many requests.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::ports::audit::{Audit, AuditError, AuditRecord};
use crate::types::limits::{AUDIT_BATCH_MAX, AUDIT_QUEUE_MAX};

type Answer = oneshot::Sender<Result<(), Arc<io::Error>>>;

/// A file of JSON lines.
pub struct FileAudit {
    sink: String,
    queue: mpsc::Sender<(Vec<u8>, Answer)>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    records: AtomicU64,
    commits: AtomicU64,
}

impl FileAudit {
    /// Opens a file for appending, for its owner alone, and removes a line that a lost process left unfinished:
    /// no request was ever answered for it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let length = whole_lines_length(&file)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        let (queue, receiver) = mpsc::channel(AUDIT_QUEUE_MAX);
        let counts = Arc::new(Counts::default());
        let writer =
            Writer { file, length, torn: false, lines: Vec::new(), counts: Arc::clone(&counts), path: path.to_owned() };
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(receiver))?;
        Ok(Self { sink: path.display().to_string(), queue, counts })
    }

    /// Records and commits so far; their ratio is the size of a group.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.records.load(Ordering::Relaxed), self.counts.commits.load(Ordering::Relaxed))
    }

    fn failed(&self, source: Option<Arc<io::Error>>) -> AuditError {
        AuditError { sink: self.sink.clone(), source }
    }
}

#[async_trait]
impl Audit for FileAudit {
    async fn append(&self, record: &AuditRecord) -> Result<(), AuditError> {
        let mut line = serde_json::to_vec(record).map_err(|error| self.failed(Some(Arc::new(error.into()))))?;
        line.push(b'\n');
        let (answer, written) = oneshot::channel();
        self.queue.send((line, answer)).await.map_err(|_| self.failed(None))?;
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.failed(Some(source))),
            Err(_) => Err(self.failed(None)),
        }
    }
}

struct Writer {
    file: File,
    /// Length of the durable lines. After a failed write the file is cut back to it, so that half a line
    /// never stands before a whole one.
    length: u64,
    /// Whether a failed write may have left something after them.
    torn: bool,
    /// The lines of one commit; kept, so that its memory is asked for once.
    lines: Vec<u8>,
    counts: Arc<Counts>,
    path: PathBuf,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<(Vec<u8>, Answer)>) {
        let mut batch = Vec::with_capacity(AUDIT_BATCH_MAX);
        loop {
            batch.clear();
            if queue.blocking_recv_many(&mut batch, AUDIT_BATCH_MAX) == 0 {
                return;
            }
            let result = self.commit(&batch).map_err(Arc::new);
            if let Err(error) = &result {
                let error: &dyn std::error::Error = error.as_ref();
                tracing::error!(file = %self.path.display(), error, "audit records could not be written");
            }
            for (_, answer) in batch.drain(..) {
                // A request that does not wait any more has no use for the answer.
                drop(answer.send(result.clone()));
            }
        }
    }

    fn commit(&mut self, batch: &[(Vec<u8>, Answer)]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        self.lines.clear();
        batch.iter().for_each(|(line, _)| self.lines.extend_from_slice(line));
        let written = self.file.write_all(&self.lines).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.torn = true;
            return Err(error);
        }
        self.length += self.lines.len() as u64;
        self.counts.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Length of the file up to the end of its last whole line. Only the last line can be unfinished, and no line
/// is longer than the window that is read.
fn whole_lines_length(file: &File) -> io::Result<u64> {
    const LINE_MAX: u64 = 1024 * 1024;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(LINE_MAX);
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let (mut whole, mut line) = (start, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.ends_with(b"\n") {
            whole += line.len() as u64;
        }
        line.clear();
    }
    Ok(whole)
}
