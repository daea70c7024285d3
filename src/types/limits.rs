//! Every number that bounds something, with its source.
//!
//! Sizes are in bytes unless the name says otherwise.

use super::key::RsaSize;
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
/// Characters of an alias, `alias/` among them (AWS: CreateAlias).
pub const ALIAS_CHARACTERS_MAX: usize = 256;
/// Aliases of a page of ListAliases where the caller names no limit (AWS: ListAliases).
pub const LIST_ALIASES_PAGE_DEFAULT: usize = 50;
/// Tags of a page of ListResourceTags where the caller names no limit (AWS: ListResourceTags).
pub const RESOURCE_TAGS_PAGE_DEFAULT: usize = 50;
/// Tags of one key ([AWS: resource quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)).
pub const TAGS_MAX: usize = 50;
/// Characters of a tag key (AWS: Tag).
pub const TAG_KEY_CHARACTERS_MAX: usize = 128;
/// Characters of a tag value (AWS: Tag).
pub const TAG_VALUE_CHARACTERS_MAX: usize = 256;
/// Aliases of one key; those of platform-managed keys do not count (AWS: resource quotas).
pub const ALIASES_PER_KEY_MAX: usize = 50;
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
/// Life of an import token and its wrapping key (AWS: GetParametersForImport).
pub const IMPORT_TOKEN_LIFETIME: Span = Span::from_hours(24);
/// Calls that wait for an RSA key at a time. With more, the last one would wait longer than its caller does.
pub const RSA_KEYS_WAITING_MAX: usize = 8;
/// Time after which a resource whose RSA key found no place among them is looked at again: by then a few of them are
/// made, and a thousand resources that wait do not load the API server.
pub const RSA_KEYS_POLL_PERIOD: Span = Span::from_seconds(5);
/// Time for which a new RSA key is left to the CreateKey that began it: as long as its caller waits.
pub const RSA_KEYS_LEFT_TO_CALLS: Span = Span::from_seconds(10);
/// RSA keys that are kept ready, by size: what takes longest to make is asked for most seldom.
pub const RSA_KEYS_AHEAD: [(RsaSize, usize); 3] = [(RsaSize::Rsa2048, 4), (RsaSize::Rsa3072, 2), (RsaSize::Rsa4096, 1)];
/// Niceness of the thread that makes RSA keys: a tenth of the weight of any other thread, so that a key is made at last
/// where the others are never idle
/// ([Linux: sched(7)](https://man7.org/linux/man-pages/man7/sched.7.html)).
pub const RSA_KEYS_NICENESS: i32 = 10;
/// Attestation document of one call (AWS: RecipientInfo).
pub const ATTESTATION_DOCUMENT_MAX: usize = 262_144;
/// Longest public key in bytes (AWS: GetPublicKey).
pub const PUBLIC_KEY_MAX: usize = 8192;
/// Import token of one ImportKeyMaterial call (AWS: ImportKeyMaterial).
pub const IMPORT_TOKEN_MAX: usize = 6144;
/// Wrapped key material of one ImportKeyMaterial call (AWS: ImportKeyMaterial).
pub const WRAPPED_MATERIAL_MAX: usize = 6144;
/// Longest life of imported material that expires (AWS: ImportKeyMaterial).
pub const IMPORTED_MATERIAL_LIFETIME_MAX: Span = Span::from_days(365);
/// Characters of the description of an imported material (AWS: ImportKeyMaterial).
pub const MATERIAL_DESCRIPTION_CHARACTERS_MAX: usize = 256;
/// Hex digits of a key material id (AWS: ImportKeyMaterial).
pub const MATERIAL_ID_CHARACTERS: usize = 64;
/// ARN in an import token, in bytes, so that the token stays within its own limit with the longest wrapping key.
pub const IMPORT_PRINCIPAL_MAX: usize = 1024;
/// Characters of `spec.rotation.onDemandRequest`.
pub const ON_DEMAND_REQUEST_CHARACTERS_MAX: usize = 64;
/// Characters of the name of a resource of ours, because label values are capped at 63 characters
/// ([Kubernetes: labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)).
pub const RESOURCE_NAME_CHARACTERS_MAX: usize = 63;

