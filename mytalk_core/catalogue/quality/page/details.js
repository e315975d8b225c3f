// The panel of a row: everything that was measured of a title or group.

const frames = (value) => value.toFixed(1) + " frames of 1/25 s";
const seconds = (value) => value.toFixed(2) + " s";

/** Terms and texts of the measures that a row has. */
function measured(table, row) {
  const at = (key) => table[key][row];
  if (at("lines") === null) return [];
  const found = [
    ["lines", whole(at("lines"))],
    ["failed", whole(at("lines_failed")) + (at("lines") ? ", " + share(at("lines_failed_share")) : "")],
    ["lips drawn", whole(at("lines_drawn"))],
    ["off-screen", whole(at("lines_off_screen"))],
    ["no certain speaker", whole(at("lines_undecided"))],
    ["not drawn", whole(at("lines_not_drawn"))],
  ];
  if (at("lines_fitted")) {
    found.push(
      ["too long", whole(at("lines_too_long")) + ", by up to " + seconds(at("excess_largest"))],
      ["stretch", share(at("stretch_mean")) + " on average, at most " + share(at("stretch_largest"))],
    );
  }
  if (at("lines")) {
    found.push(["speaker sure", share(at("confidence_mean")) + " on average, at least " + share(at("confidence_least"))]);
    found.push(["uncertain", whole(at("lines_unsure")) + " below 80 %"]);
  }
  if (at("lines_judged")) {
    found.push(
      ["lips judged", whole(at("lines_judged")) + " lines"],
      ["off sync", whole(at("lines_out_of_sync"))],
      ["offset", frames(at("offset_mean")) + " on average, at most " + at("offset_largest").toFixed(0)],
      ["sync confidence", at("sync_confidence_mean").toFixed(2)],
    );
  }
  return found;
}

function termList(rows) {
  const list = make("dl");
  for (const [term, text] of rows) list.append(make("dt", "", term), make("dd", "", text));
  return list;
}

function panelHead(kicker, name) {
  const head = make("div", "rowhead"), text = make("div");
  const title = make("h3", "", name);
  title.dir = "auto";
  text.append(make("p", "kicker", kicker), title);
  head.append(text, closeButton("Close"));
  return head;
}

function showTitle(panel, data, row) {
  const { titles } = data, at = (key) => titles[key][row];
  const parts = [panelHead("Title", at("id"))];
  const text = remark(data, row);
  if (text) {
    const said = make("p", "verdict " + (at("status") === "failed" ? "bad" : "look"), text);
    said.dir = "auto";
    parts.push(said);
  }
  const facts = [["language", at("language")], ["studio", at("studio")], ["show", at("show")], ["film", at("source")], ["members", at("members").join(", ")]];
  parts.push(termList([...facts.filter(([, value]) => value), ...measured(titles, row)]));
  if (reportAddress(data, row)) {
    const link = reportLink(data, row, "Report of the title");
    link.tabIndex = 0;
    parts.push(link, make("code", "small soft", at("report")));
  }
  panel.replaceChildren(...parts);
}

function showGroup(panel, kind, groups, row, onTitles) {
  const at = (key) => groups[key][row];
  const facts = [
    ["in", at("within")], ["titles", whole(at("titles"))],
    ["without a film", whole(at("titles_failed"))], ["to be reviewed", whole(at("titles_warned"))],
    ["without a report", at("titles_unread") ? whole(at("titles_unread")) : ""],
  ];
  const shown = kind === "member" ? facts.slice(0, 2) : facts;
  const button = make("button", "", "Show its titles");
  button.type = "button";
  button.addEventListener("click", onTitles);
  panel.replaceChildren(
    panelHead(kind, at("name")), termList([...shown.filter(([, value]) => value), ...measured(groups, row)]), button,
  );
}
