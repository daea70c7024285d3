//! `KmsKey` resources on the API server.

