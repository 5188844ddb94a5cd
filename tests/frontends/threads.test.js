// The manual's list of threads, in assistant-ui's own runtime.
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, newSession, token, until } from "./api.js";
import { mounted } from "./dom.js";

globalThis.TOKEN = token;
const { createElement } = await import("react");
const { AssistantRuntimeProvider, useLocalRuntime, useRemoteThreadListRuntime } = await import("@assistant-ui/react");
const { threads: adapter } = await import("./threads.js");

const echo = { run: async () => ({ content: [{ type: "text", text: "Hello" }] }) };

test("threads are listed, begun, renamed, archived, brought back and deleted", async () => {
  const old = await newSession("echo", { title: "Holidays" });
  let runtime;
  const App = () => {
    runtime = useRemoteThreadListRuntime({ adapter, runtimeHook: () => useLocalRuntime(echo) });
    return createElement(AssistantRuntimeProvider, { runtime });
  };
  mounted(App);
  const list = () => runtime.threads.getState();
  await until(() => runtime && list().threadIds.length === 1, "the list");
  const item = runtime.threads.getItemById(list().threadIds[0]);
  assert.deepEqual([item.getState().remoteId, item.getState().title], [old, "Holidays"]);

  await item.rename("Journeys");
  await item.archive();
  assert.deepEqual(await stored(old), { title: "Journeys", is_archived: true });
  assert.equal(list().archivedThreadIds.length, 1);
  await item.unarchive();
  assert.deepEqual(await stored(old), { title: "Journeys", is_archived: false });

  await runtime.threads.switchToNewThread();
  runtime.thread.append("Where should I travel?");
  const titled = () => list().threadIds.map((id) => runtime.threads.getItemById(id).getState());
  await until(() => titled().some((one) => one.remoteId !== old && one.remoteId), "a thread of its own");
  const { remoteId } = titled().find((one) => one.remoteId !== old);
  await until(async () => (await stored(remoteId)).title === "Where should I travel?", "its title");

  await item.delete();
  assert.equal((await call("GET", `/sessions/${old}`)).status, "deleted");
});

async function stored(id) {
  const { title, is_archived } = await call("GET", `/sessions/${encodeURIComponent(id)}`);
  return { title, is_archived };
}
