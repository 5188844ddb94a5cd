/** Where one writes: a box as tall as its words, which are kept as a draft, and a button that sends, or stops what was sent. */

import { LitElement, createRef, css, html, ref } from "../vendor.js";
import { local } from "../lib/storage.js";
import { icons } from "./icons.js";
import { theme } from "./theme.js";

const TALLEST = 220;
const LONGEST = 100_000;

/**
 * @fires send `detail.words` are to be sent; the box keeps them until it is told to write others
 * @fires stop
 */
export class Composer extends LitElement {
  static properties = {
    draft: { type: String },
    isRunning: { type: Boolean },
    running: { type: String },
  };

  static styles = [
    theme,
    css`
      :host { display: block; margin: 0 max(16px, calc(50% - 400px)) 14px; background: none; }
      form { display: flex; align-items: flex-end; gap: 8px; padding: 6px; border: 1px solid var(--_line); border-radius: 16px; background: var(--_surface); }
      form:focus-within { border-color: var(--_accent); }
      textarea { flex: 1; min-height: 38px; padding: 8px 10px; border: 0; background: none; resize: none; }
      textarea:focus-visible { outline: 0; }
      button { width: 38px; height: 38px; padding: 0; border-radius: 50%; }
    `,
  ];

  constructor() {
    super();
    /** The name that the words are kept under. */
    this.draft = "";
    /** Whether an answer is on its way, so that the button stops it. */
    this.isRunning = false;
    /** What it stops, in words. */
    this.running = "the answer";
    /** @type {import("lit/directives/ref.js").Ref<HTMLTextAreaElement>} */
    this._box = createRef();
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("draft")) {
      this.write(local.getItem(this.draft) ?? "");
    }
  }

  /** Put the cursor here. */
  focus() {
    this._box.value?.focus();
  }

  /** The words that stand here. */
  get words() {
    return this._box.value?.value ?? "";
  }

  /** Have other words stand here. @param {string} words */
  write(words) {
    if (this._box.value) {
      this._box.value.value = words;
      this._fit();
    }
  }

  render() {
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
      <button
        class=${this.isRunning ? "" : "primary"}
        aria-label=${this.isRunning ? `Stop ${this.running}` : "Send"}
        title=${this.isRunning ? "Stop (Esc)" : "Send (Enter)"}
        @click=${this._press}
      >
        ${this.isRunning ? icons.stop : icons.send}
      </button>
    </form>`;
  }

  /** One button, so that it keeps the focus. The second click of two neither sends nor stops. @param {MouseEvent} event */
  _press(event) {
    if (event.detail > 1 || this.isRunning) {
      event.preventDefault();
    }
    if (event.detail <= 1) {
      this._stop();
    }
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    event.preventDefault();
    const words = this.words.trim();
    if (words && !this.isRunning) {
      this.dispatchEvent(new CustomEvent("send", { detail: { words } }));
    }
  }

  _stop() {
    if (this.isRunning) {
      this.dispatchEvent(new Event("stop"));
    }
  }

  _typed() {
    local.setItem(this.draft, this.words);
    this._fit();
  }

  /** Make the box as tall as its words. */
  _fit() {
    const box = /** @type {HTMLTextAreaElement} */ (this._box.value);
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, TALLEST)}px`;
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.key === "Enter" && !event.shiftKey && !isComposing(event)) {
      event.preventDefault();
      /** @type {HTMLFormElement} */ (this.renderRoot.querySelector("form")).requestSubmit();
    } else if (event.key === "Escape" && !isComposing(event)) {
      this._stop();
    }
  }
}

/** Whether a key is for an input method; 229 is how Safari says it of the last one. @param {KeyboardEvent} event */
function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

customElements.define("chatkeep-composer", Composer);
