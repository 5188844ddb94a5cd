// Chatkeep's own routes, as an app calls them beside its front end's package.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const { URL: url, TOKEN: token } = process.env;
export const headers = { Authorization: `Bearer ${token}` };

export async function call(method, path, body) {
  const json = body && { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
  const answer = await fetch(`${url}${path}`, { method, headers, ...json });
  const text = await answer.text();
  assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

export async function newSession(model, more = {}) {
  const { session_id: id } = await call("POST", "/sessions", { model_name: `scripted:${model}`, ...more });
  return id;
}

export async function transcript(id) {
  const { messages } = await call("GET", `/sessions/${id}/messages?format=ui`);
  return messages;
}

// A question whose answer stops in its middle until the test lets it go on: see graph.py.
export function held() {
  const path = resolve(randomUUID());
  return { question: `hold ${path}`, half: "This is one half, ", whole: WHOLE, goOn: () => writeFileSync(path, "") };
}
const WHOLE = "This is one half, and this the other.";

// The transcript once it ends with a stored answer, `count` messages long.
export function settled(id, count) {
  const has = (messages) => messages.length === count && messages.at(-1).metadata?.status && messages;
  return until(async () => has(await transcript(id)), `${count} messages of ${id}`);
}

// What `holds` gives once it gives something true.
export async function until(holds, what) {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert(Date.now() < end, `in vain: ${what}`);
    await pause(10);
  }
}
