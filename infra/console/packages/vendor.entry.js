// What the first view needs of packages: Lit, its directives, a reader of event streams, markdown and its sanitizer.
export { LitElement, css, html, nothing, svg, unsafeCSS } from "lit";
export { classMap } from "lit/directives/class-map.js";
export { live } from "lit/directives/live.js";
export { createRef, ref } from "lit/directives/ref.js";
export { repeat } from "lit/directives/repeat.js";
export { createParser } from "eventsource-parser";
export { Marked } from "marked";
export { default as DOMPurify } from "dompurify";
