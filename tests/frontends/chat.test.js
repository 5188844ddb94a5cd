// The manual's component of useChat, used as a reader would.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { call, token, until } from "./api.js";
import { mounted } from "./dom.js";

globalThis.TOKEN = token;
const { Chat, transcript } = await import("./chat.js");

const texts = ({ element }) => Array.from(element.querySelectorAll("p"), (one) => one.textContent);

async function opened(id) {
  const page = mounted(Chat, { id });
  await until(() => page.element.querySelector("input"), "the input");
  const [input] = page.element.getElementsByTagName("input");
  const type = (text) => {
    input.value = text;
    input.form.requestSubmit();
  };
  return { page, input, type };
}

test("a question is typed and answered, and both are there after a reload", async () => {
  const id = `chat-${randomUUID()}`;
  const { page, input, type } = await opened(id);
  type("Hello");
  await until(() => texts(page)[1] === "echo: Hello" && !input.disabled, "the answer");
  page.unmount();
  assert.equal((await call("GET", `/sessions/${id}`)).message_count, 2);

  const { messages: old } = await (await transcript(id)).json();
  const again = mounted(Chat, { id, old });
  await until(() => texts(again).length, "the old messages");
  assert.deepEqual(texts(again), ["Hello", "echo: Hello"]);
});

test("a refusal is shown, and the next question is answered", async () => {
  const { page, input, type } = await opened(`chat-${randomUUID()}`);
  const refusal = () => page.element.querySelector("b").textContent;
  const answered = (text) => until(() => texts(page).at(-1) === `echo: ${text}` && !input.disabled, "the answer");
  type("Hello"); // by its answer the page has also found nothing to take up, which clears a refusal
  await answered("Hello");
  type("");
  await until(() => refusal() && !input.disabled, "the refusal");
  assert.equal(refusal(), "messages.2.parts: must have 1 to 100,000 characters of text");
  type("And?");
  await answered("And?");
  assert.equal(refusal(), "");
});
