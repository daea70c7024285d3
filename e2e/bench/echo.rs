//! The echo service: Coffer's own HTTP stack with nothing behind it, which is the most that Coffer could reach.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use coffer::adapters::http::guard::Hosts;
use coffer::adapters::http::listen::Listener;
use coffer::adapters::http::request::{Refusal, WireRequest};
use coffer::adapters::http::server::{Application, serve};
use coffer::engine::dispatch::Answer;
use coffer::types::revision::Revision;
use tokio::sync::watch;

struct Echo;

#[async_trait]
impl Application for Echo {
    /// As long as a real one, so that the answers have as many bytes of head.
    fn request_id(&self) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    async fn answer(&self, request: WireRequest) -> Result<Answer, Refusal> {
        Ok(Answer { status: 200, body: request.body, revision: Revision(1_u64 << 56) })
    }

    async fn refused(&self, _: &Refusal) {}
}

/// Serves until it is killed. The runtime is built as that of `coffer local` is.
pub fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.address().context("the listener has no address")?;
        println!("http     http://{address}\nready");
        // The sender lives as long as the service, since the service stops with it.
        let (_stop, stopped) = watch::channel(false);
        // Spawned, because tasks of the runtime's workers are what `coffer local` serves with.
        tokio::spawn(serve(listener, Hosts::Only(Vec::new()), Arc::new(Echo), stopped)).await?;
        Ok(())
    })
}
