/** Charts as SVG nodes: lines and stacked bars over time, an interval on a scale, a curve; each told in words too. */

import { el } from "../core/dom.js";
import { t } from "../core/strings.js";

const WIDEST = 560; // where there is less room a chart is drawn for it, so that its words keep their size
const MARGINS = 72; // of the page and the card, at both sides, on a phone
const HIGH = 140;
const LEFT = 48;
const DOT = "m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0"; // a value that stands alone

/** An SVG element. */
export function svg(name, props = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, String(value));
  node.append(...children.flat(3));
  return node;
}

/** The next of 1, 2, 5, 10, 20, 50... at or above a number. */
function ceiling(most) {
  const power = 10 ** Math.floor(Math.log10(most || 1));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most * 0.999);
}

/** An empty field with its scale; `ends` are the words under both ends. */
function field(top, unit, ends, label, wide = Math.min(WIDEST, document.documentElement.clientWidth - MARGINS), high = HIGH) {
  const x = (share) => LEFT + share * (wide - LEFT - 6);
  const y = (value) => 6 + (1 - value / top) * (high - 30);
  const scale = [0, 0.5, 1].map((share) => [
    svg("line", { x1: LEFT, x2: wide - 6, y1: y(share * top), y2: y(share * top), class: "grid" }),
    svg("text", { x: LEFT - 6, y: y(share * top) + 4, "text-anchor": "end" }, `${Number((share * top).toPrecision(3))}${unit}`)]);
  const feet = ends.map((words, i) => svg("text", { x: x(i), y: high - 3, "text-anchor": i ? "end" : "start" }, words));
  return { x, y, picture: svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label }, scale, feet) };
}

/** Series over time; `at` are the moments in words, `series` are {name, values, tone}, where null is no value. */
export function overTime(title, at, series, unit, stacked = false) {
  const sum = (i) => series.reduce((total, { values }) => total + values[i], 0);
  const known = series.map(({ values }) => values.filter((value) => value !== null));
  const top = ceiling(Math.max(0, ...(stacked ? at.map((_, i) => sum(i)) : known.flat())));
  const told = series.map(({ name }, i) => (known[i].length ? t("chart.told", { name: t(name), last: known[i].at(-1) + unit, most: Math.max(...known[i]) + unit }) : ""));
  const { x, y, picture } = field(top, unit, [at[0], at.at(-1)], [t(title), ...told].filter(Boolean).join(". "));
  picture.append(...(stacked ? bars(at, series, x, y) : series.map((each) => line(each, x, y))));
  const key = el("ul", { class: "chart-key" }, series.map(({ name, tone }) => el("li", { class: `series-${tone}`, t: name })));
  return el("figure", { class: "card chart" }, el("figcaption", {}, el("h2", { t: title }), key), picture);
}

function line({ values, tone }, x, y) {
  const path = values.map((value, i) => {
    if (value === null) return "";
    const [before, after] = [i - 1, i + 1].map((other) => (values[other] ?? null) !== null);
    return `${before ? "L" : "M"}${x(i / (values.length - 1)).toFixed(1)} ${y(value).toFixed(1)}${before || after ? "" : DOT}`;
  });
  return svg("path", { d: path.join(""), class: `line series-${tone}` });
}

function bars(at, series, x, y) {
  const width = (x(1) - x(0)) / at.length;
  return at.flatMap((_, i) => {
    let below = 0;
    return series.filter(({ values }) => values[i]).map(({ values, tone }) => {
      const from = below;
      below += values[i];
      return svg("rect", { x: x(0) + i * width, y: y(below), width: Math.max(1, width - 0.6), height: y(from) - y(below), class: `series-${tone}` });
    });
  });
}

/** One figure of 0..1 with its interval. */
export function interval({ mean, low, high }) {
  const x = (value) => 4 + Math.min(1, Math.max(0, value)) * 192;
  return svg("svg", { viewBox: "0 0 200 20", class: "interval series-0", "aria-hidden": "true" },
    svg("line", { x1: 4, x2: 196, y1: 10, y2: 10, class: "grid" }), svg("line", { x1: x(low), x2: x(high), y1: 10, y2: 10, class: "line" }), svg("circle", { cx: x(mean), cy: 10, r: 4 }));
}

/** A curve through points of 0..1; words for both axes. */
export function curve(title, points, across, up) {
  const { x, y, picture } = field(1, "", ["0", "1"], `${t(title)}: ${t(up)}, ${t(across)}`, WIDEST / 2, 180);
  picture.append(svg("path", { d: points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join(""), class: "line series-0" }));
  return el("figure", { class: "card chart square" }, el("figcaption", {}, el("h2", { t: title })), picture, el("p", { class: "hint" }, el("span", { t: up }), " / ", el("span", { t: across })));
}
