const charts = JSON.parse(document.getElementById("charts").textContent);
const night = window.matchMedia("(prefers-color-scheme: dark)");
function themed(layout, dark) {
  const ink = dark ? "#e7eaee" : "#1b1f24", grid = dark ? "#363d46" : "#e4e4e4";
  const themed = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 13, family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" } };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    themed[key] = { gridcolor: grid, linecolor: ink, zeroline: false, showline: true, ticks: "outside", ...layout[key] };
  }
  return themed;
}
function draw(dark) {
  for (const [id, chart] of Object.entries(charts)) {
    Plotly.react(id, chart.data, themed(chart.layout, dark), { responsive: true, displaylogo: false, showSendToCloud: false });
  }
  document.documentElement.dataset.drawn = "yes";
}
draw(night.matches);
night.addEventListener("change", () => draw(night.matches));
window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; draw(false); });
window.addEventListener("afterprint", () => draw(night.matches));
