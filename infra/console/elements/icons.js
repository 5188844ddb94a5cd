/** The signs on buttons. Each button names itself in words beside its sign. */

import { svg } from "../vendor.js";

/** @param {string} path */
const sign = (path) => svg`<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${path} /></svg>`;

export const icons = {
  archive: sign("M4 4h16v4H4zM6 8v11h12V8M10 12h4"),
  back: sign("M15 5l-7 7 7 7"),
  check: sign("M5 12.5l4.5 4.5L19 7.5"),
  close: sign("M6 6l12 12M18 6L6 18"),
  copy: sign("M9 9h11v11H9zM15 9V4H4v11h5"),
  down: sign("M12 5v14M6 13l6 6 6-6"),
  download: sign("M12 4v11M7 11l5 5 5-5M5 20h14"),
  menu: sign("M4 7h16M4 12h16M4 17h16"),
  pencil: sign("M4 20l1-4L16 5l3 3L8 19z"),
  pin: sign("M9 4h6l-1 6 3 3H7l3-3zM12 13v7"),
  plus: sign("M12 5v14M5 12h14"),
  restore: sign("M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4"),
  retry: sign("M20 12a8 8 0 1 1-2.5-5.8M20 4v4h-4"),
  search: sign("M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20"),
  send: sign("M12 19V6M6 12l6-6 6 6"),
  sliders: sign("M4 8h8M18 8h2M4 16h2M12 16h8M15 5.5v5M9 13.5v5"),
  stop: sign("M7 7h10v10H7z"),
  thumbsDown: sign("M17 14V4M7 4h10v10l-4 6-1.5-1V15H5.5l-1-1L6 5z"),
  thumbsUp: sign("M7 10v10M17 20H7V10l4-6 1.5 1V9h6l1 1-1.500 9z"),
  tool: sign("M14 6a4 4 0 0 0 5 5l-9 9-4-4 9-9a4 4 0 0 0-1-1z"),
  trash: sign("M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13"),
};
