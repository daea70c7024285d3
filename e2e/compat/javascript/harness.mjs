// Named checks of one client, each of which ends as one line of JSON.

import { deepStrictEqual } from "node:assert";

export class Checks {
  constructor(client) {
    this.client = client;
    this.added = [];
  }

  add(operation, check, body) {
    this.added.push({ operation, check, body });
  }

  // No failure keeps a later check from its run.
  async run() {
    for (const { operation, check, body } of this.added) {
      let detail = "";
      let result = "pass";
      try {
        await body();
      } catch (error) {
        result = "fail";
        detail = `${error?.name}: ${error?.message} ${place(error)}`;
      }
      console.log(JSON.stringify({ client: this.client, operation, check, result, detail }));
    }
  }
}

// Where in the check it happened; not where deep below.
function place(error) {
  const frames = String(error?.stack).split("\n");
  const frame = frames.find((line) => line.includes("_checks.mjs"));
  return frame ? `(${frame.trim().split("/").at(-1)})` : "";
}

export function equal(found, wanted) {
  deepStrictEqual(found, wanted, `${show(found)} is not ${show(wanted)}`);
}

function show(value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : JSON.stringify(value);
}

// The typed exception that a call must end with.
export async function refused(wanted, call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    if (error instanceof wanted) {
      return error;
    }
    throw error;
  }
  throw new Error(`not refused: ${JSON.stringify(answer)}`);
}

export function recent(time) {
  const seconds = (Date.now() - time.getTime()) / 1000;
  equal(time instanceof Date && seconds > -60 && seconds < 900, true);
}

export async function all(pages, list) {
  const found = [];
  for await (const page of pages) {
    found.push(...page[list]);
  }
  return found;
}

export function bytes(text) {
  return Buffer.from(text, "utf8");
}

export function text(value) {
  return Buffer.from(value).toString("utf8");
}
