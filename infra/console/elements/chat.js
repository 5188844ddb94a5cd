/** A conversation: its messages, the answer as it comes, and a place to write. */

import { createRef, css, html, nothing, ref } from "../vendor.js";
import { Conversation } from "../lib/conversation.js";
import { draftOf } from "../lib/drafts.js";
import { BROKEN, BUSY, OFFLINE } from "../lib/problem.js";
import { sentence } from "../lib/sentences.js";
import { local } from "../lib/storage.js";
import { isMark } from "../lib/summaries.js";
import "./composer.js";
import { Connected } from "./connected.js";
import "./gauge.js";
import { icons } from "./icons.js";
import "./message.js";
import { theme } from "./theme.js";
import { listStyles } from "./virtual-list.js";

const NONE = {};
/** What there is to tell of no conversation. */
const NOTHING = { isRunning: false, isCompacting: false, problem: null, state: "idle", session: null, awaitsTitle: false };
/** What stands for an answer until its first word. */
const WAITING = { message_id: "waiting", role: "assistant", content: "", isPending: true };

/**
 * `api` is the API's address, `token` a function that gives the user's token, and `session-id` the conversation; without
 * one, the first message begins a new one.
 *
 * @fires session-created `detail.session` is the new one
 * @fires session-read `detail.session` is the shown one, each time that it has been read; `detail.awaitsTitle` says that
 *   its first answer has just come
 * @fires turn-ended `detail.sessionId` is the one whose turn has ended
 * @fires problem `detail` is the Problem
 */
export class Chat extends Connected {
  static properties = {
    sessionId: { type: String, attribute: "session-id" },
    isReadOnly: { type: Boolean, attribute: "read-only" },
    _isAway: { state: true },
    _said: { state: true },
    _first: { state: true },
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
    /** @type {import("lit/directives/ref.js").Ref<import("./composer.js").Composer>} */
    this._box = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./virtual-list.js").VirtualList>} */
    this._list = createRef();
    this._wasRunning = false;
    this._wasCompacting = false;
    /** The first question of a conversation that is being made. */
    this._first = "";
    /** @type {import("../lib/problem.js").Problem | null} the problem that the page was told of */
    this._told = null;
    /** @type {any} */
    this._session = null;
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
    return html`
      ${messages.length || (conversation && (conversation.isLoading || !conversation.isRead))
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
      ${this._banner()} ${this.isReadOnly ? nothing : this._composer()} ${this._gauge()}
      <div class="visually-hidden" role="status">${this._said}</div>
    `;
  }

  _empty() {
    return this.isReadOnly ? html`<div class="empty"><p>Nothing has been said here.</p></div>` : html`<div class="empty"><h2>What is on your mind?</h2><p>Write below. The conversation is kept, and goes on after a reload.</p></div>`;
  }

