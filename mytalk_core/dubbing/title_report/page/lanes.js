// The lanes of the timeline: each draws a stretch of the film into its own height.

const MEMBER_LANES = 8; // the rest share one
const LINE_ROWS = 3; // lines at the same time are drawn below each other
const GUTTER_MOST = 120, GUTTER_LEAST = 70; // pixels of the names

/** Colours of the page, read again when its theme changes. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue("--" + name).trim();
  const names = ["ink", "soft", "line", "card", "page", "dub", "src", "sound", "voice", "skip",
    "error", "warning", "note", "drawn", "off", "undecided", "skipped", "focus", "track"];
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

const stateColour = (colours, state) => colours[state === "off_screen" ? "off" : state];

/** The lanes of a report, from top to bottom: { name, height, draw(context, colours, scale, top) }. */
function makeLanes(data) {
  const lanes = [rulerLane(data)];
  if (data.shots.first.length > 1) lanes.push(shotLane(data));
  if (data.findings.text.length) lanes.push(findingLane(data));
  if (data.lines.number.length) lanes.push(lineLane(data));
  lanes.push(...memberLanes(data));
  lanes.push(mouthLane(data));
  return lanes;
}

/** Calls back with the index of everything in view, of things sorted by start. */
function inView(scale, starts, ends, visit) {
  const end = scale.from + scale.view;
  for (let place = 0; place < starts.length && starts[place] < end; place++) {
    if (ends[place] > scale.from) visit(place);
  }
}

/** A text within a width, cut off with an ellipsis; nothing where not even that fits. */
function fittedText(context, text, x, y, width) {
  if (width < 14) return;
  let shown = text;
  if (context.measureText(shown).width > width) {
    const letters = Array.from(text);
    let low = 0, high = letters.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(letters.slice(0, middle).join("") + "…").width <= width) low = middle;
      else high = middle - 1;
    }
    shown = low ? letters.slice(0, low).join("") + "…" : "";
  }
  context.fillText(shown, x, y);
}

/** Frames to label, `step` seconds of timecode apart. */
function rulerFrames({ facts, fps }, scale, step) {
  const first = scale.from * fps - 1e-6, last = (scale.from + scale.view) * fps, frames = [];
  if (facts.dropped) {
    // Drop frame keeps its labels near the seconds.
    const start = facts.start / fps;
    for (let at = Math.ceil((first / fps + start) / step); ; at++) {
      const frame = Math.ceil(at * step * fps - 1e-6) - facts.start;
      if (frame > last) return frames;
      frames.push(frame);
    }
  }
  const each = Math.max(1, Math.round(step * facts.nominal));
  for (let at = Math.ceil((first + facts.start) / each) * each - facts.start; at <= last; at += each) frames.push(at);
  return frames;
}

function rulerLane(data) {
  const steps = [0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const draw = (context, colours, scale, top) => {
    const wide = 96 / scale.pixelsPerSecond;
    const step = steps.find((each) => each >= wide) ?? 7200;
    context.fillStyle = colours.soft;
    for (const frame of rulerFrames(data, scale, step)) {
      const x = scale.x(frame / data.fps);
      context.fillRect(x, top + 15, 1, 5);
      const text = timecode(data.facts, frame), half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(Math.max(x, scale.left + half), scale.left + scale.width - half) - half, top + 11);
    }
  };
  return { name: "Timecode", height: 22, draw, hit: () => null };
}

function shotLane({ shots, fps }) {
  const starts = shots.first.map((frame) => frame / fps), ends = shots.end.map((frame) => frame / fps);
  const draw = (context, colours, scale, top) => {
    inView(scale, starts, ends, (shot) => {
      const x = scale.x(starts[shot]), width = scale.x(ends[shot]) - x;
      context.fillStyle = shot % 2 ? colours.line : colours.sound;
      context.fillRect(x, top + 1, Math.max(width, 0.5), 14);
      context.fillStyle = colours.soft;
      if (width > 22) fittedText(context, String(shots.number[shot]), Math.max(x, scale.left) + 4, top + 12, width - 6);
    });
  };
  const hit = (seconds) => {
    const shot = starts.findIndex((start, place) => start <= seconds && seconds < ends[place]);
    return shot < 0 ? null : { text: "shot " + shots.number[shot] };
  };
  return { name: "Shots", height: 18, draw, hit };
}

