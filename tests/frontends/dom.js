// A browser without a window, for React.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html>", { pretendToBeVisual: true });
const { document, FormData, HTMLElement } = window;
Object.assign(globalThis, { window, document, FormData, HTMLElement });
const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");

// The element that a component is shown in, and what shows it anew or takes it away.
export function mounted(component, properties = {}) {
  const element = document.body.appendChild(document.createElement("main"));
  const root = createRoot(element);
  const render = () => root.render(createElement(component, properties));
  render();
  return { element, render, unmount: () => root.unmount() };
}
