// A page of an app, in a browser without a window: a component that shows a chat of AI SDK's useChat.
import { headers, until, url } from "./api.js";
import { mounted } from "./dom.js";

const { createElement } = await import("react");
const { flushSync } = await import("react-dom");

const PACKAGES = { 6: ["ai-6", "@ai-sdk/react-3"], 7: ["ai", "@ai-sdk/react"] };
const [core, hooks] = PACKAGES[process.env.AI];
const { DefaultChatTransport } = await import(core);
const { Chat, useChat } = await import(hooks);

export class Page {
  #shown;

  // An app that `holdsChat` makes the chat itself: one of useChat in AI SDK 6 does not take up a stream that broke off.
  constructor(options, transport = {}, { holdsChat = false } = {}) {
    const chosen = { api: `${url}/chat`, headers, ...transport };
    const made = { transport: new DefaultChatTransport(chosen), ...options };
    const given = holdsChat ? { chat: new Chat(made) } : made;
    const App = () => {
      this.chat = useChat(given);
      return createElement("ol", null, this.chat.messages.map(shown));
    };
    this.#shown = mounted(App);
  }

  // What a reader sees: the text of each message.
  get texts() {
    return Array.from(this.#shown.element.querySelectorAll("li"), (one) => one.textContent);
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
    flushSync(() => this.#shown.render()); // else the chat that is looked at may be that of before
    await this.until(({ status }) => status === "ready" || status === "error", "the end of the answer");
    return this;
  }

  async send(message) {
    await this.until(({ status }) => status, "a chat");
    await this.chat.sendMessage(message);
  }

  async say(text) {
    await this.send({ text });
    return this.said();
  }

  close() {
    this.#shown.unmount();
  }
}

function shown(message) {
  const words = message.parts.filter((part) => part.type === "text").map((part) => part.text);
  return createElement("li", { key: message.id }, words.join(""));
}
