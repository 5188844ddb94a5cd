/** A model's words as HTML that can do nothing: no script, no style, nothing that loads. */

import { DOMPurify, Marked } from "../vendor.js";

/** Markdown this long, or with a line this long, is shown as it is: parsing it would hold up the page. */
const LONGEST = 100_000;
const LONGEST_LINE = 20_000;
/** Deeper nesting than anybody writes makes the parser recurse for seconds. No part of this can match a text in two ways. */
const TOO_DEEP = /^[ \t]*(?:>[ \t]?){20,}|^[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+){20,}|\[{40,}|\({40,}|[*_]{60,}/m;

const TAGS = [
  ...["a", "b", "blockquote", "br", "code", "del", "details", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "input", "kbd"],
  ...["li", "ol", "p", "pre", "s", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"],
];
const ATTRIBUTES = ["align", "checked", "class", "disabled", "href", "rel", "start", "target", "title", "type"];
const LINKS = /^(?:https?:|mailto:)/i;

const marked = new Marked({ gfm: true, breaks: true });
marked.use({
  renderer: {
    /** Raw HTML is text, like everything that a model says. @param {{ text: string }} token */
    html: ({ text }) => escaped(text),
    /** An image would be loaded from wherever the model says: a link to it is shown. @param {{ href: string, text: string }} token */
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
  },
});

const purify = DOMPurify(globalThis.window);
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    if (!LINKS.test(node.getAttribute("href") ?? "")) {
      node.removeAttribute("href");
    }
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  if (node.tagName === "INPUT" && node.getAttribute("type") !== "checkbox") {
    node.remove();
  }
  if (node.hasAttribute("class") && !/^language-[\w+#.-]{1,40}$/.test(node.getAttribute("class") ?? "")) {
    node.removeAttribute("class");
  }
});

/** @typedef {{ source: string, html: () => string }} Block its HTML depends on its source alone, and takes time to make */

/**
 * The text as a list of blocks: while a text grows, all but the last stay the same.
 * @param {string} text
 * @returns {Block[]}
 */
export function blocks(text) {
  if (isTooMuch(text)) {
    return [plain(text)];
  }
  try {
    const tokens = marked.lexer(text);
    const { links } = tokens;
    const defined = JSON.stringify(links); // what `[words][name]` of any block leads to
    return tokens
      .filter((token) => token.type !== "space")
      .map((token) => ({
        source: token.raw.includes("[") ? `${token.raw}${defined}` : token.raw,
        html: () => safe(marked.parser(Object.assign([token], { links }))),
      }));
  } catch {
    return [plain(text)];
  }
}

/** @param {string} text @returns {Block} */
function plain(text) {
  return { source: text, html: () => `<p>${escaped(text)}</p>` };
}

/** @param {string} html */
function safe(html) {
  return purify.sanitize(html, { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false });
}

/** @param {string} text */
function isTooMuch(text) {
  return text.length > LONGEST || TOO_DEEP.test(text) || text.split("\n").some((line) => line.length > LONGEST_LINE);
}

/** @param {string} text */
export function escaped(text) {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}
