/** The elements to embed: `<chatkeep-chat>`, `<chatkeep-sessions>`, `<chatkeep-usage>`, `<chatkeep-settings>`. */

export { Chat } from "./elements/chat.js";
export { Sessions } from "./elements/sessions.js";
export { Settings } from "./elements/settings.js";
export { Usage } from "./elements/usage.js";
export { Client } from "./lib/client.js";
export { Problem } from "./lib/problem.js";
