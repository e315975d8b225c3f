// Elements, packed values, numbers and files of a page.

const element = (id) => document.getElementById(id);

/** Create an element; texts are never read as HTML. */
function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The button that closes a panel, which has one at a time. */
function closeButton(label) {
  const close = make("button", "close", "×");
  close.type = "button";
  close.id = "close-panel";
  close.setAttribute("aria-label", label);
  return close;
}

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(element(id).textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const percent = (share) => Math.round(100 * share) + " %";
const signed = (value, digits) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
const SEVERITIES = ["error", "warning", "note", ""]; // the worst first; the last is "no finding"
const SEVERITY_MARKS = { error: "●", warning: "▲", note: "○", "": "" };

function severityCell(severity) {
  const mark = make("span", "mark " + severity, SEVERITY_MARKS[severity]);
  if (severity) {
    mark.title = severity;
    mark.setAttribute("aria-label", severity);
    mark.setAttribute("role", "img");
  }
  return mark;
}

/** Offer a table as a file; a cell that a spreadsheet could take for a formula is quoted. */
function download(name, rows) {
  const cell = (value) => {
    const text = String(value ?? "");
    return '"' + (/^[=+\-@\t\r]/.test(text) && isNaN(text) ? "'" + text : text).replaceAll('"', '""') + '"';
  };
  const csv = "\ufeff" + rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
