// What vendor.js has, for the check of types: the packages say it themselves.
export { LitElement, css, html, nothing, svg, unsafeCSS } from "lit";
export { classMap } from "lit/directives/class-map.js";
export { live } from "lit/directives/live.js";
export { createRef, ref } from "lit/directives/ref.js";
export { repeat } from "lit/directives/repeat.js";
export { createParser } from "eventsource-parser";
export { Marked } from "marked";
export { default as DOMPurify } from "dompurify";
