//! The AWS SDK for Rust, with everything but TLS as its defaults make it.

mod asymmetric;
mod checks;
mod crypto;
mod keys;
mod refusals;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::Builder;

use checks::Sdk;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(Builder::new().build_http());
    let sdk = Sdk::new(aws_sdk_kms::Client::new(&loader.load().await));
    keys::run(&sdk).await;
    keys::run_aliases_and_tags(&sdk).await;
    keys::run_rotation(&sdk).await;
    crypto::run(&sdk).await;
    asymmetric::run(&sdk).await;
    asymmetric::run_agreement(&sdk).await;
    refusals::run(&sdk).await;
}
