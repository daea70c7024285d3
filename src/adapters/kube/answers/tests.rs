use super::*;
use crate::adapters::kube::client::Clients;
use crate::ports::fake::FakeClock;
use crate::types::time::Timestamp;
use kube::{Client, Config};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::AtomicU32;
use tokio::sync::Notify;

const TERMS: Terms = Terms {
    entries_max: 100,
    renewed_after: Span::from_seconds(30),
    yes_max: Span::from_seconds(60),
    no_max: Span::from_seconds(5),
};
const KEY: Digest = [7; 32];

struct Kit {
    clock: FakeClock,
    outage: Arc<Outage>,
    answers: Arc<Answers<u32>>,
    asked: Arc<AtomicU32>,
}

impl Kit {
    fn new() -> Self {
        let clock = FakeClock::default();
        clock.set(Timestamp::default().plus(Span::from_hours(1)));
        let outage = Arc::new(Outage::new(Span::from_minutes(10), Arc::new(clock.clone())));
        let answers = Answers::new(TERMS, Arc::new(clock.clone()), Arc::clone(&outage));
        Self { clock, outage, answers, asked: Arc::default() }
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.wall().plus(Span::from_seconds(seconds)));
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Asks; the answer is the number of the question, or no, or a failure.
    async fn get(&self, verdict: fn(u32) -> Result<Verdict<u32>, Unasked>) -> Result<Verdict<u32>, Unanswered> {
        let asked = Arc::clone(&self.asked);
        self.answers.get(KEY, || async move { verdict(asked.fetch_add(1, Ordering::SeqCst)) }).await
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        for _ in 0..1000 {
            if condition() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("it did not come true in 5 s");
    }
}

fn yes(number: u32) -> Result<Verdict<u32>, Unasked> {
    Ok(Ok(number))
}

fn no(_: u32) -> Result<Verdict<u32>, Unasked> {
    Ok(Err("no"))
}

fn refused(_: u32) -> Result<Verdict<u32>, Unasked> {
    Err(Unasked::Refused(kube::Error::LinesCodecMaxLineLengthExceeded))
}

fn client(port: u16) -> Client {
    let address = format!("http://127.0.0.1:{port}").parse().unwrap();
    Clients::of(Config::new(address)).unwrap().prompt
}

/// An API server that is ready, and is asked nothing else. It ends with the process.
fn serve(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
        }
    });
}

#[tokio::test]
async fn calls_wait_for_one_question_together_and_it_outlives_its_caller() {
    let kit = Kit::new();
    let gate = Arc::new(Notify::new());
    let call = || {
        let (gate, asked) = (Arc::clone(&gate), Arc::clone(&kit.asked));
        kit.answers.get(KEY, || async move {
            asked.fetch_add(1, Ordering::SeqCst);
            gate.notified().await;
            Ok(Ok(1))
        })
    };
    // The first caller begins and hangs up.
    assert!(call().now_or_never().is_none());
    let calls = futures::future::join_all((0..50).map(|_| call()));
    let (answers, ()) = futures::future::join(calls, async {
        kit.until(|| kit.asked() == 1).await;
        gate.notify_one();
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == Ok(Ok(1))));
    assert_eq!((kit.asked(), kit.answers.kept()), (1, 1));
}

#[tokio::test]
async fn a_yes_is_renewed_behind_the_call_and_waited_for_only_when_it_is_old() {
    let kit = Kit::new();
    assert_eq!(kit.get(yes).await, Ok(Ok(0)));
    kit.pass(30);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(0)), 1));
    kit.pass(1);
    assert_eq!(kit.get(yes).await, Ok(Ok(0)), "the call is served from memory");
    kit.until(|| kit.asked() == 2 && kit.answers.lock().pending.is_empty()).await;
    kit.pass(30);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(1)), 2), "the renewed answer is young again");
    kit.pass(31);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(2)), 3));
    let counts = Counts { hits: 3, misses: 2, stand_ins: 0, errors: 0 };
    assert_eq!(kit.answers.counts(), counts);
}

#[tokio::test]
async fn a_no_is_kept_for_a_shorter_time_and_a_failure_not_at_all() {
    let kit = Kit::new();
    assert_eq!(kit.get(refused).await, Err(Unanswered));
    assert_eq!((kit.get(no).await, kit.asked()), (Ok(Err("no")), 2));
    kit.pass(5);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Err("no")), 2));
    kit.pass(1);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(2)), 3));
    kit.pass(61);
    assert_eq!(kit.get(refused).await, Err(Unanswered), "a refusal is no outage: the old yes does not stand in");
}

#[tokio::test]
async fn a_flush_forgets_answers_and_those_on_their_way() {
    let kit = Kit::new();
    let gate = Arc::new(Notify::new());
    let waiting = Arc::clone(&gate);
    let before = kit.answers.get(KEY, || async move {
        waiting.notified().await;
        Ok(Ok(100))
    });
    let (before, ()) = futures::future::join(before, async {
        kit.answers.flush();
        // A call after the flush does not wait for a question from before it.
        assert_eq!(kit.get(yes).await, Ok(Ok(0)));
        gate.notify_one();
    })
    .await;
    assert_eq!(before, Ok(Ok(100)), "who asked before the flush gets what was true before it");
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(0)), 1));
    kit.answers.flush();
    assert_eq!(kit.answers.kept(), 0);
}

#[tokio::test]
async fn in_an_outage_the_last_answers_stand_in_until_the_grace_is_over() {
    let kit = Kit::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client(address.port());
    assert_eq!(kit.get(yes).await, Ok(Ok(0)));
    let lost = kit.outage.ask(&client, || client.request_text(hyper::Request::get("/").body(Vec::new()).unwrap()));
    assert!(matches!(lost.await, Err(Unasked::Unreachable)));
    assert_eq!(kit.outage.round(), None);

    kit.pass(600);
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(0)), 1), "ten minutes after the last contact");
    let stranger = kit.answers.get([8; 32], || async { Ok(Ok(1)) }).await;
    assert_eq!(stranger, Err(Unanswered), "a new caller is refused without a question");
    kit.pass(1);
    assert_eq!(kit.get(yes).await, Err(Unanswered), "the grace is over");

    serve(TcpListener::bind(address).unwrap());
    kit.until(|| kit.outage.round() == Some(1)).await;
    assert_eq!((kit.get(yes).await, kit.asked()), (Ok(Ok(1)), 2), "after an outage everything is asked anew");
}

#[tokio::test]
async fn who_waits_for_another_question_learns_of_the_outage_at_once() {
    let kit = Kit::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(listener.local_addr().unwrap().port());
    drop(listener);
    assert_eq!(kit.get(yes).await, Ok(Ok(0)));
    kit.pass(61);
    let asked = Arc::clone(&kit.asked);
    let waiting = kit.answers.get(KEY, || async move {
        asked.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    });
    let (waited, ()) = futures::future::join(waiting, async {
        kit.until(|| kit.asked() == 2).await;
        let request = || client.request_text(hyper::Request::get("/").body(Vec::new()).unwrap());
        drop(kit.outage.ask(&client, request).await);
    })
    .await;
    assert_eq!(waited, Ok(Ok(0)), "the question never ends, and the call does");
}
