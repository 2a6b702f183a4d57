// Runs in the report: draws every metric that asks for a plot, from the figures embedded in the page.
/* global uPlot, document */
(() => {
  const results = JSON.parse(document.getElementById('results').textContent);
  const COLORS = [
    '#d62728',
    '#ff7f0e',
    '#8c564b',
    '#9467bd',
    '#bcbd22',
    '#e377c2',
    '#f7b6d2',
    '#555555',
    '#aaaaaa',
  ];
  const OWN = ['#1f77b4', '#2ca02c'];

  function colorOf(name, index) {
    return name.startsWith('sidecar') ? OWN[index % OWN.length] : COLORS[index % COLORS.length];
  }

  /** One line a peer over the cases: how a figure changes with the calls in flight or the size. */
  function linePlot(target, scenario, metric) {
    const names = [...new Set(scenario.cases.flatMap((one) => one.peers.map((peer) => peer.name)))];
    const values = names.map((name) =>
      scenario.cases.map(
        (one) => one.peers.find((peer) => peer.name === name)?.figures[metric.key].median ?? null,
      ),
    );
    draw(target, {
      title: `${metric.label} (${metric.better} is better)`,
      ticks: scenario.cases.map((one) => one.name),
      columns: values,
      series: names.map((name, index) => ({
        label: name,
        stroke: colorOf(name, index),
        width: name.startsWith('sidecar') ? 3 : 1.5,
        points: { size: 7 },
      })),
    });
  }

  /** One bar a peer, with a dot for every round. */
  function barPlot(target, measured, metric) {
    const figures = measured.peers.map((peer) => peer.figures[metric.key]);
    const rounds = Math.max(...figures.map((figure) => figure.values.length));
    const dots = Array.from({ length: rounds }, (_, round) =>
      figures.map((figure) => figure.values[round] ?? null),
    );
    draw(target, {
      title: `${measured.name}: ${metric.label} (${metric.better} is better)`,
      ticks: measured.peers.map((peer) => peer.name),
      columns: [figures.map((figure) => figure.median), ...dots],
      slanted: true,
      series: [
        {
          label: 'median',
          fill: '#1f77b488',
          stroke: '#1f77b4',
          paths: uPlot.paths.bars({ size: [0.6] }),
          points: { show: false },
        },
        ...dots.map((_, round) => ({
          label: `round ${round + 1}`,
          stroke: '#d62728',
          paths: () => null,
          points: { show: true, size: 5 },
        })),
      ],
    });
  }

  function draw(target, { title, ticks, columns, series, slanted }) {
    const all = columns.flat().filter((value) => value > 0);
    // Peers lie a hundred times apart: a linear axis would show the best one only.
    const wide = all.length > 0 && Math.max(...all) / Math.min(...all) > 20;
    const x = ticks.map((_, index) => index);
    new uPlot(
      {
        title,
        width: 1040,
        height: slanted ? 400 : 360,
        legend: { show: !slanted },
        padding: [null, slanted ? 110 : null, null, null],
        scales: {
          x: { time: false, range: [-0.5, ticks.length - 0.5] },
          y: wide ? { distr: 3 } : { range: (_, __, max) => [0, (max || 1) * 1.05] },
        },
        axes: [
          {
            splits: () => x,
            values: () => ticks,
            rotate: slanted ? 30 : 0,
            size: slanted ? 130 : 40,
            grid: { show: false },
          },
          {
            size: 80,
            values: (_, splits) =>
              splits.map((value) => (value === null ? '' : value.toLocaleString('en-US'))),
          },
        ],
        series: [{ label: '', value: (_, index) => ticks[index] ?? '' }, ...series],
      },
      [x, ...columns],
      target,
    );
  }

  for (const scenario of results.scenarios) {
    const target = document.querySelector(`[data-scenario="${scenario.name}"]`);
    for (const metric of scenario.metrics.filter((one) => one.plot)) {
      if (scenario.cases.length > 2) linePlot(target, scenario, metric);
      else for (const measured of scenario.cases) barPlot(target, measured, metric);
    }
  }
})();
