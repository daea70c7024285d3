//! What the tests of authentication and access share: workloads with tokens, a proxy before the API server
//! that can be cut or frozen, and a record of what is asked through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::api::{DeleteParams, PostParams};
use kube::client::Body;
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::cluster;
use crate::adapters::kube::client::Clients;
use crate::adapters::kube::outage::Outage;
use crate::adapters::kube::token_review::{AuthenticationOptions, TokenAuthenticator};
use crate::ports::clock::Clock;
use crate::ports::fake::FakeClock;
use crate::types::limits::OUTAGE_GRACE_DEFAULT;
use crate::types::secret::SecretBytes;
use crate::types::time::{Span, Timestamp};

pub(super) const AUDIENCE: &str = "kms.coffer.dev/000102030405060708090a0b0c0d0e0f";

/// One test's namespace, with a way of its own to the API server.
pub(super) struct Kit {
    /// Goes straight to the API server.
    pub(super) admin: Client,
    /// Go through the proxy.
    pub(super) clients: Clients,
    pub(super) proxy: Arc<Proxy>,
    pub(super) clock: FakeClock,
    pub(super) outage: Arc<Outage>,
    pub(super) namespace: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Kit {
    pub(super) async fn new() -> Self {
        let admin = cluster::clients().await.patient;
        let namespace = cluster::namespace(&admin).await;
        let mut config = cluster::config().await;
        let target = config.cluster_url.authority().unwrap().to_string();
        let (proxy, port) = Proxy::start(target);
        config.cluster_url = format!("https://127.0.0.1:{port}").parse().unwrap();
        let mut clients = Clients::of(config).unwrap();
        let requests = Arc::default();
        clients.prompt = recorded(clients.prompt, Arc::clone(&requests));
        let clock = FakeClock::default();
        clock.set(Timestamp::from_milliseconds(jiff::Timestamp::now().as_millisecond()));
        let outage = Arc::new(Outage::new(OUTAGE_GRACE_DEFAULT, Arc::new(clock.clone())));
        let kit = Self { admin, clients, proxy, clock, outage, namespace, requests };
        kit.create::<ServiceAccount>(serde_json::json!({"metadata": {"name": "app"}})).await;
        kit
    }

    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    pub(super) async fn create<K>(&self, json: serde_json::Value) -> K
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
        K: Clone + std::fmt::Debug + DeserializeOwned + serde::Serialize,
    {
        let object = serde_json::from_value(json).unwrap();
        self.api().create(&PostParams::default(), &object).await.unwrap()
    }

    /// A pod of the ServiceAccount `app`. With a node it stands on that one; nothing runs it.
    ///
    /// A node that does not exist would do for a token, but pods on it are collected after a while.
    pub(super) async fn pod(&self, name: &str, node: Option<&str>) -> Pod {
        let spec = serde_json::json!({
            "serviceAccountName": "app", "nodeName": node, "containers": [{"name": "app", "image": "none"}],
        });
        self.create(serde_json::json!({"metadata": {"name": name}, "spec": spec})).await
    }

    pub(super) async fn remove_pod(&self, name: &str) {
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        self.api::<Pod>().delete(name, &at_once).await.unwrap();
    }

    /// A token of `app`, as the kubelet asks for one.
    pub(super) async fn token(&self, pod: Option<&Pod>, audience: &str) -> String {
        let bound_object_ref = pod.map(|pod| BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(pod.name_any()),
            uid: pod.uid(),
        });
        let audiences = Some(vec![audience.to_owned()]);
        let spec = Some(TokenRequestSpec { audiences, bound_object_ref, expiration_seconds: Some(3600) });
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let accounts: Api<ServiceAccount> = self.api();
        let issued = accounts.create_token_request("app", &PostParams::default(), &request).await.unwrap();
        issued.status.and_then(|status| status.token).unwrap()
    }

    pub(super) fn authenticator(&self, options: AuthenticationOptions) -> TokenAuthenticator {
        let clock = Arc::new(self.clock.clone());
        TokenAuthenticator::new(&self.clients, AUDIENCE.to_owned(), clock, Arc::clone(&self.outage), options)
    }