/// Body of a request, unless its operation allows more: a CreateKey with all that it may say, in letters that clients
/// write with six bytes each.
pub const BODY_MAX: usize = 256 * 1024;
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

/// Keys whose last use one object keeps: with 200 bytes each they fit into a sealed object.
pub const USAGE_SHARD_KEYS_MAX: usize = 2500;
/// Time between two writings of what was used. A process that is killed forgets so much of it at most; AWS tells of a
/// use within an hour (AWS: GetKeyLastUsage).
pub const USAGE_PERIOD: Span = Span::from_minutes(15);
/// Time for which the last use of a key is kept that a replica does not know: another one may have made it since.
pub const USAGE_OF_UNKNOWN_KEPT: Span = Span::from_hours(24);
/// Time for the last of these writings, when a replica goes away.
pub const USAGE_FLUSH_TIMEOUT: Span = Span::from_seconds(5);
/// A sealed object other than material: the longest record has 50 tags, a long description and 1,200 materials.
pub const STORED_OBJECT_MAX: usize = 512 * 1024;
/// Versions of the material of one key that a record lists: 295 years of the shortest period.
pub const MATERIALS_MAX: usize = 1200;
/// Rotations on demand of one key ([AWS: RotateKeyOnDemand](https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html)).
pub const ON_DEMAND_ROTATIONS_MAX: usize = 25;
/// Time before an automatic rotation in which none on demand begins (AWS: RotateKeyOnDemand).
pub const AUTOMATIC_ROTATION_NEAR: Span = Span::from_minutes(20);
/// Time between two looks at a rotation that waits until every live replica shows its material.
pub const ROTATION_LOOK_PERIOD: Span = Span::from_seconds(2);
/// Time for which announced imported material is waited for before its announcement is withdrawn.
pub const IMPORT_ANNOUNCEMENT_MAX: Span = Span::from_minutes(1);
/// Shortest time between two notes of an attempt to use a key that waits to be destroyed.
pub const ATTEMPT_NOTE_PERIOD: Span = Span::from_hours(1);
/// Time for which the tombstone of a destroyed key is kept.
pub const TOMBSTONE_KEPT: Span = Span::from_days(365);
/// Time between two looks at what is due.
pub const TIMER_PERIOD: Span = Span::from_seconds(15);
/// Longest time after which a timer that failed for a key is tried again for it.
pub const TIMER_RETRY_PERIOD: Span = Span::from_minutes(5);
/// Keys whose timers failed lately that are remembered.
pub const TIMER_FAILURES_MAX: usize = 10_000;
/// Gap between the last known time and the clock beyond which the clock is not trusted to destroy anything, and the
/// time for which it then is not.
pub const CLOCK_GAP_MAX: Span = Span::from_hours(24);
/// Time within which keys whose resources vanish count as vanished together.
pub const VANISHED_TOGETHER_SPAN: Span = Span::from_hours(1);
/// Keys that may vanish together without their destruction being frozen, whatever their share.
pub const VANISHED_TOGETHER_MIN: usize = 5;
/// Percentage of all keys that may vanish together without their destruction being frozen.
pub const VANISHED_TOGETHER_PERCENT: usize = 10;
/// Keys whose ids are named where many are told of.
pub const NAMED_KEYS_MAX: usize = 10;
/// Time between two looks at a key whose destruction is due and barred.
pub const BARRED_LOOK_PERIOD: Span = Span::from_minutes(10);
/// Holds of one key; each cause occurs once.
pub const HOLDS_MAX: usize = 16;

