//! Audit records on standard output, one JSON object a line. Durable is what the reader makes of it.

use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::audit::{Audit, AuditError, AuditRecord};

/// Standard output.
pub struct StdoutAudit;

#[async_trait]
impl Audit for StdoutAudit {
    async fn append(&self, record: &AuditRecord) -> Result<(), AuditError> {
        let failed =
            |source: std::io::Error| AuditError { sink: "standard output".to_owned(), source: Some(Arc::new(source)) };
        let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut output = std::io::stdout().lock();
        output.write_all(&line).and_then(|()| output.flush()).map_err(failed)
    }
}
