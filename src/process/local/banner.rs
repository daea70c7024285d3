//! What `coffer local` says when it serves: where everything is, and exactly what to paste.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::types::account::Region;
use crate::types::ids::InstallationId;

/// What there is to say.
pub struct Banner<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Whether it held nothing.
    pub fresh: bool,
    /// The installation, where it was made just now.
    pub initialised: Option<InstallationId>,
    /// The address of the HTTP listener.
    pub tcp: Option<SocketAddr>,
    /// The socket.
    pub socket: &'a Path,
    /// The home Region.
    pub region: Region,
}

/// Prints the banner. Where standard output is closed there is nobody to tell.
pub fn print(banner: &Banner<'_>) {
    let mut output = std::io::stdout().lock();
    drop(output.write_all(text(banner).as_bytes()).and_then(|()| output.flush()));
}

fn text(banner: &Banner<'_>) -> String {
    let Banner { data, socket, region, .. } = banner;
    let url = banner.tcp.map_or_else(String::new, |address| format!("http://{address}"));
    let state = match (banner.initialised, banner.fresh) {
        (Some(installation), true) => format!(" (new: initialised as installation {installation})"),
        (Some(installation), false) => format!(" (Region {region} initialised as installation {installation})"),
        (None, _) => String::new(),
    };
    format!(
        "coffer local {version}\n\
         data     {data}{state}\n\
         http     {url}\n\
         socket   {socket}\n\
         \n\
         Paste this into a shell, then use the AWS CLI or any AWS SDK as ever:\n\
         \n\
         export AWS_ENDPOINT_URL_KMS={url} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\
         KEY=$(aws kms create-key --query KeyMetadata.KeyId --output text)\n\
         echo \"attack at dawn\" > plan.txt\n\
         aws kms encrypt --key-id $KEY --plaintext fileb://plan.txt --query CiphertextBlob --output text | base64 -d > plan.sealed\n\
         aws kms decrypt --ciphertext-blob fileb://plan.sealed --query Plaintext --output text | base64 -d\n\
         \n\
         ready\n",
        version = env!("CARGO_PKG_VERSION"),
        data = data.display(),
        socket = socket.display(),
    )
}
