// Conversations by AG-UI's HttpAgent; AG_UI names its package.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { call, headers, held, newSession, settled, until, url } from "./api.js";

const { HttpAgent } = await import(process.env.AG_UI);

// The client tells of what it repairs or drops in the console alone.
const told = [];
for (const name of ["warn", "error"]) console[name] = (...words) => told.push(words.join(" "));

function agent(threadId, initialMessages = []) {
  return new HttpAgent({ url: `${url}/ag-ui`, headers, threadId, initialMessages });
}

function ask(agent, content, id = randomUUID()) {
  agent.addMessage({ id, role: "user", content });
  return agent.runAgent();
}

// The thread as a client gets it that has nothing of it.
async function restored(threadId) {
  const other = agent(threadId);
  await other.runAgent();
  return other.messages;
}

const texts = (agent) => agent.messages.map((one) => one.content);

describe("HttpAgent", { concurrency: true }, () => {
  test("a conversation of several turns is restored as it was shown", async () => {
    const id = await newSession("echo");
    const page = agent(id);
    for (const text of ["One", "Two", "Three"]) await ask(page, text);
    assert.deepEqual(texts(page), ["One", "echo: One", "Two", "echo: Two", "Three", "echo: Three"]);
    assert.deepEqual(await restored(id), page.messages);
    assert.equal((await call("GET", `/sessions/${id}`)).message_count, 6);
  });

  test("an app's own thread id, run ids and message ids are kept", async () => {
    const id = `thread-${randomUUID()}`;
    const page = agent(id);
    page.addMessage({ id: "my-question", role: "user", content: "Hello" });
    const runs = [];
    await page.runAgent({ runId: "my-run" }, { onRunFinishedEvent: ({ event }) => void runs.push(event) });
    assert.deepEqual([runs[0].threadId, runs[0].runId, runs[0].outcome.type], [id, "my-run", "success"]);
    assert.equal(runs[0].usage.length, 1);
    assert.deepEqual((await restored(id)).map((one) => one.id), ["my-question", page.messages[1].id]);
  });

  test("a thread whose id the client has made up goes on", async () => {
    const page = agent();
    for (const text of ["One", "Two"]) await ask(page, text);
    assert.deepEqual(texts(page), ["One", "echo: One", "Two", "echo: Two"]);
    assert.deepEqual(await restored(page.threadId), page.messages);
    assert.equal((await call("GET", `/sessions/ag-ui:${page.threadId}`)).message_count, 4);
  });

  test("a tool's calls, results and failures are restored as they were shown", async () => {
    const id = await newSession("echo");
    const page = agent(id);
    await ask(page, "tools please");
    const kept = page.messages.filter((one) => one.role !== "reasoning");
    assert.deepEqual(kept.map((one) => one.role), ["user", "assistant", "tool", "tool", "assistant"]);
    assert.equal(kept[1].toolCalls.length, 2);
    assert.equal(page.messages.length, kept.length + 1);
    assert.deepEqual(await restored(id), kept);
  });

  test("a summary, a title and how full the context is are told", async () => {
    const id = await newSession("echo", { model_options: { context_limit: 512 }, max_tokens: 100, title: "Long" });
    const [page, custom, ended] = [agent(id), [], []];
    const follow = {
      onCustomEvent: ({ event }) => void custom.push([event.name, event.value]),
      onRunFinishedEvent: ({ event }) => void ended.push(event.result),
    };
    for (const content of ["word ".repeat(200), "And now?"]) {
      page.addMessage({ id: randomUUID(), role: "user", content });
      await page.runAgent({}, follow);
    }
    assert.deepEqual(custom.map(([name]) => name), ["title", "title", "summary"]);
    assert.equal(custom[0][1], "Long");
    assert.equal(custom[2][1].until_message_id, ended[0].message_id);
    assert.equal(custom[2][1].message_id, ended[1].message_id);
    assert.deepEqual([ended[0].context_tokens, ended[0].context_limit], [401, 512]);
    assert.deepEqual(await restored(id), page.messages);
  });

  test("an old thread goes on from a client that has nothing of it", async () => {
    const id = await newSession("echo");
    const before = agent(id);
    await ask(before, "One");
    const page = agent(id);
    await ask(page, "Two");
    assert.deepEqual(texts(page), ["One", "echo: One", "Two", "echo: Two"]);
    assert.deepEqual(await restored(id), page.messages);
  });

  test("a run that the client aborts and cancels ends, and the next one works", async () => {
    const [id, { question, half }] = [await newSession("echo"), held()];
    const page = agent(id);
    const running = ask(page, question);
    await until(() => texts(page)[1] === half, "one half");
    page.abortRun();
    await running;
    await call("POST", `/sessions/${id}/cancel`);
    await settled(id, 2);
    assert.deepEqual(await restored(id), page.messages);
    await ask(page, "And?");
    assert.equal(texts(page).at(-1), "echo: And?");
    await settled(id, 4);
  });

  test("a run that another client cancels says so", async () => {
    const [id, { question, half }] = [await newSession("echo"), held()];
    const page = agent(id);
    const ends = [];
    page.subscribe({ onRunFinishedEvent: ({ event }) => void ends.push(event.result.status) });
    const running = ask(page, question);
    await until(() => texts(page)[1] === half, "one half");
    await call("POST", `/sessions/${id}/cancel`);
    await running;
    assert.deepEqual(ends, ["cancelled"]);
    assert.deepEqual(await restored(id), page.messages);
  });

  test("a model's failure is the run's error", async () => {
    const id = await newSession("fail");
    const page = agent(id);
    const errors = [];
    page.subscribe({ onRunErrorEvent: ({ event }) => void errors.push(event) });
    await ask(page, "Hello");
    assert.equal(errors.length, 1);
    assert.match(errors[0].message, /model/);
    assert.deepEqual(await restored(id), []);
  });

  test("a refusal is an error of the client", async () => {
    const id = await newSession("echo");
    await call("PATCH", `/sessions/${id}`, { is_archived: true });
    await assert.rejects(ask(agent(id), "Hello"), /409/);
    const expected = told.splice(told.findIndex((one) => one.includes("409")), 1);
    assert.equal(expected.length, 1);
  });

  test("the same message sent twice is one turn", async () => {
    const id = await newSession("echo");
    const [first, second] = [agent(id), agent(id)];
    await ask(first, "Hello", "the-question");
    await ask(second, "Hello", "the-question");
    assert.deepEqual(second.messages, first.messages);
    await settled(id, 2);
  });
});

test("the client found nothing to warn of", () => {
  assert.deepEqual(told, []);
});
