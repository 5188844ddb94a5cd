/** A conversation: its messages, the answer as it comes, and a place to write. */

import { createRef, css, html, nothing, ref } from "../vendor.js";
import { Conversation } from "../lib/conversation.js";
import { BROKEN, OFFLINE } from "../lib/problem.js";
import { sentence } from "../lib/sentences.js";
import { OF_DRAFTS as DRAFT } from "../lib/sign-in.js";
import { Connected } from "./connected.js";
import { icons } from "./icons.js";
import "./message.js";
import { theme } from "./theme.js";
import { listStyles } from "./virtual-list.js";

const TALLEST = 220;
const LONGEST = 100_000;
const NONE = {};

/**
 * `api` is the API's address, `token` a function that gives the user's token, and `session-id` the conversation; without
 * one, the first message begins a new one.
 *
 * @fires session-created `detail.session` is the new one
 * @fires turn-ended `detail.sessionId` is the one whose turn has ended
 * @fires problem `detail` is the Problem
 */
export class Chat extends Connected {
  static properties = {
    sessionId: { type: String, attribute: "session-id" },
    isReadOnly: { type: Boolean, attribute: "read-only" },
    _isAway: { state: true },
    _said: { state: true },
  };

  static styles = [
    theme,
    listStyles,
    css`
      :host { display: flex; flex-direction: column; min-height: 0; height: 100%; }
      chatkeep-list { flex: 1; min-height: 0; padding: 0 max(16px, calc(50% - 400px)); }
      .empty { margin: auto; padding: 24px; text-align: center; color: var(--_quiet); }
      .empty h2 { margin: 0 0 4px; color: var(--_text); font-size: 1.3em; }
      .banner { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; margin: 0 max(16px, calc(50% - 400px)) 8px; padding: 8px 12px; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_raised); font-size: 14px; }
      .banner p { flex: 1; margin: 0; min-width: 200px; }
      .away { position: relative; height: 0; text-align: center; }
      .away button { position: relative; bottom: 44px; border-radius: 999px; box-shadow: 0 1px 6px rgb(0 0 0 / 18%); }
      form { margin: 0 max(16px, calc(50% - 400px)) 14px; display: flex; align-items: flex-end; gap: 8px; padding: 6px; border: 1px solid var(--_line); border-radius: 16px; background: var(--_surface); }
      form:focus-within { border-color: var(--_accent); }
      textarea { flex: 1; min-height: 38px; padding: 8px 10px; border: 0; background: none; resize: none; }
      textarea:focus-visible { outline: 0; }
      form button { width: 38px; height: 38px; padding: 0; border-radius: 50%; }
    `,
  ];

