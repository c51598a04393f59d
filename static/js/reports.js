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

const draw = () => {
  for (const chart of charts.splice(0)) chart.destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = token("--ink-3");
  Chart.defaults.borderColor = token("--rule");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const canvas of document.querySelectorAll("[data-chart]")) {
    const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    const colors = data.tokens.length ? data.tokens.map(token) : token("--state-scored");
    charts.push(
      new Chart(canvas, {
        type: data.kind,
        data: { labels: data.labels, datasets: [{ label: data.label, data: data.values, backgroundColor: colors, borderRadius: 3, maxBarThickness: 48, categoryPercentage: 0.92, barPercentage: 0.95 }] },
        options: {
          maintainAspectRatio: false,
          animation: still ? false : { duration: 250 },
          plugins: { legend: { display: false } },
          scales: {
            x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 14 } },
            y: { beginAtZero: true, ticks: { precision: 0, maxTicksLimit: 6 }, border: { display: false } },
          },
        },
      }),
    );
  }
};

draw();
document.addEventListener("longhand:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
