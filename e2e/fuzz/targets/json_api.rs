//! Calls of any operation with any body, served by a whole engine in memory: no panic, no internal error, nothing that
//! waits forever, and answers that are JSON.
//!
//! Each line is a call: the name of the operation, a space, the body. Words such as `@B` stand for earlier answers. A
//! line such as `+30` lets so many days pass.

#![no_main]

use std::cell::RefCell;

use coffer::api::aws::operation::Operation;
use coffer::engine::table;
use fuzz::world::{Template, World};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Calls after which a world begins again even where nothing changed it: it keeps a record of each.
const CALLS_MAX: usize = 1000;
/// Lines of one input.
const LINES_MAX: usize = 8;

struct State {
    template: Template,
    world: World,
    calls: usize,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new({
        let template = Template::new();
        State { world: template.world(), template, calls: 0 }
    });
}

fuzz_target!(|bytes: &[u8]| STATE.with_borrow_mut(|state| serve(state, bytes)));

fn serve(state: &mut State, lines: &[u8]) {
    let mut changed = false;
    for line in lines.split(|byte| *byte == b'\n').take(LINES_MAX) {
        if let Some(days) = line.strip_prefix(b"+") {
            let days = str::from_utf8(days).ok().and_then(|days| days.parse().ok());
            state.world.pass(days.unwrap_or(1));
            changed = true;
            continue;
        }
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, body) = line.split_at(end);
        let operation = operation(name);
        let (status, answer) = state.world.call(operation, &state.template.fill(body));
        check(operation, status, &answer);
        changed |= status == 200 && table::find(operation).changes;
        state.calls += 1;
    }
    // What one input changed, the next one must not meet: its file alone has to show what it found.
    if changed || state.calls >= CALLS_MAX {
        (state.world, state.calls) = (state.template.world(), 0);
    }
}

/// The operation of this name, and some operation for any other name, so that a changed byte leads to another one.
fn operation(name: &[u8]) -> Operation {
    let named = str::from_utf8(name).ok().and_then(Operation::parse);
    let sum = name.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    named.unwrap_or(Operation::ALL[sum % Operation::ALL.len()])
}

fn check(operation: Operation, status: u16, answer: &[u8]) {
    assert!(status < 500, "{operation}: {status} {}", String::from_utf8_lossy(answer));
    if !answer.is_empty() {
        let answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
        assert!(status == 200 || answer["__type"].is_string(), "{operation}: {status} {answer}");
    }
}
