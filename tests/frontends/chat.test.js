// The manual's component of useChat, used as a reader would.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { call, token, until } from "./api.js";
import { mounted } from "./dom.js";

globalThis.TOKEN = token;
const { Chat, transcript } = await import("./chat.js");

test("a question is typed and answered, and both are there after a reload", async () => {
  const id = `chat-${randomUUID()}`;
  const page = mounted(Chat, { id });
  await until(() => page.element.querySelector("input"), "the input");
  const [input] = page.element.getElementsByTagName("input");
  input.value = "Hello";
  input.form.requestSubmit();
  const texts = ({ element }) => Array.from(element.querySelectorAll("p"), (one) => one.textContent);
  await until(() => texts(page)[1] === "echo: Hello" && !input.disabled, "the answer");
  page.unmount();
  assert.equal((await call("GET", `/sessions/${id}`)).message_count, 2);

  const { messages: old } = await (await transcript(id)).json();
  const again = mounted(Chat, { id, old });
  await until(() => texts(again).length, "the old messages");
  assert.deepEqual(texts(again), ["Hello", "echo: Hello"]);
});
