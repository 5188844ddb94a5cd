// Loaded with the first block of code.
export { default as highlight } from "highlight.js/lib/common";
