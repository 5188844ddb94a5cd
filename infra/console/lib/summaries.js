/** Summaries: what a model is given in place of older messages, from the message on that carries one. */

/** The text of the summary that a message carries; empty without one. @param {{ [name: string]: any }} message @returns {string} */
export const summaryOf = ({ parts }) => parts?.find((/** @type {any} */ one) => one.type === "summary")?.text ?? "";

/** Whether a message carries a summary and says nothing itself. @param {{ [name: string]: any }} message */
export const isMark = (message) => Boolean(summaryOf(message) && !message.content && !message.reasoning && !message.tool_calls?.length);
