/** A message: a question, an answer with what it cost and what one can do with it, or the place of a summary. */

import { LitElement, classMap, css, html, nothing } from "../vendor.js";
import { copied } from "../lib/clipboard.js";
import { cost, count, duration, exact, timeOfDay } from "../lib/format.js";
import { isMark, summaryOf } from "../lib/summaries.js";
import { icons } from "./icons.js";
import "./mark.js";
import "./text.js";
import { theme } from "./theme.js";

/** Why an answer ended, where that is worth a word. @type {Record<string, string>} */
const ENDINGS = {
  length: "Cut off: the answer reached its greatest length.",
  content_filter: "Stopped by the model's content filter.",
  refusal: "The model declined to answer.",
  cancelled: "Stopped.",
  timed_out: "The time was over; this is what was said until then.",
  failed: "The answer broke off.",
};

/** What may be wrong with an answer, as it is counted and as it is shown. */
const REASONS = [
  ["incorrect", "Not correct"],
  ["not_helpful", "Not helpful"],
  ["harmful", "Harmful"],
  ["other", "Something else"],
];

export class Message extends LitElement {
  static properties = {
    message: { attribute: false },
    results: { attribute: false },
    isRunning: { type: Boolean },
    canChange: { type: Boolean },
    canRate: { type: Boolean },
    _isRating: { state: true },
    _wasCopied: { state: true },
  };

  static styles = [
    theme,
    css`
      :host { display: block; padding: 10px 0; background: none; }
      .question {
        width: fit-content; max-width: 85%; margin-inline-start: auto; padding: 8px 14px;
        border-radius: 16px 16px 4px 16px; background: var(--_raised); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
      }
      .question.pending { opacity: 0.65; }
      chatkeep-text { unicode-bidi: plaintext; }
      footer { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 10px; min-height: 32px; margin-top: 4px; color: var(--_quiet); font-size: 12.5px; }
      footer .actions { display: flex; margin-inline-start: -8px; }
      details { margin: 6px 0; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_raised); }
      summary { display: flex; align-items: center; gap: 8px; padding: 6px 10px; cursor: pointer; color: var(--_quiet); font-size: 13.5px; }
      details > div { padding: 0 12px 10px; font-size: 13.5px; }
      pre { margin: 4px 0; max-height: 260px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.5 var(--_mono); }
      pre + pre { padding-top: 8px; border-top: 1px solid var(--_line); }
      .ending { margin: 6px 0 0; color: var(--_quiet); font-size: 13.5px; font-style: italic; }
      .typing { display: inline-flex; gap: 4px; padding: 10px 0; }
      .typing i { width: 7px; height: 7px; border-radius: 50%; background: var(--_quiet); animation: blink 1.2s infinite; }
      .typing i:nth-child(2) { animation-delay: 0.2s; } .typing i:nth-child(3) { animation-delay: 0.4s; }
      @keyframes blink { 50% { opacity: 0.25; } }
      form { display: grid; gap: 8px; margin: 6px 0; padding: 12px; border: 1px solid var(--_line); border-radius: var(--_radius); }
      fieldset { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 0; padding: 0; border: 0; }
      form > div { display: flex; gap: 8px; }
    `,
  ];

  constructor() {
    super();
    /** @type {any} */
    this.message = null;
    /** The results of its tool calls, by their ids. @type {Record<string, any>} */
    this.results = {};
    this.isRunning = false;
    /** Whether the answer can be made again. */
    this.canChange = false;
    this.canRate = false;
    this._isRating = false;
    /** @type {"" | "done" | "refused"} */
    this._wasCopied = "";
  }

  render() {
    const { message } = this;
    if (message.role === "user") {
      const classes = classMap({ question: true, pending: Boolean(message.isPending) });
      return html`<span class="visually-hidden">You said:</span><div class=${classes}>${message.content}</div>`;
    }
    const summary = summaryOf(message);
    if (isMark(message)) {
      return html`<chatkeep-mark .text=${summary}>${message.usage ? html`<footer>${this._used()}</footer>` : nothing}</chatkeep-mark>`;
    }
    const isWaiting = this.isRunning && !message.content && !message.reasoning && !message.tool_calls?.length;
    return html`
      ${summary ? html`<chatkeep-mark .text=${summary}></chatkeep-mark>` : nothing}
      <span class="visually-hidden">The assistant said:</span>
      ${message.reasoning ? this._reasoning(message.reasoning) : nothing}
      ${message.content ? html`<chatkeep-text .text=${message.content} ?isGrowing=${this.isRunning}></chatkeep-text>` : nothing}
      ${(message.tool_calls ?? []).map((/** @type {any} */ call) => this._call(call))}
      ${isWaiting ? html`<span class="typing" role="img" aria-label="The answer is on its way"><i></i><i></i><i></i></span>` : nothing}
      ${this._ending()} ${this._isRating ? this._ratingForm() : nothing} ${this.isRunning || message.isPending || !(message.content || message.usage) ? nothing : this._footer()}
    `;
  }

  /** @param {string} text */
  _reasoning(text) {
    return html`<details ?open=${this.isRunning && !this.message.content}>
      <summary>Reasoning</summary>
      <div><chatkeep-text .text=${text} ?isGrowing=${this.isRunning}></chatkeep-text></div>
    </details>`;
  }

