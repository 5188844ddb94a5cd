// Conversations by AI SDK's useChat; AI names its major version.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { call, held, newSession, settled, transcript, until } from "./api.js";
import { Page } from "./page.js";

// A reasoning is shown while it comes, and is not kept.
function assertShown(page, stored) {
  const kept = page.messages.map((one) => ({ ...one, parts: one.parts.filter((part) => part.type !== "reasoning") }));
  assert.deepEqual(kept, stored);
}

describe("useChat", { concurrency: true }, () => {
  test("a conversation of several turns is stored as it is shown", async () => {
    const id = await newSession("echo");
    const page = new Page({ id });
    for (const text of ["One", "Two", "Three"]) await page.say(text);
    assert.deepEqual(page.texts, ["One", "echo: One", "Two", "echo: Two", "Three", "echo: Three"]);
    assertShown(page, await settled(id, 6));
  });

  test("an app's own chat id and message ids are kept", async () => {
    const id = `chat-${randomUUID()}`;
    const page = new Page({ id });
    await page.send({ id: "my-question", parts: [{ type: "text", text: "Hello" }] });
    await page.said();
    const [question] = await settled(id, 2);
    assert.equal(question.id, "my-question");
    assertShown(page, await transcript(id));
  });

  test("a tool's calls, results and failures are stored as they are shown", async () => {
    const id = await newSession("echo");
    const page = await new Page({ id }).say("tools please");
    const answer = page.messages.at(-1);
    const states = answer.parts.filter((part) => part.type === "dynamic-tool").map((part) => part.state);
    assert.deepEqual(states, ["output-available", "output-error"]);
    assert.equal(answer.parts.filter((part) => part.type === "reasoning").length, 1);
    assertShown(page, await transcript(id));
  });

  test("a summary comes with the answer that it was made for, and is stored as it is shown", async () => {
    const id = await newSession("echo", { model_options: { context_limit: 512 }, max_tokens: 100, title: "Long" });
    const page = await new Page({ id }).say("word ".repeat(200));
    assert.equal(page.messages[1].metadata.context_limit, 512);
    assert.equal(page.messages[1].metadata.context_tokens, 401);
    await page.say("And now?");
    const { type, data } = page.messages[3].parts.at(-1);
    assert.deepEqual([type, data.until_message_id], ["data-summary", page.messages[1].metadata.message_id]);
    assertShown(page, await settled(id, 4));
  });

  test("a context that was summarised by hand is shown by a page that is loaded then", async () => {
    const id = await newSession("echo", { model_options: { context_limit: 512 }, max_tokens: 100, title: "Long" });
    await new Page({ id }).say("word ".repeat(100));
    const { turn_id: turn } = await call("POST", `/sessions/${id}/compact`);
    await until(async () => (await call("GET", `/sessions/${id}/turns/${turn}`)).status === "completed", "the summary");
    const messages = await transcript(id);
    assert.deepEqual(messages.at(-1).parts.map((part) => part.type), ["data-summary"]);
    const page = await new Page({ id, messages }).say("And now?");
    assert.deepEqual(page.texts.slice(2), ["", "And now?", "echo: And now?"]);
    assertShown(page, await settled(id, 5));
  });

  test("a title that the session has got meanwhile is told with the next answer", async () => {
    const [id, told] = [await newSession("echo"), []];
    const page = await new Page({ id, onData: (part) => told.push(part) }).say("Hello");
    assert.deepEqual(told, []);
    const named = async () => (await call("GET", `/sessions/${id}`)).title;
    const title = await until(async () => (await named()) !== "New Conversation" && named(), "a title");
    await page.say("And now?");
    assert.deepEqual(told.map((part) => [part.type, part.data]), [["data-title", title]]);
    assertShown(page, await settled(id, 4));
  });

  test("an answer is made again in the place of the last one", async () => {
    const id = await newSession("echo");
    const page = await new Page({ id }).say("Hello");
    const [, first] = page.messages;
    await page.chat.regenerate();
    await page.said();
    assert.deepEqual(page.texts, ["Hello", "echo: Hello"]);
    assert.notEqual(page.messages[1].id, first.id);
    assertShown(page, await transcript(id));
  });

  test("an answer that called tools is made again as a whole", async () => {
    const id = await newSession("echo");
    const page = await new Page({ id }).say("tools please");
    const before = page.messages[1].parts.length;
    await page.chat.regenerate();
    await page.said();
    assert.equal(page.messages[1].parts.length, before);
    assertShown(page, await transcript(id));
  });

  test("an earlier answer is made again, and the conversation goes on from there", async () => {
    const id = await newSession("echo");
    const page = await new Page({ id }).say("One");
    await page.say("Two");
    await page.chat.regenerate({ messageId: page.messages[1].id });
    await page.said();
    assert.deepEqual(page.texts, ["One", "echo: One"]);
    await page.say("Three");
    assertShown(page, await transcript(id));
  });

  test("stop and cancel end the turn with the words that were shown, and the next one works", async () => {
    const [id, { question, half }] = [await newSession("echo"), held()];
    const page = new Page({ id });
    const saying = page.say(question);
    await page.until((_, texts) => texts[1] === half);
    await page.chat.stop();
    await call("POST", `/sessions/${id}/cancel`);
    await saying;
    const [, answer] = await settled(id, 2);
    assert.equal(answer.metadata.status, "cancelled");
    assert.deepEqual([answer.id, answer.parts.at(-1).text], [page.messages[1].id, half]);
    await page.say("And?");
    assert.deepEqual(page.texts, [question, half, "And?", "echo: And?"]);
    assert.deepEqual(page.messages.slice(2), (await settled(id, 4)).slice(2));
  });

  test("a turn that is cancelled elsewhere ends on this page as well", async () => {
    const [id, { question, half }] = [await newSession("echo"), held()];
    const page = new Page({ id });
    const saying = page.say(question);
    await page.until((_, texts) => texts[1] === half);
    await call("POST", `/sessions/${id}/cancel`);
    await saying;
    assert.equal(page.chat.status, "ready");
    assertShown(page, await settled(id, 2));
  });

  test("a page that is loaded again in mid-stream goes on with the answer", async () => {
    const [id, { question, half, whole, goOn }] = [await newSession("echo"), held()];
    const before = new Page({ id });
    before.send({ text: question });
    await before.until((_, texts) => texts[1] === half);
    before.close();
    const page = await loaded(id, question, half);
    assert.equal(page.chat.status, "streaming");
    goOn();
    await page.said();
    assert.deepEqual(page.texts, [question, whole]);
    assertShown(page, await settled(id, 2));
  });

  test("a page that is loaded again while an answer is made again shows one answer", async () => {
    const [id, { question, half, goOn }] = [await newSession("echo"), held()];
    const before = new Page({ id });
    const saying = before.say(question);
    await before.until((_, texts) => texts[1] === half);
    await call("POST", `/sessions/${id}/cancel`);
    await saying;
    before.chat.regenerate();
    await before.until(({ messages }, texts) => texts[1] === half && !messages[1].metadata.status);
    before.close();
    const page = await loaded(id, question, half);
    goOn();
    assertShown(await page.said(), await settled(id, 2));
  });

  test("a page that is loaded again when nothing runs stays as it is", async () => {
    const id = await newSession("echo");
    await new Page({ id }).say("Hello");
    const stored = await transcript(id);
    let asked;
    const fetched = async (...request) => (asked = await fetch(...request));
    const page = new Page({ id, messages: stored, resume: true }, { fetch: fetched });
    await until(() => asked, "the page's request");
    assert.equal(asked.status, 204);
    assertShown(await page.said(), stored);
  });

  test("a stream that breaks off is taken up by the same page", async () => {
    const [id, { question, half, whole, goOn }] = [await newSession("echo"), held()];
    const { cut, fetch } = breakable();
    const page = new Page({ id }, { fetch }, { holdsChat: true });
    const saying = page.say(question);
    await page.until((_, texts) => texts[1] === half);
    cut();
    await saying;
    assert.equal(page.chat.status, "error");
    const resuming = page.chat.resumeStream();
    await page.until(({ status }, texts) => status === "streaming" && texts[1] === half);
    goOn();
    await resuming;
    assert.deepEqual((await page.said()).texts, [question, whole]);
    assertShown(page, await settled(id, 2));
  });

  test("two tabs show the same stream", async () => {
    const [id, { question, half, goOn }] = [await newSession("echo"), held()];
    const first = new Page({ id });
    const saying = first.say(question);
    await first.until((_, texts) => texts[1] === half);
    const second = await loaded(id, question, half);
    goOn();
    await Promise.all([saying, second.said()]);
    const stored = await settled(id, 2);
    assertShown(first, stored);
    assertShown(second, stored);
  });

  test("a model's failure is shown, and the question may be asked again", async () => {
    const id = await newSession("fail");
    const page = await new Page({ id }).say("Hello");
    assert.equal(page.chat.status, "error");
    assert.match(page.chat.error.message, /model/);
    assert.deepEqual(page.texts, ["Hello"]);
    await call("PATCH", `/sessions/${id}`, { model_name: "scripted:echo" });
    await page.chat.regenerate();
    await page.said();
    assert.deepEqual(page.texts, ["Hello", "echo: Hello"]);
    assertShown(page, await settled(id, 2));
  });

  test("a refusal is shown with its reason", async () => {
    const id = await newSession("echo");
    await call("PATCH", `/sessions/${id}`, { is_archived: true });
    const page = await new Page({ id }).say("Hello");
    assert.equal(page.chat.status, "error");
    assert.match(page.chat.error.message, /archived/);
  });

  test("the same message sent twice is one turn, of which both pages show all", async () => {
    const [id, { question, half, goOn }] = [await newSession("echo"), held()];
    const pages = [new Page({ id }), new Page({ id })];
    const message = { id: "the-question", parts: [{ type: "text", text: question }] };
    const sending = Promise.all(pages.map((page) => page.send(message)));
    await Promise.all(pages.map((page) => page.until((_, texts) => texts[1] === half)));
    goOn();
    await sending;
    const stored = await settled(id, 2);
    for (const page of pages) assertShown(await page.said(), stored);
    const late = new Page({ id });
    await late.send(message);
    assertShown(await late.said(), stored);
    assert.equal((await call("GET", `/sessions/${id}`)).message_count, 2);
  });
});

// A page that has just been loaded, as far as it shows the first half of a running answer.
async function loaded(id, question, half) {
  const page = new Page({ id, messages: await transcript(id), resume: true });
  await page.until((_, texts) => texts.at(-1) === half);
  assert.deepEqual(page.texts, [question, half]);
  return page;
}

// A network that can break off the answer to what is sent.
function breakable() {
  let line;
  const wire = new TransformStream({ start: (controller) => void (line = controller) });
  const sent = async (address, request) => {
    const answer = await fetch(address, request);
    return request.method === "POST" ? new Response(answer.body.pipeThrough(wire), answer) : answer;
  };
  return { fetch: sent, cut: () => line.error(new TypeError("network error")) };
}
