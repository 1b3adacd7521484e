// Two scans, or the two dates of one, on either side of a line that can be moved.
import { $, area, ask, element, fill, later, query, say, telling } from './api.js';
import { addRaster, boundsOf, makeMap, nothing, ready, removeLayers } from './ground.js';

const COLOURS = {
  new: '#d7301f', grown: '#fc8d59', unchanged: '#8c8c8c', shrunk: '#74a9cf', merged: '#a6761d', split: '#7570b3',
  'no longer visible': '#045a8d', 'not visible': '#cccccc', rejected: '#6e7781',
};
const maps = { before: makeMap('map-before', 'Map before'), after: makeMap('map-after', 'Map after') };
const hidden = new Set();
let state;
let pair = null;

function follow(one, other) {
  one.on('move', (event) => {
    if (event.following) return;
    other.jumpTo({ center: one.getCenter(), zoom: one.getZoom() }, { following: true });
  });
}
follow(maps.before, maps.after);
follow(maps.after, maps.before);

Promise.all(Object.values(maps).map(ready)).then(telling(async () => {
  state = await ask('/api/state');
  const options = state.scans.flatMap((one) => {
    const label = [one.title, one.date_post, `${one.landslides} landslides`].filter(Boolean).join(', ');
    return [[`${one.name}|post`, label]];
  });
  if (!options.length) { say('there is no scan yet; make one first', true); return; }
  const earlier = state.scans.map((one) => [`${one.name}|pre`, `${one.title}: the earlier image`]);
  const wanted = new URLSearchParams(location.search);
  fill($('before'), [...options, ...earlier], `${wanted.get('before') ?? ''}` || (options.length > 1 ? options[1][0] : earlier[0][0]));
  fill($('after'), options, wanted.get('after') ?? options[0][0]);
  for (const id of ['before', 'after']) $(id).addEventListener('change', telling(compare));
  maps.after.on('moveend', later(telling(draw), 120));
  await compare();
}));

async function compare() {
  const sides = { before: $('before').value, after: $('after').value };
  const [old] = sides.before.split('|');
  const [now] = sides.after.split('|');
  history.replaceState(null, '', `?${query(sides)}`);
  say('');
  const scans = { before: await ask(`/api/scans/${encodeURIComponent(old)}`), after: await ask(`/api/scans/${encodeURIComponent(now)}`) };
  for (const [side, map] of Object.entries(maps)) {
    removeLayers(map, ['changes-fill', 'changes-line', 'changes', 'ground']);
    const which = sides[side].split('|')[1];
    const names = scans[side].layers.map((layer) => layer.name);
    const layer = names.includes(which) ? which : names.find((name) => ['post', 'hillshade'].includes(name));
    if (which === 'pre' && layer !== 'pre') say(`${scans[side].title} has no earlier image`, true);
    if (layer) addRaster(map, scans[side], layer, { id: 'ground' });
    map.addSource('changes', { type: 'geojson', data: nothing });
    const colour = ['match', ['get', 'status'], ...Object.entries(COLOURS).flat(), '#000000'];
    map.addLayer({ id: 'changes-fill', type: 'fill', source: 'changes', paint: { 'fill-color': colour, 'fill-opacity': 0.3 } });
    map.addLayer({ id: 'changes-line', type: 'line', source: 'changes', paint: { 'line-color': colour, 'line-width': 2 } });
    $(`label-${side}`).textContent = which === 'pre' ? `${scans[side].title}, ${scans[side].date_pre ?? 'earlier image'}` : `${scans[side].title}${scans[side].date_post ? `, ${scans[side].date_post}` : ''}`;
  }
  const [west, south, east, north] = scans.after.bounds;
  maps.after.fitBounds([[west, south], [east, north]], { padding: 20, animate: false });
  pair = old === now ? null : { old, new: now };
  $('none').hidden = Boolean(pair);
  $('changes').replaceChildren();
  if (pair) {
    const told = await ask(`/api/changes?${query(pair)}`);
    $('changes').append(...told.changes.map(legend));
    if (!told.changes.length) say('neither scan has landslides');
  }
  await draw();
}

function legend({ status, count, area_m2 }) {
  const box = element('input', { type: 'checkbox', checked: !hidden.has(status) });
  box.addEventListener('change', () => { if (box.checked) hidden.delete(status); else hidden.add(status); filter(); });
  const swatch = element('span', { className: 'swatch' });
  swatch.style.background = COLOURS[status];
  return element('li', {}, element('label', {}, box, ' ', swatch, `${status}: ${count.toLocaleString('en')} (${area(area_m2)})`));
}

function filter() {
  for (const map of Object.values(maps)) {
    for (const id of ['changes-fill', 'changes-line']) {
      if (map.getLayer(id)) map.setFilter(id, ['!', ['in', ['get', 'status'], ['literal', [...hidden]]]]);
    }
  }
}

async function draw() {
  if (!pair) return;
  const asked = pair;
  const shown = await ask(`/api/changes.geojson?${query({ ...pair, bounds: boundsOf(maps.after), zoom: maps.after.getZoom().toFixed(2) })}`);
  if (asked !== pair) return;
  for (const map of Object.values(maps)) map.getSource('changes')?.setData(shown);
  filter();
}

const handle = $('handle');
const box = handle.parentElement;
function move(percent) {
  const at = Math.min(Math.max(percent, 0), 100);
  handle.style.left = `${at}%`;
  handle.setAttribute('aria-valuenow', String(Math.round(at)));
  $('map-after').style.clipPath = `inset(0 0 0 ${at}%)`;
}
handle.addEventListener('pointerdown', (event) => { handle.setPointerCapture(event.pointerId); event.preventDefault(); handle.focus(); });
handle.addEventListener('pointermove', (event) => {
  if (!handle.hasPointerCapture(event.pointerId)) return;
  const frame = box.getBoundingClientRect();
  move(100 * (event.clientX - frame.left) / frame.width);
});
handle.addEventListener('keydown', (event) => {
  const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -10, PageUp: 10 }[event.key];
  const to = { Home: 0, End: 100 }[event.key];
  if (step === undefined && to === undefined) return;
  event.preventDefault();
  move(to ?? Number(handle.getAttribute('aria-valuenow')) + step);
});
