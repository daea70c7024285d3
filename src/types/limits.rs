//! Every number that bounds something, with its source.
//!
//! Sizes are in bytes unless the name says otherwise.

use super::time::Span;

/// Plaintext of one Encrypt call ([AWS: Encrypt](https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html)).
pub const PLAINTEXT_MAX: usize = 4096;
/// Ciphertext blob of one Decrypt call (AWS: Decrypt).
pub const CIPHERTEXT_MAX: usize = 6144;
/// `NumberOfBytes` of GenerateRandom and GenerateDataKey (AWS: GenerateRandom).
pub const RANDOM_BYTES_MAX: i64 = 1024;
/// Canonical bytes of an encryption context. AWS publishes none; this is the limit of associated data
/// in the AWS external key store proxy specification, so that any key store can carry it.
pub const CONTEXT_BYTES_MAX: usize = 8192;
/// `Limit` of a List operation (AWS: ListKeys).
pub const PAGE_ITEMS_MAX: i64 = 1000;
/// Items of a page where the caller names no limit (AWS: ListKeys).
pub const PAGE_ITEMS_DEFAULT: usize = 100;
/// Tags of one key ([AWS: resource quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)).
pub const TAGS_MAX: usize = 50;
/// Characters of a tag key (AWS: Tag).
pub const TAG_KEY_CHARACTERS_MAX: usize = 128;
/// Characters of a tag value (AWS: Tag).
pub const TAG_VALUE_CHARACTERS_MAX: usize = 256;
/// Characters of a key's description (AWS: CreateKey).
pub const DESCRIPTION_CHARACTERS_MAX: usize = 8192;
/// Shortest waiting period before deletion, in days (AWS: ScheduleKeyDeletion).
pub const DELETION_WINDOW_DAYS_MIN: u32 = 7;
/// Longest waiting period before deletion, in days (AWS: ScheduleKeyDeletion).
pub const DELETION_WINDOW_DAYS_MAX: u32 = 30;
/// Waiting period before deletion where none is named, in days (AWS: ScheduleKeyDeletion).
pub const DELETION_WINDOW_DAYS_DEFAULT: u32 = 30;
/// Shortest rotation period, in days (AWS: EnableKeyRotation).
pub const ROTATION_PERIOD_DAYS_MIN: u32 = 90;
/// Longest rotation period, in days (AWS: EnableKeyRotation).
pub const ROTATION_PERIOD_DAYS_MAX: u32 = 2560;
/// Rotation period where none is named, in days (AWS: EnableKeyRotation).
pub const ROTATION_PERIOD_DAYS_DEFAULT: u32 = 365;
/// Characters of `spec.rotation.onDemandRequest`.
pub const ON_DEMAND_REQUEST_CHARACTERS_MAX: usize = 64;
/// Characters of the name of a resource of ours, because label values are capped at 63 characters
/// ([Kubernetes: labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)).
pub const RESOURCE_NAME_CHARACTERS_MAX: usize = 63;

/// Body of a request, unless its operation allows more.
pub const BODY_MAX: usize = 64 * 1024;
/// Body of a request whose operation takes a `Recipient` with its attestation document.
pub const BODY_WITH_RECIPIENT_MAX: usize = 512 * 1024;
/// Body of any request; a longer one is refused before it is read.
pub const BODY_ABSOLUTE_MAX: usize = 1024 * 1024;
/// Nesting of a request's JSON; the deepest one of the API needs four.
pub const JSON_DEPTH_MAX: usize = 8;
/// Values, members and elements together, in the JSON of a request.
pub const JSON_VALUES_MAX: usize = 20_000;
/// Longest piece of a caller's input that a message repeats.
pub const ECHOED_CHARACTERS_MAX: usize = 4096;

/// A sealed object other than material: the longest record has 50 tags and a long description.
pub const STORED_OBJECT_MAX: usize = 256 * 1024;
/// Versions of the material of one key that a record lists.
pub const MATERIALS_MAX: usize = 1000;
/// Holds of one key; each cause occurs once.
pub const HOLDS_MAX: usize = 16;

/// Rounds of observe, plan and execute for one object before its next turn.
pub const RECONCILE_ROUNDS_MAX: usize = 12;
/// Attempts of an API change whose record another writer moved.
pub const CHANGE_ATTEMPTS_MAX: usize = 8;
/// Longest time between two looks at an object, so that a lost event costs hours and not for ever.
pub const WAKE_AFTER_MAX: Span = Span::from_hours(6);
/// Longest wait of a request for the revision that its caller has already seen.
pub const REVISION_WAIT_MAX: Span = Span::from_seconds(1);
/// Quorum reads per second for ids that the snapshot does not know.
pub const QUORUM_READS_PER_SECOND: u32 = 20;
/// Opened materials that the local key backend keeps in memory.
pub const OPENED_MATERIALS_MAX: usize = 1024;
/// Events that a watcher of a store may be behind before its writer waits.
pub const WATCH_BACKLOG_MAX: usize = 1024;
/// Principals whose request rate is tracked; the longest unused one makes room.
pub const RATE_BUCKETS_MAX: usize = 10_000;

/// Audit records that one commit makes durable together.
pub const AUDIT_BATCH_MAX: usize = 512;
/// Audit records that wait for a commit; a request beyond waits its turn.
pub const AUDIT_QUEUE_MAX: usize = 4096;
/// Period after which unauthenticated refusals, which are counted, are written as one record.
pub const REFUSALS_PERIOD: Span = Span::from_seconds(60);

/// Head of a request: request line and headers together.
pub const HEAD_MAX: usize = 32 * 1024;
/// Characters of a header that an audit record repeats.
pub const AUDITED_HEADER_CHARACTERS_MAX: usize = 512;
/// Connections that a listener serves at a time; a further one waits to be accepted.
pub const CONNECTIONS_MAX: usize = 1024;
/// Time for a client to send the head of a request.
pub const HEADER_TIMEOUT: Span = Span::from_seconds(10);
/// Time for a client to send the body of a request.
pub const BODY_TIMEOUT: Span = Span::from_seconds(30);
/// Time that open requests have to finish once the process is asked to stop.
pub const DRAIN_TIMEOUT: Span = Span::from_seconds(10);
/// Distance between a signature's date and the clock
/// ([AWS: signing elements](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html)).
pub const SIGNATURE_SKEW_MAX: Span = Span::from_minutes(5);

/// Regions that one `coffer local` holds; each is an installation of its own.
pub const REGIONS_MAX: usize = 32;
/// Credentials in the credentials file of `coffer local`.
pub const CREDENTIALS_MAX: usize = 1000;
/// One file of manifests.
pub const MANIFEST_FILE_MAX: u64 = 4 * 1024 * 1024;
/// Files in a folder of manifests.
pub const MANIFEST_FILES_MAX: usize = 10_000;
/// Time that a folder of manifests must be quiet before it is read.
pub const MANIFEST_QUIET: Span = Span::from_milliseconds(200);
/// Longest wait for that quiet.
pub const MANIFEST_UNQUIET_MAX: Span = Span::from_seconds(2);
/// Longest time between two readings of a folder of manifests, where no event was seen.
pub const MANIFEST_PERIOD: Span = Span::from_seconds(30);

/// Time to connect to the API server.
pub const API_CONNECT_TIMEOUT: Span = Span::from_seconds(2);
/// Time for the API server to review a token or an access that a request waits for.
pub const REVIEW_TIMEOUT: Span = Span::from_seconds(2);
