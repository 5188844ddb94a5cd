/** A model's words: markdown that grows, code with its language and a button to copy it. */

import { LitElement, css, html } from "../vendor.js";
import { copied } from "../lib/clipboard.js";
import { blocks } from "../lib/markdown.js";
import { theme } from "./theme.js";

/** Longer code is shown without colours: finding them would hold up the page. */
const LONGEST_CODE = 30_000;
/** @type {Promise<any> | undefined} */
let highlighting;
/** While a text grows, so many times as long as drawing it took is left to the rest of the page. */
const REST = 3;

export class Text extends LitElement {
  static properties = { text: { type: String }, isGrowing: { type: Boolean } };

  static styles = [
    theme,
    css`
      :host { display: block; background: none; overflow-wrap: anywhere; }
      :host > div > :first-child > :first-child { margin-top: 0; }
      :host > div > :last-child > :last-child { margin-bottom: 0; }
      p, ul, ol, blockquote, table, .code { margin: 0 0 0.8em; }
      p { white-space: pre-line; }
      h1, h2, h3, h4, h5, h6 { margin: 1.1em 0 0.5em; line-height: 1.3; font-size: 1.05em; }
      h1 { font-size: 1.35em; } h2 { font-size: 1.2em; }
      ul, ol { padding-inline-start: 1.5em; }
      a { color: var(--_accent); }
      blockquote { padding-inline-start: 0.9em; border-inline-start: 3px solid var(--_line); color: var(--_quiet); }
      table { display: block; overflow-x: auto; border-collapse: collapse; font-size: 0.94em; }
      th, td { padding: 5px 10px; border: 1px solid var(--_line); overflow-wrap: break-word; }
      th:not([align]) { text-align: start; }
      code { padding: 0.1em 0.35em; border-radius: 5px; background: var(--_raised); font: 0.9em/1.5 var(--_mono); }
      .code { overflow: hidden; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_raised); }
      .code header { display: flex; justify-content: space-between; align-items: center; padding: 2px 4px 2px 12px; color: var(--_quiet); font-size: 12.5px; }
      pre { margin: 0; padding: 4px 12px 12px; overflow-x: auto; }
      pre code { padding: 0; background: none; white-space: pre; }
      .hljs-comment, .hljs-quote, .hljs-meta { color: var(--_quiet); }
      .hljs-keyword, .hljs-selector-tag, .hljs-literal, .hljs-type, .hljs-name { color: light-dark(#8250df, #d2a8ff); }
      .hljs-string, .hljs-regexp, .hljs-addition, .hljs-attr { color: light-dark(#0a6640, #7ee2a8); }
      .hljs-number, .hljs-symbol, .hljs-variable, .hljs-template-variable { color: light-dark(#9a5b00, #f0b46c); }
      .hljs-title, .hljs-built_in, .hljs-section { color: light-dark(#1f5fbf, #8ab4ff); }
      .hljs-deletion { color: var(--_danger); }
    `,
  ];

  constructor() {
    super();
    this.text = "";
    this.isGrowing = false;
    /** @type {{ source: string, node: HTMLElement }[]} */
    this._shown = [];
    this._notBefore = 0;
    this._timer = 0;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this._timer);
  }

  render() {
    return html`<div></div>`;
  }

  updated() {
    clearTimeout(this._timer);
    const begun = performance.now();
    if (this.isGrowing && begun < this._notBefore) {
      this._timer = setTimeout(() => this.requestUpdate(), this._notBefore - begun);
      return;
    }
    this._draw();
    const ended = performance.now();
    this._notBefore = ended + REST * (ended - begun);
  }

  /** Draw the blocks that are others than those that are shown. */
  _draw() {
    const container = /** @type {HTMLElement} */ (this.renderRoot.querySelector("div"));
    const found = blocks(this.text);
    found.forEach(({ source, html: sanitized }, at) => {
      const isLast = at === found.length - 1;
      const isFinished = !isLast || !this.isGrowing;
      const known = this._shown[at];
      if (known?.source === source && known.node.dataset.finished === String(isFinished)) {
        return;
      }
      const node = document.createElement("section");
      node.dataset.finished = String(isFinished);
      try {
        node.innerHTML = sanitized(); // of our sanitizer alone
      } catch {
        node.textContent = source; // the parser gave up on it
      }
      for (const code of node.querySelectorAll("pre > code")) {
        this._frame(/** @type {HTMLElement} */ (code), isFinished);
      }
      if (known) {
        known.node.replaceWith(node);
      } else {
        container.append(node);
      }
      this._shown[at] = { source, node };
    });
    for (const { node } of this._shown.splice(found.length)) {
      node.remove();
    }
  }

  /** Give a code block its header, and its colours once it is whole. @param {HTMLElement} code @param {boolean} isFinished */
  _frame(code, isFinished) {
    const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
    const pre = /** @type {HTMLElement} */ (code.parentElement);
    const frame = document.createElement("div");
    const header = document.createElement("header");
    const copy = document.createElement("button");
    frame.className = "code";
    header.append(Object.assign(document.createElement("span"), { textContent: language || "text" }), copy);
    Object.assign(copy, { type: "button", className: "plain small", textContent: "Copy" });
    copy.addEventListener("click", async () => {
      copy.textContent = (await copied(code.textContent ?? "")) ? "Copied" : "Not copied";
      setTimeout(() => (copy.textContent = "Copy"), 1_500);
    });
    pre.tabIndex = 0; // so that a keyboard can scroll it
    pre.replaceWith(frame);
    frame.append(header, pre);
    if (isFinished && language && (code.textContent ?? "").length <= LONGEST_CODE) {
      this._colour(code, language);
    }
  }

  /** @param {HTMLElement} code @param {string} language */
  async _colour(code, language) {
    highlighting ??= import("../vendor/highlight.js").catch(() => (highlighting = undefined)); // without a network, code has no colours
    const { highlight } = (await highlighting) ?? {};
    if (highlight?.getLanguage(language)) {
      code.innerHTML = highlight.highlight(code.textContent ?? "", { language, ignoreIllegals: true }).value; // escaped by it
    }
  }
}

customElements.define("chatkeep-text", Text);