function findingLane({ findings, lines }) {
  const placed = findings.time.map((time, index) => ({ time, index })).filter((each) => each.time !== null);
  const draw = (context, colours, scale, top) => {
    // The worst last, on top.
    for (const severity of ["note", "warning", "error"]) {
      context.fillStyle = colours[severity];
      for (const { time, index } of placed) {
        if (findings.severity[index] !== severity) continue;
        const x = scale.x(time);
        if (x < scale.left - 5 || x > scale.left + scale.width + 5) continue;
        context.beginPath();
        if (severity === "error") context.arc(x, top + 8, 4.5, 0, 7);
        else if (severity === "warning") {
          context.moveTo(x, top + 3);
          context.lineTo(x + 5, top + 12.5);
          context.lineTo(x - 5, top + 12.5);
        } else context.arc(x, top + 8, 3, 0, 7);
        context.fill();
      }
    }
  };
  const hit = (seconds, scale) => {
    const near = 7 / scale.pixelsPerSecond;
    const found = placed.filter((each) => Math.abs(each.time - seconds) < near);
    if (!found.length) return null;
    const worst = (each) => SEVERITIES.indexOf(findings.severity[each.index]);
    found.sort((a, b) => worst(a) - worst(b) || Math.abs(a.time - seconds) - Math.abs(b.time - seconds));
    const { index, time } = found[0];
    const row = lines.number.indexOf(findings.line[index]);
    return { text: findings.severity[index] + ": " + findings.text[index], line: row, time };
  };
  return { name: "Findings", height: 18, draw, hit };
}

/** Rows for lines that overlap: the first row that is free, at most `LINE_ROWS`. */
function lineRows(lines) {
  const ends = [];
  return lines.start.map((start, index) => {
    let row = ends.findIndex((end) => end <= start);
    if (row < 0) row = Math.min(ends.length, LINE_ROWS - 1);
    ends[row] = Math.max(ends[row] ?? 0, lines.end[index]);
    return row;
  });
}

function lineLane(data) {
  const { lines, members } = data;
  const rows = lineRows(lines), count = Math.max(1, ...rows.map((row) => row + 1));
  const draw = (context, colours, scale, top) => {
    inView(scale, lines.start, lines.end, (line) => {
      const x = scale.x(lines.start[line]), width = Math.max(scale.x(lines.end[line]) - x, 1.5);
      const y = top + 2 + rows[line] * 22, colour = stateColour(colours, lines.state[line]);
      const gap = width > 6 ? 1 : 0;
      context.globalAlpha = lines.state[line] === "drawn" ? 1 : 0.9;
      context.fillStyle = colour;
      context.beginPath();
      context.roundRect(x, y, width - gap, 19, Math.min(4, width / 2));
      context.fill();
      context.globalAlpha = 1;
      const severity = lines.severity[line];
      if (severity === "error" || severity === "warning") {
        context.fillStyle = colours[severity];
        context.fillRect(x, y + 16, width - gap, 3);
      }
      if (data.selected === line) {
        context.strokeStyle = colours.ink;
        context.lineWidth = 2;
        context.strokeRect(x - 1, y - 1, width + 1, 21);
        context.lineWidth = 1;
      }
      const from = Math.max(x, scale.left) + 5;
      context.fillStyle = colours.card;
      fittedText(context, lines.text[line], from, y + 13, Math.min(x + width, scale.left + scale.width) - from - 3);
    });
  };
  const hit = (seconds, scale, y) => {
    const near = 2 / scale.pixelsPerSecond;
    const row = Math.min(Math.max(Math.floor((y - 2) / 22), 0), count - 1);
    const line = lines.start.findIndex((start, each) => rows[each] === row && start - near <= seconds && seconds <= lines.end[each] + near);
    if (line < 0) return null;
    const who = lines.member[line] < 0 ? lines.character[line] : members[lines.member[line]].name;
    return { text: lines.number[line] + " " + who + ": " + lines.text[line], line };
  };
  return { name: "Lines", height: 4 + 22 * count, draw, hit };
}

function memberLanes(data) {
  const { tracks, members, fps } = data;
  const groups = members.map((member, index) => ({ name: member.name, owners: new Set([index]) }));
  const lanes = groups.slice(0, MEMBER_LANES);
  const rest = new Set(groups.slice(MEMBER_LANES).flatMap((group) => [...group.owners]));
  if (tracks.member.some((member) => member < 0)) rest.add(-1);
  if (rest.size) lanes.push({ name: members.length ? "other faces" : "faces", owners: rest });
  return lanes.map(({ name, owners }) => {
    const mine = tracks.first.map((_, index) => index).filter((index) => owners.has(tracks.member[index]));
    const starts = mine.map((index) => tracks.first[index] / fps), ends = mine.map((index) => tracks.end[index] / fps);
    const draw = (context, colours, scale, top) => {
      inView(scale, starts, ends, (place) => {
        const x = scale.x(starts[place]), width = scale.x(ends[place]) - x;
        context.fillStyle = colours.track;
        context.fillRect(x, top + 6, Math.max(width - 0.5, 1), 6);
      });
      context.fillStyle = colours.drawn;
      inView(scale, starts, ends, (place) => {
        for (const [first, end] of tracks.drawn[mine[place]]) {
          const x = scale.x(first / fps);
          context.fillRect(x, top + 3, Math.max(scale.x(end / fps) - x, 1), 12);
        }
      });
    };
    const hit = (seconds) => {
      const place = starts.findIndex((start, each) => start <= seconds && seconds < ends[each]);
      if (place < 0) return null;
      const track = mine[place];
      return { text: name + ", track " + tracks.id[track] + ": " + tracks.drawn_frames[track] + " frames drawn" +
        (tracks.left[track] ? "; " + tracks.left[track] : "") };
    };
    return { name, height: 19, draw, hit };
  });
}
