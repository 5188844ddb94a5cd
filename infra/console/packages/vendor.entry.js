// What the console's pages need of packages, as one file. Lit, its directives, a reader of event streams, markdown and its
// sanitizer, and plots: some of it is needed by the first view, and the rest is small.
export { LitElement, css, html, nothing, svg, unsafeCSS } from "lit";
export { classMap } from "lit/directives/class-map.js";
export { live } from "lit/directives/live.js";
export { createRef, ref } from "lit/directives/ref.js";
export { repeat } from "lit/directives/repeat.js";
export { createParser } from "eventsource-parser";
export { Marked } from "marked";
export { default as DOMPurify } from "dompurify";
export { default as uPlot } from "uplot";
export { default as uPlotStyles } from "uplot/dist/uPlot.min.css";
