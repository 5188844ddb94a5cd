// Conversations by AI SDK's useChat; AI names its major version.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { call, headers, newSession, settled, transcript, until, url } from "./api.js";
import { Page } from "./page.js";

const LONG = "one two three four five six seven eight nine ten";
const streaming = (chat, texts) => chat.status === "streaming" && texts.at(-1)?.includes("two");

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
    const page = new Page({ id }, { body: { model_name: "scripted:echo" } });
    await page.until(({ status }) => status);
    await page.chat.sendMessage({ id: "my-question", parts: [{ type: "text", text: "Hello" }] });
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

  test("stop ends the turn, and the next one knows what was said", async () => {
    const id = await newSession("slow");
    const page = new Page({ id });
    const saying = page.say(LONG);
    await page.until(streaming);
    await page.chat.stop();
    await call("POST", `/sessions/${id}/cancel`);
    await saying;
    const [question, answer] = await settled(id, 2);
    assert.equal(answer.metadata.status, "cancelled");
    assert.equal(question.parts[0].text, LONG);
    assert(answer.parts.at(-1).text.startsWith(page.texts[1]), `${page.texts[1]} / ${answer.parts.at(-1).text}`);
    await page.say("And?");
    assert.equal(page.texts.at(-1), "echo: And?");
    assert.deepEqual(page.messages.slice(2), (await settled(id, 4)).slice(2));
  });

  test("a turn that another tab stops ends on this page as well", async () => {
    const id = await newSession("slow");
    const page = new Page({ id });
    const saying = page.say(LONG);
    await page.until(streaming);
    await call("POST", `/sessions/${id}/cancel`);
    await saying;
    assert.equal(page.chat.status, "ready");
    assertShown(page, await settled(id, 2));
  });

  test("a page that is loaded again in mid-stream goes on with the answer", async () => {
    const id = await newSession("slow");
    const before = new Page({ id });
    await before.until(({ status }) => status);
    before.chat.sendMessage({ text: LONG });
    await before.until((chat, texts) => chat.status === "streaming" && texts.at(-1)?.includes("six"));
    before.close();
    const page = new Page({ id, messages: await transcript(id), resume: true });
    await page.until((chat, texts) => streaming(chat, texts) && !texts.at(-1).includes("ten"));
    await page.said();
    assert.deepEqual(page.texts, [LONG, `echo: ${LONG}`]);
    assertShown(page, await settled(id, 2));
  });

  test("a page that is loaded again while an answer is made again shows one answer", async () => {
    const id = await newSession("echo");
    const before = await new Page({ id }).say(LONG);
    await call("PATCH", `/sessions/${id}`, { model_name: "scripted:slow" });
    before.chat.regenerate();
    await before.until((chat, texts) => chat.status === "streaming" && texts.at(-1)?.includes("six"));
    before.close();
    const page = new Page({ id, messages: await transcript(id), resume: true });
    await page.until(({ status }) => status === "streaming");
    assert.equal(page.texts.length, 2);
    await page.said();
    assertShown(page, await settled(id, 2));
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
    await page.said();
    assertShown(page, stored);
  });

  test("a stream that breaks off is taken up by the same page", async () => {
    const id = await newSession("slow");
    const page = new Page({ id }, { fetch: breaking(({ method }) => method === "POST") });
    await page.say(LONG);
    assert.equal(page.chat.status, "error");
    await page.chat.resumeStream();
    await page.said();
    assert.deepEqual(page.texts, [LONG, `echo: ${LONG}`]);
    assertShown(page, await settled(id, 2));
  });

  test("two tabs show the same stream", async () => {
    const id = await newSession("slow");
    const first = new Page({ id });
    const saying = first.say(LONG);
    await first.until((chat, texts) => chat.status === "streaming" && texts.at(-1)?.includes("six"));
    const second = new Page({ id, messages: await transcript(id), resume: true });
    await second.until(streaming);
    await Promise.all([saying, second.said()]);
    assert.deepEqual(second.messages.at(-1), first.messages.at(-1));
    assertShown(second, await settled(id, 2));
    assertShown(first, await transcript(id));
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
    assert.equal(JSON.parse(page.chat.error.message).code, "session_archived");
  });

  test("the same message sent twice is one turn, of which both pages show all", async () => {
    const id = await newSession("slow");
    const pages = [new Page({ id }), new Page({ id })];
    const message = { id: "the-question", parts: [{ type: "text", text: LONG }] };
    await Promise.all(pages.map((page) => page.until(({ status }) => status)));
    await Promise.all(pages.map((page) => page.chat.sendMessage(message)));
    const stored = await settled(id, 2);
    for (const page of pages) assertShown(await page.said(), stored);
    const late = new Page({ id });
    await late.until(({ status }) => status);
    await late.chat.sendMessage(message);
    assertShown(await late.said(), stored);
    assert.equal((await call("GET", `/sessions/${id}`)).message_count, 2);
  });
});

// A network that breaks off the body of matching requests in their middle.
function breaking(matches) {
  return async (address, request) => {
    const answer = await fetch(address, request);
    if (!matches(request)) return answer;
    const cut = new TransformStream({
      transform(bytes, controller) {
        controller.enqueue(bytes);
        if (new TextDecoder().decode(bytes).includes("three")) controller.error(new TypeError("network error"));
      },
    });
    return new Response(answer.body.pipeThrough(cut), answer);
  };
}
