// The columns of the page's tables.

function stateCell(state) {
  return make("span", "state " + state, STATES[state]);
}

const speaker = (data, line) =>
  data.lines.member[line] < 0 ? data.lines.character[line] : data.members[data.lines.member[line]].name;

function lineColumns(data) {
  const { lines, facts } = data;
  const place = (line) => SEVERITIES.indexOf(lines.severity[line]);
  return [
    { label: "!", className: "c-mark", cell: (line) => severityCell(lines.severity[line]), order: place },
    { label: "Line", className: "c-number n", cell: (line) => String(lines.number[line]), order: (line) => lines.number[line] },
    { label: "Timecode", className: "c-tc tc", cell: (line) => timecode(facts, lines.frame[line]), order: (line) => lines.start[line] },
    { label: "Speaker", className: "c-who", cell: (line) => speaker(data, line), order: (line) => speaker(data, line).toLowerCase() },
    { label: "Text", className: "c-text", cell: (line) => lines.text[line] },
    { label: "Lips", className: "c-state", cell: (line) => stateCell(lines.state[line]), order: (line) => Object.keys(STATES).indexOf(lines.state[line]) },
    { label: "Sure", className: "c-sure n", cell: (line) => percent(lines.confidence[line]), order: (line) => lines.confidence[line] },
    { label: "Fit", className: "c-fit n", cell: (line) => fitText(lines, line), order: (line) => -(lines.excess[line] || 0) * 1000 - Math.abs((lines.speed[line] ?? 1) - 1) },
    { label: "Sync", className: "c-sync n", cell: (line) => syncText(lines, line), order: (line) => -Math.abs(lines.offset[line] ?? 0) },
  ];
}

function findingColumns({ findings, facts }) {
  const at = (index) => findings.time[index];
  return [
    { label: "!", className: "c-mark", cell: (index) => severityCell(findings.severity[index]), order: (index) => SEVERITIES.indexOf(findings.severity[index]) },
    { label: "Timecode", className: "c-tc tc", cell: (index) => (at(index) === null ? "whole film" : timecode(facts, findings.frame[index])), order: (index) => at(index) ?? -1 },
    { label: "Line", className: "c-number n", cell: (index) => (findings.line[index] === null ? "" : String(findings.line[index])), order: (index) => findings.line[index] ?? -1 },
    { label: "Finding", className: "c-text", cell: (index) => findings.text[index] },
  ];
}

function trackColumns({ tracks, members, facts }) {
  const name = (track) => (tracks.member[track] < 0 ? "" : members[tracks.member[track]].name);
  const picture = (track) => {
    const stored = element("track-" + tracks.id[track]) ?? element("picture-" + tracks.member[track]);
    if (!stored) return "";
    const image = make("img", "face");
    image.src = stored.src ?? stored.textContent.trim();
    image.alt = "";
    return image;
  };
  return [
    { label: "Face", className: "c-face", cell: picture },
    { label: "Track", className: "c-number n", cell: (track) => tracks.id[track], order: (track) => track },
    { label: "Member", className: "c-who", cell: name, order: (track) => name(track).toLowerCase() },
    { label: "From", className: "c-tc tc", cell: (track) => timecode(facts, tracks.first[track]), order: (track) => tracks.first[track] },
    { label: "Frames", className: "c-sure n", cell: (track) => String(tracks.end[track] - tracks.first[track]), order: (track) => tracks.end[track] - tracks.first[track] },
    { label: "Drawn", className: "c-sure n", cell: (track) => String(tracks.drawn_frames[track]), order: (track) => tracks.drawn_frames[track] },
    { label: "Left alone", className: "c-text", cell: (track) => tracks.left[track] },
  ];
}

function segmentColumns({ segments, members, facts }) {
  const names = (segment) => segments.members[segment].map((index) => members[index].name).join(", ");
  return [
    { label: "Segment", className: "c-number n", cell: (segment) => String(segments.number[segment]), order: (segment) => segments.number[segment] },
    { label: "From", className: "c-tc tc", cell: (segment) => timecode(facts, segments.first[segment]), order: (segment) => segments.first[segment] },
    { label: "Frames", className: "c-sure n", cell: (segment) => String(segments.end[segment] - segments.first[segment]), order: (segment) => segments.end[segment] - segments.first[segment] },
    { label: "Members drawn", className: "c-text", cell: names, order: names },
    { label: "Drawing", className: "c-fit n", cell: (segment) => (segments.reused[segment] ? "reused" : segments.seconds[segment].toFixed(1) + " s"), order: (segment) => segments.seconds[segment] },
  ];
}

function leftColumns({ left, facts }) {
  return [
    { label: "From", className: "c-tc tc", cell: (index) => timecode(facts, left.first[index]), order: (index) => left.first[index] },
    { label: "To", className: "c-tc tc", cell: (index) => timecode(facts, left.end[index] - 1), order: (index) => left.end[index] },
    { label: "Frames", className: "c-sure n", cell: (index) => String(left.end[index] - left.first[index]), order: (index) => left.end[index] - left.first[index] },
    { label: "Why", className: "c-text", cell: (index) => left.reason[index], order: (index) => left.reason[index] },
  ];
}
