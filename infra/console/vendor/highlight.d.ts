export { default as highlight } from "highlight.js/lib/common";
