// Loaded with the page of usage.
export { default as uPlot } from "uplot";
export { default as uPlotStyles } from "uplot/dist/uPlot.min.css";
