/** The page's words in the language that is chosen, and dates and sizes as it writes them. */

const LANGUAGES = { en: "en", "zh-CN": "zh" };
const KEPT = "openbook.language";
let current = localStorage.getItem(KEPT);
if (!(current in LANGUAGES)) current = navigator.language.startsWith("zh") ? "zh-CN" : "en";
document.documentElement.lang = current;
const files = [""]; // those that were asked for, by what stands before the language in their names
let words = await wordsOf(current);

async function wordsOf(named) {
  const read = await Promise.all(files.map((file) => import(`../strings/${file}${LANGUAGES[named]}.js`)));
  return Object.assign({}, ...read.map((each) => each.default));
}

/** Brings in the words of the administrator's views, in this and every later language. */
export async function administratorsWords() {
  if (files.length > 1) return;
  files.push("admin.");
  words = await wordsOf(current);
}

/** The words of a key, its {values} filled in. */
export function t(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Whether there are words for a key. */
export function known(key) {
  return key in words;
}

/** What went wrong by its stable code, then in the service's own words, which are English. */
export function reason({ code, message }) {
  const words = known(`problem.${code}`) ? t(`problem.${code}`) : "";
  return [words, message || (words ? "" : code)].filter(Boolean).join(" · ");
}

/** The language that the page speaks now. */
export function language() {
  return current;
}

/** Turns to the other language and remembers it in this browser. */
export async function switchLanguage() {
  const other = current === "en" ? "zh-CN" : "en";
  words = await wordsOf(other);
  current = other;
  localStorage.setItem(KEPT, current);
  document.documentElement.lang = current;
}

/** The first characters of a text, none of them cut in half. */
export function beginning(text, length) {
  return [...text].slice(0, length).join("");
}

/** A day or, today, a time, as the language writes it. */
export function when(iso) {
  const moment = new Date(iso);
  const today = moment.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(current, today ? { timeStyle: "short" } : { dateStyle: "medium" }).format(moment);
}

/** A figure as the language writes it. */
export function figure(value, options = {}) {
  return new Intl.NumberFormat(current, options).format(value);
}

/** A number of bytes in a unit that suits it. */
export function bytes(size) {
  const [step, unit] = size < 1e3 ? [1, "byte"] : size < 1e6 ? [1e3, "kilobyte"] : size < 1e9 ? [1e6, "megabyte"] : [1e9, "gigabyte"];
  return figure(size / step, { style: "unit", unit, maximumFractionDigits: size < 1e4 ? 1 : 0 });
}

/** Milliseconds in words: 12 ms, 1.4 s. */
export function duration(milliseconds) {
  const [value, unit] = milliseconds < 1000 ? [milliseconds, "millisecond"] : [milliseconds / 1000, "second"];
  return figure(value, { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 });
}