/// Rounds of observe, plan and execute for one object before its next turn.
pub const RECONCILE_ROUNDS_MAX: usize = 12;
/// Attempts of an API change whose record another writer moved.
pub const CHANGE_ATTEMPTS_MAX: usize = 8;
/// Longest time between two looks at an object, so that a lost event costs hours and not for ever.
pub const WAKE_AFTER_MAX: Span = Span::from_hours(6);
/// Time between two looks at a key whose record or material was lost.
pub const LOSS_LOOK_PERIOD: Span = Span::from_minutes(1);
/// How often a `KeyAlias` is looked at again that waits for its key or for another's alias, whatever events tell.
pub const ALIAS_RETRY_PERIOD: Span = Span::from_minutes(5);
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
/// Requests that are read at a time, over all connections: each holds its body before its caller is known.
pub const REQUESTS_READ_MAX: usize = 1024;
/// Time for a client to send the head of a request.
pub const HEADER_TIMEOUT: Span = Span::from_seconds(10);
/// Requests that a connection of HTTP/2 has open at a time.
pub const HTTP2_STREAMS_MAX: u32 = 64;
/// The same bound as `HEAD_MAX`, as HTTP/2 counts it.
pub const HTTP2_HEAD_MAX: u32 = 32 * 1024;
/// Bytes of a body that a client of HTTP/2 may send before they are read.
pub const HTTP2_WINDOW: u32 = 64 * 1024;
/// Period of the pings to a client of HTTP/2, and the time that it has to answer one.
pub const HTTP2_PING_PERIOD: Span = Span::from_seconds(10);
/// Time for a client to send the body of a request.
pub const BODY_TIMEOUT: Span = Span::from_seconds(30);
/// Time that open requests have to finish once the process is asked to stop.
pub const DRAIN_TIMEOUT: Span = Span::from_seconds(10);
/// Time that a connection of HTTP/1.1 stays open once the process is asked to stop, for a request that is on its way.
pub const DRAIN_LINGER: Span = Span::from_milliseconds(200);
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
/// Silence of a connection to the API server after which it counts as broken. Watches get a bookmark each minute.
pub const API_SILENCE_MAX: Span = Span::from_seconds(90);
/// Time for the API server to begin an answer, tries that it asked us to repeat included.
pub const API_ANSWER_TIMEOUT: Span = Span::from_seconds(30);
/// Time for the API server to review a token or an access that a request waits for.
pub const REVIEW_TIMEOUT: Span = Span::from_seconds(2);
/// Materials that the status of a KmsKey lists, the newest ones.
pub const STATUS_MATERIALS_MAX: usize = 16;

/// Time for one read or write of a sealed object. Longer than the API server's own patience with a slow etcd
/// would leave callers without an answer.
pub const STORE_TIMEOUT: Span = Span::from_seconds(5);
/// Wait for the event of our own deletion.
pub const DELETION_EVENT_WAIT: Span = Span::from_seconds(2);
/// Objects of one page of a list ([Kubernetes: chunks](https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks)).
pub const LIST_PAGE_ITEMS: u32 = 500;
/// Events that wait to be published; further ones are dropped.
pub const EVENTS_WAITING_MAX: usize = 1024;