  /** @param {any} message */
  _message(message) {
    const conversation = this._conversation;
    const isRunning = (conversation?.isRunning ?? true) && (message.isPending ?? false) && message.role !== "user";
    const isLocked = this.isReadOnly || conversation?.isRunning;
    return html`<chatkeep-message
      .message=${message}
      .results=${this._results[message.message_id] ?? NONE}
      ?isRunning=${isRunning}
      ?canChange=${!isLocked}
      ?canRate=${!isLocked || conversation?.isCompacting}
      @regenerate=${() => conversation && this._again(conversation, message.message_id)}
      @rate=${(/** @type {CustomEvent} */ { detail }) => (detail.done = this._rate(conversation, message.message_id, detail.value))}
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
    const canRetry = conversation?.state === "broken" || (conversation && !conversation.isRead);
    return html`<div class="banner" role="alert">
      <p class="problem">${sentence(problem)}</p>
      ${canRetry ? html`<button type="button" @click=${() => this._retry(conversation)}>Try again</button>` : nothing}
      ${canRetry && conversation.hasQuestion
        ? html`<button type="button" class="plain" @click=${this._giveUp}>Edit</button>`
        : html`<button type="button" class="plain icon" aria-label="Close" @click=${this._giveUp}>${icons.close}</button>`}
    </div>`;
  }

  _composer() {
    return html`<chatkeep-composer
      ${ref(this._box)}
      .draft=${draftOf(this.sessionId)}
      ?isRunning=${this._conversation?.isRunning ?? false}
      running=${this._conversation?.isCompacting ? "the summary" : "the answer"}
      @send=${(/** @type {CustomEvent} */ { detail }) => this._send(detail.words)}
      @stop=${this.stop}
    ></chatkeep-composer>`;
  }

  /** There is something to summarise once there is an answer. */
  _gauge() {
    const conversation = this._conversation;
    const tokens = conversation?.measured?.context_tokens ?? null;
    const canCompact = !this.isReadOnly && Boolean(conversation?.messages.some((one) => one.role === "assistant" && !one.isPending));
    return tokens === null && !canCompact
      ? nothing
      : html`<chatkeep-gauge
          .tokens=${tokens}
          .limit=${conversation?.measured?.context_limit ?? null}
          ?canCompact=${canCompact}
          ?isCompacting=${conversation?.isCompacting ?? false}
          ?isBusy=${conversation?.isRunning && !conversation.isCompacting}
          @compact=${this._compact}
          @stop=${this.stop}
        ></chatkeep-gauge>`;
  }

  /** The messages that have a place of their own: a tool's result stands with its call. */
  _shown() {
    const conversation = this._conversation;
    if (!conversation) {
      return this._first ? [{ message_id: "asked", role: "user", content: this._first, isPending: true }, WAITING] : [];
    }
    const shown = conversation.messages.filter((one) => one.role !== "tool");
    const isWaiting = conversation.isRunning && !conversation.isCompacting && !shown.some((one) => one.isPending && one.role === "assistant");
    return isWaiting ? [...shown, WAITING] : shown;
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
    this._wasRunning = false;
    this._wasCompacting = false;
    this._said = "";
    if (this.client && this.sessionId) {
      this._conversation = this._shows(new Conversation(this.client, this.sessionId));
      this._conversation.open();
    }
  }

  /** Draw what changes in a conversation, and keep the words that it returns. @param {Conversation} conversation */
  _shows(conversation) {
    conversation.addEventListener("change", () => conversation === this._conversation && this._draw());
    conversation.addEventListener("returned", (event) => {
      const { words, problem } = /** @type {CustomEvent} */ (event).detail;
      words && this._takeBack(conversation.sessionId, words);
      if (problem && conversation === this._conversation) {
        this._problem = problem;
      }
    });
    return conversation;
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
    const { isRunning, isCompacting, problem, state, session, awaitsTitle } = this._conversation ?? NOTHING;
    if (session && session !== this._session) {
      this._session = session;
      this.dispatchEvent(new CustomEvent("session-read", { detail: { session, awaitsTitle }, bubbles: true, composed: true }));
    }
    if (problem !== this._told && state !== "reconnecting") {
      this._told = problem;
      problem && this._failed(problem);
    }
    if (isRunning !== this._wasRunning || (isRunning && isCompacting !== this._wasCompacting)) {
      this._said = isRunning ? (isCompacting ? "What was said is being summarised." : "The answer is on its way.") : problem ? "" : this._outcome();
      this._wasRunning = isRunning;
      this._wasCompacting = isCompacting;
      if (state === "idle") {
        this._problem = this._problem?.code === BUSY ? null : this._problem;
        this.dispatchEvent(new CustomEvent("turn-ended", { detail: { sessionId: this.sessionId }, bubbles: true, composed: true }));
      }
    }
  }

  /** What has come of the turn that ran. */
  _outcome() {
    const isThere = isMark(this._conversation?.messages.at(-1) ?? WAITING);
    return this._wasCompacting ? (isThere ? "Earlier messages are summarised for the model." : "Nothing was summarised.") : "The answer is there.";
  }

  async _older() {
    if (this._conversation?.hasOlder) {
      await this._attempt(() => this._conversation?.loadOlder());
    }
  }

  /** Have what was said summarised, and see what comes of it. */
  _compact() {
    this._problem = null;
    this._list.value?.toEnd();
    this._conversation?.compact();
  }

  /** @param {string} words */
  async _send(words) {
    if (!this._conversation && this._first) {
      return; // one is being made
    }
    this._problem = null;
    this._box.value?.write("");
    if (this._conversation) {
      local.removeItem(draftOf(this.sessionId));
      this._list.value?.toEnd();
      this._conversation.send(words);
    } else {
      await this._begin(/** @type {import("../lib/client.js").Client} */ (this.client), words);
    }
  }

  /** Begin a conversation. Whoever has gone to another one meanwhile stays there; the question is asked all the same. @param {import("../lib/client.js").Client} client @param {string} content */
  async _begin(client, content) {
    this._first = content;
    const session = await this._attempt(() => client.post("/sessions", {}));
    this._first = "";
    if (!session) {
      this._takeBack("", content);
      return;
    }
    const conversation = this._shows(new Conversation(client, session.session_id));
    const isHere = this.isConnected && this.client === client && !this.sessionId;
    if (isHere) {
      local.setItem(draftOf(session.session_id), this._box.value?.words ?? "");
      this.sessionId = session.session_id;
      this._conversation = conversation;
    } else {
      conversation.addEventListener("change", () => conversation.isRunning || conversation.close());
    }
    local.removeItem(draftOf(""));
    this.dispatchEvent(new CustomEvent("session-created", { detail: { session, isHere }, bubbles: true, composed: true }));
    await conversation.begin(content);
  }

  /** Words that were not taken go before what has been written since. @param {string} sessionId @param {string} content */
  _takeBack(sessionId, content) {
    const name = draftOf(sessionId);
    const since = sessionId === this.sessionId && this._box.value ? this._box.value.words : local.getItem(name);
    const words = [content, since].filter(Boolean).join("\n\n");
    local.setItem(name, words);
    if (sessionId === this.sessionId) {
      this._box.value?.write(words);
    }
  }

  /** Let go of a problem, and of the question that it is about: its words come back. */
  _giveUp() {
    const conversation = this._conversation;
    this._problem = null;
    if (conversation?.state === "broken") {
      conversation.giveUp();
    } else if (conversation) {
      conversation.problem = null;
    }
    this.requestUpdate();
    this.focus();
  }

  /** @param {Conversation} conversation */
  _retry(conversation) {
    this.focus();
    this._problem = null;
    conversation.isRead ? conversation.retry() : conversation.open();
  }

  /** @param {Conversation} conversation @param {string} messageId */
  _again(conversation, messageId) {
    this.focus();
    conversation.regenerate(messageId);
  }

  /** Returns whether the rating is kept now. @param {Conversation | null} conversation @param {string} messageId @param {any} value */
  async _rate(conversation, messageId, value) {
    this._problem = null;
    return (await this._attempt(() => conversation?.rate(messageId, value).then(() => true))) ?? false;
  }

  _toNewest() {
    this._list.value?.toEnd();
    this.focus();
  }
}

customElements.define("chatkeep-chat", Chat);
