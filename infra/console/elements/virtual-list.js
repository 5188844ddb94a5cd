/** A list that scrolls through any number of items with a bounded number of nodes. Items have whatever heights they have. */

import { LitElement, css, html, repeat } from "../vendor.js";

/** Pixels above and below the window that are kept ready. */
const AHEAD = 800;
/** So near to the end, a reader is taken to be at it. */
const NEAR = 48;

/** The list draws into the element around it, whose styles the items have; these belong among them. */
export const listStyles = css`
  chatkeep-list { display: block; overflow-y: auto; overflow-anchor: none; overscroll-behavior: contain; }
  chatkeep-list > ol { margin: 0; padding: 0; list-style: none; }
  chatkeep-list > ol > li { display: flow-root; }
`;

export class VirtualList extends LitElement {
  static properties = {
    items: { attribute: false },
    keyOf: { attribute: false },
    show: { attribute: false },
    estimate: { type: Number },
    follows: { type: Boolean },
    label: { type: String },
  };

  constructor() {
    super();
    /** @type {any[]} */
    this.items = [];
    /** The key of an item: the same for the same item, over all changes. @type {(item: any) => string} */
    this.keyOf = (item) => item.id;
    /** What an item looks like. @type {(item: any, at: number) => unknown} */
    this.show = (item) => html`${item}`;
    /** The height of an item that has not been seen yet, in pixels. */
    this.estimate = 60;
    /** Whether a reader at the end stays there while the end moves. */
    this.follows = false;
    this.label = "";
    /** @type {Map<string, number>} */
    this._heights = new Map();
    /** Where each item begins, and where the last one ends. @type {number[]} */
    this._tops = [0];
    this._first = 0;
    this._last = 0;
    this._wasAtEnd = true;
    this._latestTop = 0;
    this._hadFocus = false;
    /** @type {{ key: string, offset: number } | null} the first item in the window, and where it is in it */
    this._anchor = null;
    this._sizes = new ResizeObserver((entries) => this._resized(entries));
    this._window = new ResizeObserver(() => this._settle());
    this.addEventListener("scroll", () => this._scrolled(), { passive: true });
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this._window.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._window.disconnect();
    this._sizes.disconnect();
  }

  get isAtEnd() {
    return this.scrollHeight - this.scrollTop - this.clientHeight < NEAR;
  }

  /** Scroll to the end, and stay there if the list follows. */
  toEnd() {
    this._wasAtEnd = true;
    this._anchor = null;
    this.scrollTop = this.scrollHeight;
  }

  /** Bring an item into the window. @param {number} at */
  reveal(at) {
    const top = this._tops[at];
    const bottom = this._tops[at + 1];
    if (top < this.scrollTop) {
      this.scrollTop = top;
    } else if (bottom > this.scrollTop + this.clientHeight) {
      this.scrollTop = bottom - this.clientHeight;
    }
    this._scrolled(); // at once, else the next drawing would go back to where the reader was
  }

  /** The first item that is in the window. */
  get top() {
    return this._at(this.scrollTop);
  }

  /** The node that shows an item, where it is near the window. @param {number} at @returns {HTMLElement | null} */
  node(at) {
    return this.querySelector(`li[data-at="${at}"]`);
  }

  /** The node that shows an item, which is brought into the window. @param {number} at */
  async shown(at) {
    this.reveal(at);
    this.requestUpdate("show");
    await this.updateComplete;
    return this.node(at);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    this._hadFocus = this.matches(":focus-within");
    if (changed.has("items") || changed.has("estimate")) {
      this._place();
      this._choose(this._anchoredTop());
    }
  }

  render() {
    const shown = this.items.slice(this._first, this._last);
    return html`<ol aria-label=${this.label}>
      ${repeat(shown, this.keyOf, (item, offset) => {
        const at = this._first + offset;
        return html`<li data-at=${at} data-key=${this.keyOf(item)} aria-setsize=${this.items.length} aria-posinset=${at + 1}>
          ${this.show(item, at)}
        </li>`;
      })}
    </ol>`;
  }

