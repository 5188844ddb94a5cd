/** The look that all elements share. Each colour is a CSS property that a page around an element may set. */

import { css } from "../vendor.js";

export const theme = css`
  :host {
    --_surface: var(--chatkeep-surface, light-dark(#ffffff, #15171c));
    --_raised: var(--chatkeep-raised, light-dark(#f5f6f8, #1d2027));
    --_hover: var(--chatkeep-hover, light-dark(#eceef2, #272b34));
    --_line: var(--chatkeep-line, light-dark(#dfe2e8, #31353f));
    --_text: var(--chatkeep-text, light-dark(#1b1e25, #e8eaef));
    --_quiet: var(--chatkeep-quiet, light-dark(#596072, #a2a9b8));
    --_accent: var(--chatkeep-accent, light-dark(#3b5bdb, #8ea6ff));
    --_on-accent: var(--chatkeep-on-accent, light-dark(#ffffff, #10131a));
    --_danger: var(--chatkeep-danger, light-dark(#b42318, #ff9d94));
    --_warning: var(--chatkeep-warning, light-dark(#8a4b00, #f0b46c));
    --_good: var(--chatkeep-good, light-dark(#18794e, #6fd3a4));
    --_font: var(--chatkeep-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
    --_mono: var(--chatkeep-mono, ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", monospace);
    --_radius: var(--chatkeep-radius, 10px);
    position: relative; /* words that are not seen stay where they scroll */
    box-sizing: border-box;
    accent-color: var(--_accent);
    color: var(--_text);
    background: var(--_surface);
    font: 15px/1.55 var(--_font);
  }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  button, input, textarea, select { font: inherit; color: inherit; }
  button {
    display: inline-flex; align-items: center; justify-content: center; gap: 6px;
    min-height: 32px; padding: 4px 12px; cursor: pointer;
    border: 1px solid var(--_line); border-radius: 8px; background: var(--_surface);
  }
  button:hover:not(:disabled) { background: var(--_hover); }
  button:disabled { cursor: default; opacity: 0.55; }
  button.primary { border-color: var(--_accent); background: var(--_accent); color: var(--_on-accent); }
  button.primary:hover:not(:disabled) { background: var(--_accent); filter: brightness(1.08); }
  button.plain { border-color: transparent; background: transparent; color: var(--_quiet); }
  button.plain:hover:not(:disabled) { background: var(--_hover); color: var(--_text); }
  button.danger { color: var(--_danger); }
  button.icon { width: 32px; padding: 0; }
  button[aria-pressed="true"] { color: var(--_accent); }
  input, textarea, select {
    padding: 6px 10px; border: 1px solid var(--_line); border-radius: 8px; background: var(--_surface);
  }
  ::placeholder { color: var(--_quiet); opacity: 1; }
  :focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
  .quiet { color: var(--_quiet); }
  .small { font-size: 13px; }
  .problem { color: var(--_danger); }
  .visually-hidden {
    position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *, *::before, *::after { animation-duration: 0.01ms !important; transition-duration: 0.01ms !important; scroll-behavior: auto !important; }
  }
`;
