// A page of an app, in a browser without a window: a component that shows a chat of AI SDK's useChat.
import { setTimeout as pause } from "node:timers/promises";
import { JSDOM } from "jsdom";
import { headers, until, url } from "./api.js";

const { window } = new JSDOM("<!doctype html>");
Object.assign(globalThis, { window, document: window.document });
const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");

const PACKAGES = { 6: ["ai-6", "@ai-sdk/react-3"], 7: ["ai", "@ai-sdk/react"] };
const [core, hooks] = PACKAGES[process.env.AI];
const { DefaultChatTransport } = await import(core);
const { useChat } = await import(hooks);

export class Page {
  #root;
  #element = document.createElement("main");

  constructor(options, transport = {}) {
    const chosen = { api: `${url}/chat`, headers, ...transport };
    const given = { transport: new DefaultChatTransport(chosen), ...options };
    const App = () => {
      this.chat = useChat(given);
      return createElement("ol", null, this.chat.messages.map(shown));
    };
    this.#root = createRoot(this.#element);
    this.#root.render(createElement(App));
  }

  // What a reader sees: the text of each message.
  get texts() {
    return Array.from(this.#element.querySelectorAll("li"), (one) => one.textContent);
  }

  // The messages as JSON has them.
  get messages() {
    return JSON.parse(JSON.stringify(this.chat.messages));
  }

  until(holds, what = String(holds)) {
    return until(() => this.chat && holds(this.chat, this.texts), what);
  }

  // The end of what the chat is doing, shown.
  async said() {
    await pause(0); // React renders what has happened so far
    await this.until(({ status }) => status === "ready" || status === "error", "the end of the answer");
    return this;
  }

  async say(text, more = {}) {
    await this.until(({ status }) => status, "a chat");
    await this.chat.sendMessage({ text, ...more });
    return this.said();
  }

  close() {
    this.#root.unmount();
  }
}

function shown(message) {
  const words = message.parts.filter((part) => part.type === "text").map((part) => part.text);
  return createElement("li", { key: message.id }, words.join(""));
}
