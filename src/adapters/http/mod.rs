//! The AWS JSON protocol over HTTP, on TCP and on a Unix socket.

pub mod guard;
pub mod health;
pub mod listen;
mod protocol;
pub mod request;
pub mod server;
pub mod sigv4;
