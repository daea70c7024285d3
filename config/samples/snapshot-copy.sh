#!/usr/bin/env bash
# Hands a snapshot from one namespace to another, as one copies an encrypted snapshot from one AWS account to another:
# what protects its data key is changed from a key of the one to a key of the other, by ReEncrypt. The plaintext of the
# data key never leaves Coffer, and whoever does it needs both rights, ReEncryptFrom on the one key and ReEncryptTo on
# the other.
#
#     config/samples/snapshot-copy.sh SOURCE_KEY DESTINATION_KEY FOLDER
#
# FOLDER holds `snapshot.key`, the data key under SOURCE_KEY; it gets `snapshot.copied.key`, the same under
# DESTINATION_KEY. An earlier copy is replaced only by a whole one. Names, ids, ARNs and aliases of keys are taken. It runs
# against `coffer local`, where namespaces share an account, with the environment that `coffer local` prints. In a
# cluster it runs in a pod with the sidecar, between keys of one namespace: a key answers callers of another namespace
# only by a key policy, and those are not there yet.
set -euo pipefail

source_key=$1 destination_key=$2 folder=$3

# Beside the result, so that it takes its place at once.
copied=$(mktemp "$folder/snapshot.copied.XXXXXX")
trap 'rm -f "$copied"' EXIT
aws kms re-encrypt \
    --ciphertext-blob "fileb://$folder/snapshot.key" \
    --source-key-id "$source_key" --source-encryption-context purpose=snapshot \
    --destination-key-id "$destination_key" --destination-encryption-context purpose=snapshot,copied=true \
    --query CiphertextBlob --output text | base64 -d > "$copied"
mv "$copied" "$folder/snapshot.copied.key"
echo "the data key of $folder is now protected by $destination_key in snapshot.copied.key"