  /** @param {Map<string, any>} changed */
  updated(changed) {
    const list = /** @type {HTMLElement} */ (this.firstElementChild);
    list.style.paddingTop = `${this._tops[this._first]}px`;
    list.style.paddingBottom = `${(this._tops.at(-1) ?? 0) - this._tops[this._last]}px`;
    this._sizes.disconnect();
    for (const node of list.children) {
      this._sizes.observe(node);
    }
    this._settle();
    if (this._hadFocus && this.tabIndex >= 0 && !this.matches(":focus-within")) {
      this.focus({ preventScroll: true }); // what had it has left the window
    }
    if (changed.has("items") && changed.get("items")?.length !== this.items.length) {
      this._ask(); // these may not fill the window, and nobody scrolls then
    }
  }

  /** Compute where each item begins, by what is known of the heights. */
  _place() {
    const tops = [0];
    for (const item of this.items) {
      tops.push(/** @type {number} */ (tops.at(-1)) + (this._heights.get(this.keyOf(item)) ?? this.estimate));
    }
    this._tops = tops;
  }

  /** Choose the items to show where the window begins at `top`. Returns whether they are others than before. @param {number} top */
  _choose(top) {
    const first = this._at(top - AHEAD);
    const last = Math.min(this._at(top + this.clientHeight + AHEAD) + 1, this.items.length);
    const isOther = first !== this._first || last !== this._last;
    this._first = first;
    this._last = last;
    return isOther;
  }

  /** The item at a place. @param {number} place */
  _at(place) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._tops[middle + 1] <= place) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return Math.min(low, Math.max(this.items.length - 1, 0));
  }

  /** Where the window has to begin for the reader to see what they saw. */
  _anchoredTop() {
    if (this.follows && this._wasAtEnd) {
      return Math.max(0, (this._tops.at(-1) ?? 0) - this.clientHeight);
    }
    if (this._anchor) {
      const { key, offset } = this._anchor;
      const at = this.items.findIndex((item) => this.keyOf(item) === key);
      if (at >= 0) {
        return this._tops[at] - offset;
      }
    }
    return this.scrollTop;
  }

  /** Put the window where it has to be. */
  _settle() {
    const top = this._anchoredTop();
    if (this.follows && this._wasAtEnd) {
      this.scrollTop = this.scrollHeight;
    } else if (Math.abs(top - this.scrollTop) > 1) {
      this.scrollTop = top;
    }
    if (this._choose(this.scrollTop)) {
      this.requestUpdate();
    }
  }

  _scrolled() {
    // An end that moves away is no reader who leaves it: only going up is.
    if (this.isAtEnd) {
      this._wasAtEnd = true;
    } else if (this.scrollTop < this._latestTop - 1) {
      this._wasAtEnd = false;
    }
    this._latestTop = this.scrollTop;
    this._remember();
    if (this._choose(this.scrollTop)) {
      this.requestUpdate();
    }
    this._ask();
    this.dispatchEvent(new Event("moved"));
  }

  /** Ask for more items where the window comes near to an end of them. */
  _ask() {
    if (this.scrollTop < AHEAD) {
      this.dispatchEvent(new Event("near-start"));
    }
    if (this.scrollHeight - this.scrollTop - this.clientHeight < AHEAD) {
      this.dispatchEvent(new Event("near-end"));
    }
  }

  _remember() {
    const at = this._at(this.scrollTop);
    const item = this.items[at];
    this._anchor = item === undefined ? null : { key: this.keyOf(item), offset: this._tops[at] - this.scrollTop };
  }

  /** @param {ResizeObserverEntry[]} entries */
  _resized(entries) {
    let isOther = false;
    for (const { target, borderBoxSize } of entries) {
      const key = /** @type {HTMLElement} */ (target).dataset.key ?? "";
      const height = borderBoxSize[0].blockSize;
      if (target.isConnected && this._heights.get(key) !== height) {
        this._heights.set(key, height);
        isOther = true;
      }
    }
    if (isOther) {
      this._place();
      this._choose(this._anchoredTop());
      this.requestUpdate();
    }
  }
}

customElements.define("chatkeep-list", VirtualList);