/// Connections to the server that one sidecar uses at a time; a further call waits for one within its deadline.
pub const UPSTREAM_CALLS_MAX: usize = 64;
/// Time that a connection to the server may be idle. The server hangs up after `HEADER_TIMEOUT`, and a call
/// must not begin on a connection that is about to go.
pub const UPSTREAM_IDLE_TIMEOUT: Span = Span::from_seconds(7);
/// Age at which a connection to the server is used no more, so that calls spread over replicas that came later:
/// a Service balances connections and not requests.
pub const UPSTREAM_CONNECTION_AGE_MAX: Span = Span::from_minutes(5);
/// Time to resolve the server's name and connect, and once more the same time for the TLS handshake.
pub const UPSTREAM_CONNECT_TIMEOUT: Span = Span::from_seconds(2);
/// Time for one call to the server, all its tries together.
pub const UPSTREAM_DEADLINE: Span = Span::from_seconds(10);
/// Answer of the server: a page of 1,000 keys has about 200 KiB.
pub const UPSTREAM_ANSWER_MAX: usize = 1024 * 1024;
/// Tries of one call after the first.
pub const UPSTREAM_RETRIES_MAX: u32 = 2;
/// Pause before the second retry, and most of what chance adds to it. The first retry is made at once.
pub const RETRY_PAUSE: Span = Span::from_milliseconds(100);
/// Retries of one sidecar that are free: a server that dies takes every call in flight with it.
pub const RETRY_RESERVE: u32 = 64;
/// Retries in a hundred calls beyond the reserve, so that an outage is not amplified by more than that.
pub const RETRY_PERCENT: u32 = 10;
/// Time that gives back one retry to a sidecar with few calls.
pub const RETRY_REFILL_PERIOD: Span = Span::from_seconds(10);
/// Time for which the server's answers may be older than what a sidecar has seen, before the sidecar believes
/// that the server's store was restored and forgets the later revision.
pub const REVISION_BEHIND_MAX: Span = Span::from_minutes(1);
/// Token of a ServiceAccount; a longer one would not fit into the head of a request.
pub const TOKEN_FILE_MAX: usize = 16 * 1024;
/// Bundle of certificate authorities: the most that a ConfigMap holds
/// ([Kubernetes: ConfigMap](https://kubernetes.io/docs/concepts/configuration/configmap/)).
pub const CA_FILE_MAX: usize = 1024 * 1024;
/// Longest time between two readings of a token or a bundle, where no change was seen.
pub const FILE_REREAD_PERIOD: Span = Span::from_seconds(60);
/// Life of the AWS credentials that a sidecar gives to the containers of its pod. SDKs ask for new ones when a
/// quarter of an hour is left.
pub const ISSUED_KEY_LIFETIME: Span = Span::from_hours(1);
/// Time in which a sidecar finds out whether its server can be reached.
pub const READINESS_TIMEOUT: Span = Span::from_seconds(2);
/// Time that a probe waits for its sidecar.
pub const PROBE_TIMEOUT: Span = Span::from_seconds(4);
/// Answer of a sidecar to a probe.
pub const PROBE_ANSWER_MAX: u64 = 16 * 1024;
/// Shortest time between two log lines about the same condition.
pub const CONDITION_LOG_PERIOD: Span = Span::from_seconds(10);

/// Time after which a lease that was not renewed may be taken over, as kube-controller-manager has it.
pub const LEASE_DURATION: Span = Span::from_seconds(15);
/// Time without a renewal after which a leader stops to act.
pub const LEASE_RENEW_DEADLINE: Span = Span::from_seconds(10);
/// Time between two looks at the lease. Longer than client-go's 2 s, which would be most of our requests at rest.
pub const LEASE_RETRY_PERIOD: Span = Span::from_seconds(4);

/// A token of a ServiceAccount. Kubernetes' own are about 1.3 KiB; names in them are bounded.
pub const TOKEN_MAX: usize = 16 * 1024;
/// Distance between the clocks of the API server and of this process that a token's times may show.
pub const TOKEN_SKEW_MAX: Span = Span::from_seconds(10);
/// Keys of a cluster that tokens may be signed with.
pub const JWKS_KEYS_MAX: usize = 64;
/// Time between two readings of those keys.
pub const JWKS_PERIOD: Span = Span::from_minutes(10);
/// Shortest time between two readings of those keys, whatever tokens come.
pub const JWKS_RETRY_PERIOD: Span = Span::from_seconds(10);
/// Reviewed tokens that are remembered; the longest unused one makes room.
pub const REVIEWED_TOKENS_MAX: usize = 10_000;
/// Age beyond which a token is reviewed again before it is accepted.
pub const TOKEN_REVIEW_MAX: Span = Span::from_seconds(60);
/// Age from which a token is reviewed again behind the call that presents it.
pub const TOKEN_REVIEW_RENEWED_AFTER: Span = Span::from_seconds(30);
/// Age beyond which a token that was refused is reviewed again.
pub const TOKEN_REFUSAL_MAX: Span = Span::from_seconds(5);
/// Access reviews that are remembered; the longest unused one makes room.
pub const ACCESS_REVIEWS_MAX: usize = 50_000;
/// Age beyond which access is reviewed again before it is used; the API server's own default for webhooks.
pub const ACCESS_REVIEW_MAX: Span = Span::from_seconds(10);
/// Age from which access is reviewed again behind the call that uses it.
pub const ACCESS_REVIEW_RENEWED_AFTER: Span = Span::from_seconds(5);
/// Time by which the API server's authorizer may lag a change of RBAC that its watches already show.
pub const RBAC_LAG_MAX: Span = Span::from_seconds(1);
/// Time for which answers stand in for an API server that cannot be reached, unless the operator chose one.
pub const OUTAGE_GRACE_DEFAULT: Span = Span::from_minutes(10);
/// Time between two attempts to reach an API server that could not be reached.
pub const PROBE_PERIOD: Span = Span::from_seconds(1);
/// Answers of an API server that says that it is not ready, before it is asked nevertheless.
pub const UNREADY_PROBES_MAX: u32 = 10;
/// Longest time without any request to the API server, so that the beginning of an outage is known.
pub const CONTACT_PERIOD: Span = Span::from_seconds(30);