  /** @param {any} call */
  _call({ id, name, args }) {
    const result = this.results[id];
    const state = result ? (result.tool_status === "success" ? "done" : "failed") : this.isRunning ? "running…" : "no result";
    return html`<details>
      <summary>${icons.tool} ${name} <span class="small">${state}</span></summary>
      <div>
        <pre tabindex="0" aria-label="What was asked">${JSON.stringify(args, null, 2)}</pre>
        ${result ? html`<pre tabindex="0" aria-label="What came back">${result.content}</pre>` : nothing}
      </div>
    </details>`;
  }

  _ending() {
    const { status, finish_reason: reason, truncated } = this.message;
    const ending = ENDINGS[status] ?? ENDINGS[reason];
    const cut = truncated ? "Only the beginning is shown here: the answer is very long." : "";
    return ending || cut ? html`<p class="ending">${[ending, cut].filter(Boolean).join(" ")}</p>` : nothing;
  }

  _footer() {
    const { message } = this;
    const rating = message.feedback?.rating;
    return html`<footer>
      <span class="actions">
        <button type="button" class="plain icon" @click=${this._copy} title="Copy" aria-label="Copy the answer">${this._wasCopied === "done" ? icons.check : icons.copy}</button>
        ${message.usage && this.canChange
          ? html`<button type="button" class="plain icon" @click=${() => this._say("regenerate")} title="Answer again" aria-label="Answer again">${icons.retry}</button>`
          : nothing}
        ${message.usage && this.canRate
          ? html`
              <button type="button" class="plain icon" aria-pressed=${rating === "thumbs_up"} @click=${() => this._rate("thumbs_up")} title="Good answer" aria-label="Good answer">${icons.thumbsUp}</button>
              <button type="button" class="plain icon bad" aria-pressed=${rating === "thumbs_down"} @click=${() => this._rate("thumbs_down")} title="Bad answer" aria-label="Bad answer">${icons.thumbsDown}</button>
            `
          : nothing}
      </span>
      ${this._wasCopied === "refused" ? html`<span role="status">Not copied: the browser does not allow it.</span>` : nothing}
      ${message.usage ? this._used() : nothing}
    </footer>`;
  }

  _used() {
    const { usage, model_name: model, response_time_ms: time, time_to_first_token_ms: first, created_at: at } = this.message;
    const { context_tokens: full, context_limit: limit } = this.message;
    const then = full && limit ? `; the context then had ${count(full)} of ${count(limit)} tokens` : "";
    const tokens = `${count(usage.input_tokens)} tokens read, ${count(usage.output_tokens)} written${usage.estimated ? " (estimated)" : ""}${then}`;
    const times = first === null || first === undefined ? "" : `first word after ${duration(first)}`;
    return html`
      <time datetime=${at} title=${exact(at)}>${timeOfDay(at)}</time>
      <span>${model}</span>
      <span title=${tokens}>${count(usage.total_tokens)} tokens</span>
      <span>${cost(usage.cost)}</span>
      <span title=${times}>${duration(time)}</span>
    `;
  }

  _ratingForm() {
    return html`<form @submit=${this._sendReason}>
      <fieldset>
        <legend class="visually-hidden">What is wrong with the answer?</legend>
        ${REASONS.map(([name, words]) => html`<label><input type="radio" name="reason" value=${name} required /> ${words}</label>`)}
      </fieldset>
      <label class="visually-hidden" for="comment">In your words</label>
      <textarea id="comment" name="comment" rows="2" maxlength="5000" placeholder="In your words, if you like"></textarea>
      <div><button class="primary">Send feedback</button><button type="button" @click=${() => this._open(false)}>Cancel</button></div>
    </form>`;
  }

  /** @param {"thumbs_up" | "thumbs_down"} rating */
  _rate(rating) {
    if (this.message.feedback?.rating === rating) {
      this._say("rate", null);
    } else if (rating === "thumbs_down") {
      this._open(!this._isRating);
    } else {
      this._say("rate", { rating });
    }
  }

  /** What was written stays until it is kept. @param {SubmitEvent} event */
  async _sendReason(event) {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const comment = String(given.get("comment") ?? "").trim();
    if (await this._say("rate", { rating: "thumbs_down", reason: String(given.get("reason")), ...(comment ? { comment } : {}) })) {
      await this._open(false);
    }
  }

  /** Open or close the form of a bad rating, with the focus in it or on the button that opens it. @param {boolean} isRating */
  async _open(isRating) {
    this._isRating = isRating;
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(isRating ? "input" : ".bad"))?.focus();
  }

  async _copy() {
    this._wasCopied = (await copied(this.message.content)) ? "done" : "refused";
    setTimeout(() => (this._wasCopied = ""), 1_500);
  }

  /** Returns whether it has been done, where whoever hears of it says so in `detail.done`. @param {string} name @param {unknown} [value] @returns {Promise<boolean>} */
  async _say(name, value) {
    const detail = { messageId: this.message.message_id, value, done: false };
    this.dispatchEvent(new CustomEvent(name, { detail }));
    return detail.done;
  }
}

customElements.define("chatkeep-message", Message);