    pub(super) fn pass(&self, span: Span) {
        self.clock.set(self.clock.wall().plus(span));
    }

    /// How many requests to paths that end like this went out.
    pub(super) fn requests(&self, ending: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|path| path.ends_with(ending)).count()
    }
}

pub(super) fn secret(token: &str) -> SecretBytes {
    SecretBytes::new(token.as_bytes().to_vec())
}

/// A node without a kubelet, for as long as a test needs it.
pub(super) async fn node(admin: &Client, name: &str) -> Node {
    let node = serde_json::from_value(serde_json::json!({"metadata": {"name": name}})).unwrap();
    Api::<Node>::all(admin.clone()).create(&PostParams::default(), &node).await.unwrap()
}

pub(super) async fn remove_node(admin: &Client, name: &str) {
    Api::<Node>::all(admin.clone()).delete(name, &DeleteParams::default()).await.unwrap();
}

/// Waits for what must come true soon; how long it took is for the reader of the test's output.
pub(super) async fn until<F: Future<Output = bool>>(limit: Duration, what: &str, mut condition: impl FnMut() -> F) {
    let started = tokio::time::Instant::now();
    while !condition().await {
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{what}: {:?}", started.elapsed());
}

fn recorded(client: Client, requests: Arc<Mutex<Vec<String>>>) -> Client {
    let service = tower::service_fn(move |request: hyper::Request<Body>| {
        requests.lock().unwrap().push(request.uri().path().to_owned());
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(service, "default")
}

const PASSING: u8 = 0;
const CUT: u8 = 1;
const FROZEN: u8 = 2;
const TEARING: u8 = 3;

/// Copies bytes between a client and the API server, or does not.
pub(super) struct Proxy(AtomicU8);

impl Proxy {
    /// Its threads end with the process.
    fn start(target: String) -> (Arc<Self>, u16) {
        let proxy = Arc::new(Self(AtomicU8::new(PASSING)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = Arc::clone(&proxy);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, own, target) = (client.unwrap(), Arc::clone(&own), target.clone());
                thread::spawn(move || own.serve(client, &target));
            }
        });
        (proxy, port)
    }

    /// Breaks every connection, and each new one.
    pub(super) fn cut(&self) {
        self.0.store(CUT, Ordering::SeqCst);
    }

    /// Accepts and answers nothing.
    pub(super) fn freeze(&self) {
        self.0.store(FROZEN, Ordering::SeqCst);
    }

    /// Breaks the connection of the next request, which is on its way then.
    pub(super) fn tear(&self) {
        self.0.store(TEARING, Ordering::SeqCst);
    }

    pub(super) fn is_torn(&self) -> bool {
        self.0.load(Ordering::SeqCst) != TEARING
    }

    pub(super) fn mend(&self) {
        self.0.store(PASSING, Ordering::SeqCst);
    }

    fn serve(self: Arc<Self>, client: TcpStream, target: &str) {
        while self.0.load(Ordering::SeqCst) == FROZEN {
            thread::park_timeout(TICK);
        }
        if self.0.load(Ordering::SeqCst) == CUT {
            return;
        }
        let server = TcpStream::connect(target).unwrap();
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let own = Arc::clone(&self);
        let answers = thread::spawn(move || own.copy(back.0, back.1));
        self.copy(client, server);
        answers.join().unwrap();
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        from.set_read_timeout(Some(TICK)).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer);
            while self.0.load(Ordering::SeqCst) == FROZEN {
                thread::park_timeout(TICK);
            }
            let torn = read.as_ref().is_ok_and(|length| *length > 0)
                && self.0.compare_exchange(TEARING, PASSING, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            let broken = torn || self.0.load(Ordering::SeqCst) == CUT;
            let passed = match read {
                // Before anything is passed on: who asks after the cut gets nothing through.
                _ if broken => false,
                Ok(length) => length > 0 && to.write_all(&buffer[..length]).is_ok(),
                Err(error) => matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            };
            if !passed {
                drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
                return;
            }
        }
    }
}

const TICK: Duration = Duration::from_millis(5);
