// The panel of a line: who says it and why, how it fits, and how its lips look.

/** Fill the panel with a line. */
function showLine(panel, data, line) {
  const { lines, members, facts } = data;
  const member = lines.member[line] < 0 ? null : members[lines.member[line]];
  const text = make("p", "said", lines.text[line]), seen = make("div", "column"), known = make("div", "column");
  text.dir = "auto";
  const parts = [lineHead(data, line, member), lineFindings(data, line), text, lineMedia(lines.number[line], facts), lineMouth(data, line)];
  seen.append(...parts.filter(Boolean));
  known.append(lineWho(lines, line, member), lineFit(data, line));
  panel.replaceChildren(seen, known);
  panel.scrollTop = 0;
}

function lineHead({ lines, facts }, line, member) {
  const head = make("div", "linehead"), picture = element("picture-" + lines.member[line]);
  if (picture) {
    const image = make("img");
    image.src = picture.src;
    image.alt = "";
    head.append(image);
  }
  const texts = make("div"), name = make("h3", "", "Line " + lines.number[line]);
  const who = make("p", "who", member ? member.name : lines.character[line] || "speaker unknown");
  who.dir = "auto";
  const times = [lines.frame[line], lines.end_frame[line]].map((frame) => timecode(facts, frame));
  texts.append(name, who, make("p", "soft tc", times.join(" to ")));
  head.append(texts, closeButton("Close this line"));
  return head;
}

function lineFindings({ findings, lines }, line) {
  const list = make("ul", "findings");
  findings.line.forEach((number, index) => {
    if (number !== lines.number[line]) return;
    const severity = findings.severity[index], item = make("li", severity);
    item.append(make("span", "mark", SEVERITY_MARKS[severity]), make("b", "", severity + " "), document.createTextNode(findings.text[index]));
    list.append(item);
  });
  return list.children.length ? list : null;
}

/** Clip and pictures, which wait in the page as text until they are needed. */
function lineMedia(number, facts) {
  const stored = element("media-" + number);
  if (!stored) return null;
  const media = JSON.parse(stored.textContent), part = make("div", "media");
  if (media.player) {
    const video = make("video");
    video.controls = true;
    video.src = media.player;
    video.preload = "metadata";
    video.playsInline = true;
    video.setAttribute("aria-label", "The dubbed line");
    part.append(video, make("p", "soft small", "Reduced clip of the dub. Synthetic video."));
  }
  if (media.strip.length) {
    const strip = make("div", "strip");
    for (const [frame, source, dubbed] of media.strip) {
      const pair = make("figure");
      for (const [name, uri] of [["source", source], ["dubbed", dubbed]]) {
        const image = make("img", name);
        image.src = uri;
        image.alt = name + " mouth at " + timecode(facts, frame);
        pair.append(image);
      }
      pair.append(make("figcaption", "", timecode(facts, frame).slice(-5)));
      strip.append(pair);
    }
    part.append(strip, make("p", "soft small", "Source above, dub below; seconds and frame."));
  }
  return part;
}

function lineMouth(data, line) {
  const canvas = make("canvas", "mouth"), height = 92;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Mouth opening over loudness during this line");
  canvas.style.height = height + 32 + "px";
  requestAnimationFrame(() => drawLineMouth(canvas, data, line, height));
  return canvas;
}

function drawLineMouth(canvas, data, line, height) {
  const width = canvas.clientWidth, dense = devicePixelRatio || 1;
  if (!width) return;
  canvas.width = width * dense;
  canvas.height = (height + 32) * dense;
  const context = canvas.getContext("2d"), { lines } = data;
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.font = "11px system-ui, sans-serif";
  const scale = new Scale(data.facts.duration), around = 0.15;
  scale.width = width;
  scale.view = Math.min(lines.end[line] - lines.start[line] + 2 * around, scale.duration);
  scale.move(lines.start[line] - around);
  const colours = palette();
  drawMouth(context, colours, scale, data, 0, height);
  drawWords(context, colours, scale, lines.words[line], height + 3);
}

function lineWho(lines, line, member) {
  const part = make("div", "reason");
  part.append(make("h4", "", "Who speaks"));
  const verdict = make("p");
  verdict.append(make("span", "state " + lines.state[line], STATES[lines.state[line]]),
    document.createTextNode(" " + percent(lines.confidence[line]) + " sure" +
      (member && lines.character[line] ? ", “" + lines.character[line] + "” in the script" : "")));
  const why = make("p", "", lines.why[line]);
  part.append(verdict, make("p", "soft small", STATE_WORDS[lines.state[line]]), why);
  if (lines.evidence[line].length) {
    const most = Math.max(3, ...lines.evidence[line].map((each) => Math.abs(each[1])));
    const table = make("table", "evidence");
    table.setAttribute("aria-label", "Evidence, log odds for this speaker");
    for (const [kind, odds, text] of lines.evidence[line]) {
      const row = make("tr"), bar = make("i", odds < 0 ? "against" : "for"), cell = make("td", "odds");
      bar.style.width = (50 * Math.abs(odds)) / most + "%";
      cell.append(bar);
      const name = make("th", "", kind);
      name.title = EVIDENCE_WORDS[kind] ?? "";
      row.append(name, cell, make("td", "n", signed(odds, 1)), make("td", "soft", text));
      table.append(row);
    }
    part.append(table, make("p", "soft small", "Log odds of this speaker against the next best: +3 is twenty to one."));
  }
  return part;
}

function lineFit({ lines, facts }, line) {
  const part = make("div", "reason"), list = make("dl");
  part.append(make("h4", "", "Fit and sync"));
  const add = (name, text) => list.append(make("dt", "", name), make("dd", "", text));
  add("slot", timecode(facts, lines.slot_frame[line]) + " to " + timecode(facts, lines.slot_end_frame[line]) + ", " + lines.slot[line].toFixed(2) + " s");
  if (lines.speed[line] !== null) {
    add("fitted", (lines.end[line] - lines.start[line]).toFixed(2) + " s; " + lines.fit_text[line]);
    add("speech", "× " + lines.speed[line].toFixed(3));
    add("pauses", lines.pauses[line] ? signed(-lines.pauses[line], 2) + " s" : "unchanged");
    if (lines.gap[line]) add("gap used", lines.gap[line].toFixed(2) + " s");
    if (lines.excess[line]) add("too long by", lines.excess[line].toFixed(2) + " s");
  } else add("sound", "none in the dub");
  add("frames drawn", String(lines.drawn_frames[line]));
  if (lines.offset[line] !== null || lines.not_judged[line]) add("lips in the dub", syncWords(lines, line));
  part.append(list);
  return part;
}
