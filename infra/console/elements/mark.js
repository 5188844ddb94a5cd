/** Where a summary stands in a conversation: a line across it, with what the model is given in place of what is above. */

import { LitElement, css, html } from "../vendor.js";
import "./text.js";
import { theme } from "./theme.js";

/** What is put into it stands below the summary. */
export class Mark extends LitElement {
  static properties = { text: { type: String } };

  static styles = [
    theme,
    css`
      :host { display: block; margin: 4px 0; background: none; color: var(--_quiet); font-size: 13.5px; }
      summary { display: flex; align-items: center; gap: 10px; padding: 4px 0; cursor: pointer; list-style: none; text-align: center; }
      summary::-webkit-details-marker { display: none; }
      summary::before, summary::after { content: ""; flex: 1; min-width: 12px; border-top: 1px solid var(--_line); }
      summary span { text-decoration: underline dotted; text-underline-offset: 3px; }
      details > div { margin: 6px 0 10px; padding: 10px 14px; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_raised); }
      p { margin: 0 0 10px; }
      chatkeep-text { color: var(--_text); unicode-bidi: plaintext; }
    `,
  ];

  constructor() {
    super();
    /** The summary. */
    this.text = "";
  }

  render() {
    return html`<details>
      <summary><span>Earlier messages are summarised for the model</span></summary>
      <div>
        <p>From here on, the model is given this in place of what was said before. The conversation keeps all of its messages.</p>
        <chatkeep-text .text=${this.text}></chatkeep-text>
        <slot></slot>
      </div>
    </details>`;
  }
}

customElements.define("chatkeep-mark", Mark);
