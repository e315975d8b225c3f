// The columns of the tables of titles and groups.

const whole = (value) => (value === null ? "" : value.toLocaleString("en"));
const share = (value) => (value === null ? "" : (100 * value).toFixed(1) + " %");

/** Key, heading and text of measures; the larger is the worse, except of the last. */
const MEASURES = [
  ["lines", "Lines", whole, ""],
  ["lines_failed", "Failed", whole, ""],
  ["lines_failed_share", "Share", share, "c-share"],
  ["lines_undecided", "Undecided", whole, "c-minor"],
  ["lines_not_drawn", "Not drawn", whole, "c-minor"],
  ["lines_too_long", "Too long", whole, "c-minor"],
  ["lines_out_of_sync", "Off sync", whole, "c-minor"],
  ["stretch_mean", "Stretch", share, "c-minor"],
];

/** The largest first; rows without a value last. */
const largestFirst = (values) => (row) => (values[row] === null ? Infinity : -values[row]);
const smallestFirst = (values) => (row) => values[row] ?? Infinity;

function measureColumns(table) {
  const columns = MEASURES.map(([key, label, text, className]) => ({
    label, className: "n " + className, cell: (row) => text(table[key][row]), order: largestFirst(table[key]),
  }));
  const sure = table.confidence_mean;
  return [...columns, {
    label: "Sure", className: "n c-minor", cell: (row) => share(sure[row]), order: smallestFirst(sure),
  }];
}

function textColumn(label, className, values) {
  return { label, className, cell: (row) => values[row], order: (row) => values[row].toLowerCase() || "\uffff" };
}

/** What is to be said of a title. */
function remark({ titles }, row) {
  if (titles.status[row] === "failed") return titles.reason[row] + ": " + titles.message[row];
  return titles.unread[row] ? "no report: " + titles.unread[row] : titles.warning[row];
}

function titleSeverity({ titles }, row) {
  if (titles.status[row] === "failed") return "error";
  return titles.warning[row] || titles.unread[row] || titles.lines_failed[row] ? "warning" : "";
}

/** The address of a title's report; empty where it has none. */
function reportAddress({ base, titles }, row) {
  const name = titles.unread[row] ? "" : titles.report[row];
  return name && base + "/" + name.split("/").map(encodeURIComponent).join("/");
}

function reportLink(data, row, text) {
  const address = reportAddress(data, row);
  if (!address) return text;
  const link = make("a", "", text);
  link.href = address;
  link.dir = "auto";
  link.tabIndex = -1; // the table is one stop of the Tab key; `o` opens the report
  return link;
}

function titleColumns(data) {
  const { titles } = data;
  const labelled = titles.show.some(Boolean) || titles.studio.some(Boolean);
  return [
    { label: "!", className: "c-mark", cell: (row) => severityCell(titleSeverity(data, row)), order: (row) => SEVERITIES.indexOf(titleSeverity(data, row)) },
    { label: "Title", className: "c-text", cell: (row) => reportLink(data, row, titles.id[row]), order: (row) => titles.id[row].toLowerCase() },
    textColumn("Language", "c-label c-language", titles.language),
    ...(labelled ? [textColumn("Studio", "c-label", titles.studio), textColumn("Show", "c-label", titles.show)] : []),
    ...measureColumns(titles),
    textColumn("To look at", "c-what", titles.id.map((_, row) => remark(data, row))),
  ];
}

function groupColumns(data, kind) {
  const groups = data.groups[kind];
  const bad = new Set(data.exceeded.filter((each) => each[0] === kind).map((each) => each[1]));
  const severity = (row) => (bad.has(groups.name[row]) ? "error" : "");
  const count = (label, key) => ({
    label, className: "n c-label c-titles", cell: (row) => whole(groups[key][row]), order: largestFirst(groups[key]),
  });
  return [
    { label: "!", className: "c-mark", cell: (row) => severityCell(severity(row)), order: (row) => SEVERITIES.indexOf(severity(row)) },
    textColumn(kind[0].toUpperCase() + kind.slice(1), "c-text", groups.name),
    ...(kind === "member" ? [textColumn("In", "c-label", groups.within)] : []),
    count("Titles", "titles"),
    ...(kind === "member" ? [] : [count("No film", "titles_failed")]),
    ...measureColumns(groups),
  ];
}
