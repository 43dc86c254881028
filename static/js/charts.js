// Draws the figures of a page when they come into view; their numbers stand in a table beside them.
"use strict";
(() => {
  const probe = document.createElement("span");
  const colour = (name) => { probe.className = `probe-${name}`; return getComputedStyle(probe).color; };
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  };
  const series = () => dark()
    ? ["#8ab4ff", "#f0a860", "#45c9a4", "#e58bc5", "#a7b1bf", "#d8c14a"]
    : ["#1d5bd6", "#b35900", "#007a5e", "#a8327d", "#5f6b7a", "#7a6a00"];
  const draw = (frame) => {
    const figure = JSON.parse(document.getElementById(frame.dataset.figure).textContent);
    const text = colour("text"), line = colour("line");
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, color: text, automargin: true };
    const layout = {
      ...figure.layout, colorway: series(), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: text }, margin: { t: 16, r: 16, b: 56, l: 56 },
      xaxis: { ...axis, ...figure.layout.xaxis }, yaxis: { ...axis, ...figure.layout.yaxis },
    };
    frame.replaceChildren();
    window.Plotly.newPlot(frame, figure.data, layout, { displayModeBar: false, responsive: true });
  };
  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(probe);
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { watch.unobserve(entry.target); draw(entry.target); }
    }, { rootMargin: "200px" });
    for (const frame of document.querySelectorAll("[data-figure]")) watch.observe(frame);
  });
})();
