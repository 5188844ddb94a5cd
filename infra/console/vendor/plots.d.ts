export { default as uPlot } from "uplot";
export const uPlotStyles: string;