  constructor() {
    super();
    this.sessionId = "";
    this.isReadOnly = false;
    this._isAway = false;
    this._said = "";
    /** @type {Conversation | null} */
    this._conversation = null;
    /** @type {import("lit/directives/ref.js").Ref<HTMLTextAreaElement>} */
    this._box = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./virtual-list.js").VirtualList>} */
    this._list = createRef();
    this._wasRunning = false;
    this._isCreating = false;
    /** @type {Record<string, any>} */
    this._results = {};
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._conversation?.close();
    this._conversation = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.hasUpdated) {
      this._open();
    }
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    if (changed.has("sessionId") || changed.has("client")) {
      this._open();
    }
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("sessionId")) {
      const box = this._box.value;
      if (box) {
        box.value = localStorage.getItem(DRAFT + this.sessionId) ?? "";
        this._fit();
      }
    }
  }

  /** Put the cursor where one writes. */
  focus() {
    this._box.value?.focus();
  }

  /** Stop the answer that is on its way. */
  stop() {
    return this._conversation?.isRunning && this._conversation.state !== "stopping" ? this._conversation.stop() : undefined;
  }

  render() {
    const conversation = this._conversation;
    const messages = this._shown();
    this._results = conversation?.results ?? {};
    const isRunning = conversation?.isRunning ?? false;
    return html`
      ${messages.length || conversation?.isLoading
        ? html`<chatkeep-list
            ${ref(this._list)}
            role="log"
            aria-live="off"
            tabindex="0"
            label="Messages"
            follows
            estimate="140"
            .items=${messages}
            .keyOf=${(/** @type {any} */ one) => one.message_id}
            .show=${(/** @type {any} */ one) => this._message(one)}
            @near-start=${() => this._older()}
            @moved=${() => (this._isAway = !this._list.value?.isAtEnd)}
          ></chatkeep-list>`
        : this._empty()}
      ${this._isAway && messages.length
        ? html`<div class="away"><button type="button" class="icon" @click=${this._toNewest} aria-label="To the newest message">${icons.down}</button></div>`
        : nothing}
      ${this._banner()} ${this.isReadOnly ? nothing : this._composer(isRunning)}
      <div class="visually-hidden" role="status">${this._said}</div>
    `;
  }

  _empty() {
    return html`<div class="empty"><h2>What is on your mind?</h2><p>Write below. The conversation is kept, and goes on after a reload.</p></div>`;
  }

  /** @param {any} message */
  _message(message) {
    const conversation = /** @type {Conversation} */ (this._conversation);
    const isRunning = conversation.isRunning && (message.isPending ?? false) && message.role !== "user";
    return html`<chatkeep-message
      .message=${message}
      .results=${this._results[message.message_id] ?? NONE}
      ?isRunning=${isRunning}
      ?canChange=${!this.isReadOnly && !conversation.isRunning}
      @regenerate=${() => this._again(conversation, message.message_id)}
      @rate=${(/** @type {CustomEvent} */ { detail }) => this._attempt(() => conversation.rate(message.message_id, detail.value))}
    ></chatkeep-message>`;
  }

  _banner() {
    const conversation = this._conversation;
    const problem = this._problem ?? conversation?.problem;
    if (conversation?.state === "reconnecting") {
      const why = navigator.onLine ? `${sentence(problem ?? { code: BROKEN })} Going on…` : sentence({ code: OFFLINE });
      return html`<div class="banner" role="status"><p>${why}</p></div>`;
    }
    if (!problem) {
      return nothing;
    }
    const canRetry = conversation?.state === "broken";
    return html`<div class="banner" role="alert">
      <p class="problem">${sentence(problem)}</p>
      ${canRetry ? html`<button type="button" @click=${() => conversation && this._retry(conversation)}>Try again</button><button type="button" class="plain" @click=${this._giveUp}>Edit</button>` : nothing}
      ${!canRetry ? html`<button type="button" class="plain icon" aria-label="Close" @click=${this._dismiss}>${icons.close}</button>` : nothing}
    </div>`;
  }

  /** @param {boolean} isRunning */
  _composer(isRunning) {
    return html`<form @submit=${this._submit}>
      <textarea
        ${ref(this._box)}
        rows="1"
        maxlength=${LONGEST}
        placeholder="Write a message"
        aria-label="Message"
        @input=${this._typed}
        @keydown=${this._key}
      ></textarea>
      <button class=${isRunning ? "" : "primary"} aria-label=${isRunning ? "Stop the answer" : "Send"} title=${isRunning ? "Stop (Esc)" : "Send (Enter)"} @click=${this._press}>
        ${isRunning ? icons.stop : icons.send}
      </button>
    </form>`;
  }

  /** The messages that have a place of their own: a tool's result stands with its call. */
  _shown() {
    const conversation = this._conversation;
    if (!conversation) {
      return [];
    }
    const shown = conversation.messages.filter((one) => one.role !== "tool");
    const isWaiting = conversation.isRunning && !shown.some((one) => one.isPending && one.role === "assistant");
    return isWaiting ? [...shown, { message_id: "waiting", role: "assistant", content: "", isPending: true }] : shown;
  }

  _open() {
    const shown = this._conversation;
    if (shown && shown.client === this.client && shown.sessionId === this.sessionId) {
      return;
    }
    shown?.close();
    this._conversation = null;
    this._problem = null;
    this._isAway = false;
    if (!this.client || !this.sessionId) {
      return;
    }
    const conversation = new Conversation(this.client, this.sessionId);
    this._conversation = conversation;
    conversation.addEventListener("change", () => this._draw());
    this._opening = this._attempt(() => conversation.open());
  }

  /** Draw at most once per frame: tokens come faster. */
  _draw() {
    if (!this._isDrawing) {
      this._isDrawing = true;
      const draw = () => {
        this._isDrawing = false;
        this._tell();
        this.requestUpdate();
      };
      if (document.hidden) {
        setTimeout(draw, 200);
      } else {
        requestAnimationFrame(draw);
      }
    }
  }

  /** Say in words, for those who do not see it, that an answer comes and is there. */
  _tell() {
    const isRunning = this._conversation?.isRunning ?? false;
    if (isRunning !== this._wasRunning) {
      this._wasRunning = isRunning;
      this._said = isRunning ? "The answer is on its way." : "The answer is there.";
      if (!isRunning) {
        this.dispatchEvent(new CustomEvent("turn-ended", { detail: { sessionId: this.sessionId }, bubbles: true, composed: true }));
      }
    }
  }

  async _older() {
    if (this._conversation?.hasOlder) {
      await this._attempt(() => this._conversation?.loadOlder());
    }
  }

  /** One button, so that it keeps the focus: it sends, or stops what was sent. The second click of two is for neither. @param {MouseEvent} event */
  _press(event) {
    if (event.detail > 1 || this._conversation?.isRunning) {
      event.preventDefault();
    }
    if (event.detail <= 1) {
      this.stop();
    }
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    const box = /** @type {HTMLTextAreaElement} */ (this._box.value);
    const content = box.value.trim();
    if (!content || this._conversation?.isRunning) {
      return;
    }
    if (this._isCreating || (!this._conversation && !(await this._create()))) {
      return;
    }
    box.value = "";
    localStorage.removeItem(DRAFT + this.sessionId);
    this._fit();
    this._problem = null;
    this._list.value?.toEnd();
    await this._attempt(() => this._conversation?.send(content));
  }

  /** Begin a conversation. Returns whether there is one now. */
  async _create() {
    this._isCreating = true;
    const session = await this._attempt(() => this.client?.post("/sessions", {}));
    this._isCreating = false;
    if (!session) {
      return false;
    }
    localStorage.removeItem(DRAFT);
    this.sessionId = session.session_id;
    this.dispatchEvent(new CustomEvent("session-created", { detail: { session }, bubbles: true, composed: true }));
    this._open();
    await this._opening;
    return true;
  }

  _giveUp() {
    const box = /** @type {HTMLTextAreaElement} */ (this._box.value);
    box.value = this._conversation?.giveUp() ?? "";
    this._dismiss();
    this._fit();
  }

  _dismiss() {
    this._problem = null;
    if (this._conversation) {
      this._conversation.problem = null;
    }
    this.requestUpdate();
    this.focus();
  }

  /** @param {Conversation} conversation */
  _retry(conversation) {
    this.focus();
    conversation.retry();
  }

  /** @param {Conversation} conversation @param {string} messageId */
  _again(conversation, messageId) {
    this.focus();
    conversation.regenerate(messageId);
  }

  _toNewest() {
    this._list.value?.toEnd();
    this.focus();
  }

  _typed() {
    localStorage.setItem(DRAFT + this.sessionId, /** @type {HTMLTextAreaElement} */ (this._box.value).value);
    this._fit();
  }

  /** Make the box as tall as its words. */
  _fit() {
    const box = this._box.value;
    if (box) {
      box.style.height = "auto";
      box.style.height = `${Math.min(box.scrollHeight, TALLEST)}px`;
    }
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      /** @type {HTMLFormElement} */ (this.renderRoot.querySelector("form")).requestSubmit();
    } else if (event.key === "Escape") {
      this.stop();
    }
  }

  /** @param {import("../lib/problem.js").Problem} problem */
  _failed(problem) {
    this.dispatchEvent(new CustomEvent("problem", { detail: problem, bubbles: true, composed: true }));
  }
}

customElements.define("chatkeep-chat", Chat);
