/** Line drawings on a field of 24 by 24, in the colour of the text around them. */

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  back: "M14.500 6l-6 6 6 6",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  delete: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.500 11v4.500M13.500 11v4.500",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  down: "M7 14V4h10l2.500 7.500a1.500 1.500 0 0 1-1.500 2h-4.500l.500 4.500a2 2 0 0 1-3.500 1.500L7 14H4V4h3",
  download: "M12 4v11M7.500 11L12 15.500 16.500 11M5 19.500h14",
  edit: "M5 19h4L19.500 8.500l-4-4L5 15zM13 7l4 4",
  filter: "M4 6.500h16M7 12h10M10 17.500h4",
  forward: "M9.500 6l6 6-6 6",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3.500 12h17M12 3c2.300 2.500 3.500 5.500 3.500 9s-1.200 6.500-3.500 9c-2.300-2.500-3.500-5.500-3.500-9s1.200-6.500 3.500-9z",
  leave: "M14 5H6v14h8M11 12h9M17 8.500l3.500 3.500-3.500 3.500",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.500M12 7.500h.01",
  list: "M4 6.500h16M4 12h16M4 17.500h10",
  minus: "M5 12h14",
  new: "M12 5v14M5 12h14",
  ok: "M5 12.500l4.500 4.500L19 7.500",
  retry: "M19 12a7 7 0 1 1-2.200-5.100M19 4v4h-4",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20 20",
  send: "M12 19V5M6 11l6-6 6 6",
  settings: "M4 8h9M17 8h3M4 16h3M11 16h9M15 5.800v4.400M9 13.800v4.400",
  share: "M12 15V4M8 8l4-4 4 4M6 12H5v8h14v-8h-1",
  shut: "M6 5.500A1.500 1.500 0 0 1 7.500 4H18v16H7.500A1.500 1.500 0 0 1 6 18.500zM6 18.500A1.500 1.500 0 0 1 7.500 17H18M10 8h4",
  stop: "M7.500 7.500h9v9h-9z",
  up: "M7 10v10h10l2.500-7.500a1.500 1.500 0 0 0-1.500-2h-4.500L14 6a2 2 0 0 0-3.500-1.500L7 10H4v10h3",
  upload: "M12 16V5M7.500 9.500L12 5l4.500 4.500M5 19.500h14",
};

/** A drawing, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
