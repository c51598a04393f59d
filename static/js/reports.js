// Draws each report's chart from the JSON beside it, in the colours of the theme; redrawn when the theme changes.

const charts = [];
const token = (name) => {
  // light-dark() is resolved only where a colour is used: read it back from an element.
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
};

const number = new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 2 });

const options = (data) => {
  const values = {
    beginAtZero: true,
    stacked: data.stacked,
    ticks: { maxTicksLimit: 6, callback: (value) => number.format(value) + data.unit },
    border: { display: false },
  };
  const names = {
    stacked: data.stacked,
    grid: { display: false },
    // Names of horizontal bars are all there: the chart is as high as they need.
    ticks: data.horizontal ? { autoSkip: false, callback(value) { return shortened(data.labels[value], this.chart.width); } } : { maxRotation: 0, autoSkipPadding: 14 },
  };
  return {
    maintainAspectRatio: false,
    indexAxis: data.horizontal ? "y" : "x",
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 250 },
    interaction: { mode: "index", axis: data.horizontal ? "y" : "x", intersect: false },
    plugins: {
      legend: { display: data.series.length > 1, position: "top", align: "start", labels: { boxWidth: 10, boxHeight: 10, borderRadius: 2, useBorderRadius: true } },
      tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${number.format(item.raw)}${data.unit}` } },
    },
    scales: data.horizontal ? { x: values, y: names } : { x: names, y: values },
  };
};

// Names may take two fifths of the chart, at some 6.5 pixels a letter.
const shortened = (name, width) => {
  const most = Math.max(12, Math.floor((width * 0.4) / 6.5));
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
};

const draw = () => {
  for (const chart of charts.splice(0)) chart.destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = token("--ink-3");
  Chart.defaults.borderColor = token("--rule");
  for (const canvas of document.querySelectorAll("[data-chart]")) {
    const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    const datasets = data.series.map((each) => ({
      label: each.label,
      data: each.values,
      backgroundColor: Array.isArray(each.token) ? each.token.map(token) : token(each.token),
      borderRadius: 3,
      maxBarThickness: data.horizontal ? 22 : 48,
      categoryPercentage: 0.86,
      barPercentage: 0.94,
    }));
    charts.push(new Chart(canvas, { type: "bar", data: { labels: data.labels, datasets }, options: options(data) }));
  }
};

draw();
document.addEventListener("longhand:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
