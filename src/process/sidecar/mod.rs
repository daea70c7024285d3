//! `coffer-sidecar`: the AWS KMS API inside a pod.
