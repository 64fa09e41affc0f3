const form = document.getElementById("sliders"), bandBox = document.getElementById("band");
const inputs = [...form.querySelectorAll("input[type=range]")];
let latest = null, first = null, asking = false, again = false;
const values = () => Object.fromEntries(inputs.map((input) => [input.name, Number(input.value)]));
const post = (path) => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values()) });
function lines(curve, style, name) {
  const slopes = curve.S.map((s) => (s >= 0 && s <= 60 ? s : null));
  return [[curve.photons_per_s, "y"], [slopes, "y2"]].map(([y, axis]) => ({ type: "scatter", mode: "lines", x: curve.irradiance_kW_per_cm2, y, yaxis: axis, name, showlegend: axis === "y", line: style }));
}
function show() {
  const problem = document.getElementById("problem");
  problem.hidden = !latest.problem;
  problem.textContent = latest.problem || "";
  if (latest.problem) return;
  if (bandBox.options.length === 0) for (const band of latest.bands) bandBox.add(new Option(band.transition));
  const band = latest.bands[bandBox.selectedIndex], start = first.bands[bandBox.selectedIndex];
  const rows = [["S", band.S], ["S_window", band.S_window], ["largest S at", `${band.at} kW/cm²`], ["threshold", latest.threshold], ["photons/s at the top", band.photons], ["diameter", `${latest.diameter_nm.toFixed(1)} nm`]];
  document.getElementById("numbers").replaceChildren(...rows.flatMap(([key, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = key; dd.textContent = value; return [dt, dd];
  }));
  charts.curves = {
    data: [...lines(start.curve, { color: "#767676", dash: "dash", width: 1.5 }, "start"), ...lines(band.curve, { color: "#0072b2", width: 2.5 }, "now")],
    layout: { xaxis: { type: "log", title: { text: "irradiance (kW/cm²)" }, anchor: "y2" }, yaxis: { type: "log", title: { text: "emission (photons/s)" }, domain: [0.45, 1], exponentformat: "power" },
      yaxis2: { title: { text: "local slope S" }, domain: [0, 0.38], rangemode: "tozero" }, legend: { orientation: "h", y: 1.1 }, margin: { t: 30, r: 20 } },
  };
  draw(night.matches);
}
async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  const began = performance.now();
  latest = await (await post("/solve")).json();
  if (first === null) first = latest.problem ? null : latest;
  if (first !== null) show(); else { const box = document.getElementById("problem"); box.hidden = false; box.textContent = latest.problem; }
  document.documentElement.dataset.answeredMs = (performance.now() - began).toFixed(0);
  asking = false;
  if (again) { again = false; ask(); }
}
form.addEventListener("input", (event) => { event.target.parentElement.querySelector("output").textContent = Number(event.target.value).toPrecision(4); ask(); });
form.addEventListener("submit", (event) => event.preventDefault());
bandBox.addEventListener("change", show);
document.getElementById("back").addEventListener("click", () => { form.reset(); for (const input of inputs) input.parentElement.querySelector("output").textContent = Number(input.value).toPrecision(4); ask(); });
document.getElementById("save").addEventListener("click", async () => {
  const reply = await post("/save"), text = await reply.text();
  if (!reply.ok) { latest = { problem: text }; show(); return; }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  link.download = "design.yaml"; link.click();
});
ask();