/// Time between two heartbeats of a replica.
pub const HEARTBEAT_PERIOD: Span = Span::from_seconds(10);
/// Time between two notes of the time by `coffer local`, which has no other replica to tell.
pub const LOCAL_HEARTBEAT_PERIOD: Span = Span::from_hours(1);
/// Age of a heartbeat up to which its replica counts as live.
pub const REPLICA_LIVE: Span = Span::from_seconds(30);
/// Silence of the watch after which what is known counts as stale: three heartbeats were missed.
pub const STALE_AFTER: Span = Span::from_seconds(30);
/// Life of the certificate authority, in days: ten years. It is replaced long before, by an overlap of two.
pub const AUTHORITY_DAYS: i64 = 3650;
/// Life of a replica's certificate, in days. It lives in memory only.
pub const LEAF_DAYS: i64 = 7;
/// Time between two certificates of a replica.
pub const LEAF_RENEW_PERIOD: Span = Span::from_hours(48);
/// Time for a client to finish the TLS handshake.
pub const HANDSHAKE_TIMEOUT: Span = Span::from_seconds(5);
/// Connections to the health listener at a time.
pub const HEALTH_CONNECTIONS_MAX: usize = 64;
/// Resources that are reconciled at a time.
pub const RECONCILES_AT_A_TIME: u16 = 16;
/// First wait before a failed reconcile is tried again; it doubles each time.
pub const RECONCILE_BACKOFF_MIN: Span = Span::from_seconds(1);
/// Longest wait before a failed reconcile is tried again.
pub const RECONCILE_BACKOFF_MAX: Span = Span::from_minutes(5);
/// Changes of keys are gathered for this time before their resources are looked at.
pub const CHANGES_GATHER_PERIOD: Span = Span::from_seconds(1);
/// Time between two looks at what the installation tells about itself.
pub const INSTALLATION_PERIOD: Span = Span::from_seconds(30);
/// Requests per second of one principal.
pub const PRINCIPAL_REQUESTS_PER_SECOND: u32 = 10_000;
/// Difference between our clock and the API server's that is told as skew.
pub const CLOCK_SKEW_MAX: Span = Span::from_seconds(60);
/// Time between two looks for namespaces that want the certificate.
pub const CERTIFICATE_PERIOD: Span = Span::from_seconds(2);
/// Time after which the certificate is written again although nothing changed.
pub const CERTIFICATE_REPEAT_PERIOD: Span = Span::from_hours(1);

/// First wait before a broken watch is made again; it doubles each time.
pub const WATCH_BACKOFF_MIN: Span = Span::from_milliseconds(500);
/// Longest wait before a broken watch is made again.
pub const WATCH_BACKOFF_MAX: Span = Span::from_seconds(5);
/// Seconds that the watch of namespaces runs before it is made again. It says whose keys a namespace's rights are
/// about, so a watch that has silently broken must not last.
pub const NAMESPACE_WATCH_SECONDS: u32 = 60;
