// The page of scans: what is there, a new one, and the one that is shown.
import { $, ask, element, fill, say, telling } from './api.js';
import { addRaster, makeMap, removeLayers } from './ground.js';
import { Jobs } from './jobs.js';
import { OrderForm } from './order.js';
import { IDS, Review } from './review.js';

const GROUNDS = ['post', 'pre', 'hillshade'];
const FILES = {
  'landslides.gpkg': 'GeoPackage', 'landslides_reviewed.gpkg': 'GeoPackage, review read back', 'report.html': 'Report', 'quicklook.png': 'Map as a picture',
  'probability.tif': 'Probability raster', 'uncertainty.tif': 'Uncertainty raster', 'scan.json': 'Record of the scan',
};

const map = makeMap('map', 'Map of the scan');
let state;
let shown = [];
let scan = null;
let review;

const start = telling(async () => {
  state = await ask('/api/state');
  review = new Review(map, state);
  listed();
  const form = new OrderForm(map, state, (job) => jobs.follow(job));
  const jobs = new Jobs(state.jobs, telling(async (job) => {
    state = await ask('/api/state');
    form.refresh(state);
    listed();
    say(`${job.title}: finished`);
    $('new-scan').open = false;
    await open(job.id);
  }));
  if (!state.scans.length) $('new-scan').open = true;
  $('scan').addEventListener('change', telling(() => open($('scan').value)));
  $('opacity').addEventListener('input', () => {
    $('opacity-value').textContent = `${$('opacity').value} %`;
    if (map.getLayer('probability')) map.setPaintProperty('probability', 'raster-opacity', $('opacity').value / 100);
  });
  $('finish').addEventListener('click', telling(readBack));
  const wanted = new URLSearchParams(location.search).get('scan') ?? state.scans[0]?.name;
  if (wanted && state.scans.some((one) => one.name === wanted)) await open(wanted);
});
map.once('load', start);

function listed() {
  const chosen = $('scan').value;
  const label = (one) => [one.title, one.date_post, one.model, one.landslides === null ? null : `${one.landslides} landslides`].filter(Boolean).join(', ');
  fill($('scan'), [['', 'Choose a scan …'], ...state.scans.map((one) => [one.name, label(one)])], chosen);
}

async function open(name) {
  removeLayers(map, [...IDS, ...shown, 'landslides']);
  shown = [];
  scan = null;
  review.scan = null;
  for (const id of ['layers-section', 'found', 'downloads-section']) $(id).hidden = true;
  if (!name) return;
  scan = await ask(`/api/scans/${encodeURIComponent(name)}`);
  $('scan').value = name;
  history.replaceState(null, '', `?scan=${encodeURIComponent(name)}`);
  const [west, south, east, north] = scan.bounds;
  map.fitBounds([[west, south], [east, north]], { padding: 20, animate: false });
  layers();
  await review.open(scan);
  results();
}

function layers() {
  const there = scan.layers.map((layer) => layer.name);
  const first = GROUNDS.find((name) => there.includes(name));
  const titles = Object.fromEntries(scan.layers.map((layer) => [layer.name, layer.title]));
  $('grounds').replaceChildren(element('legend', { textContent: 'Ground' }));
  $('overlays').replaceChildren();
  for (const name of GROUNDS.filter((one) => there.includes(one))) {
    addRaster(map, scan, name, { visible: name === first });
    const button = element('input', { type: 'radio', name: 'ground', value: name, checked: name === first });
    button.addEventListener('change', () => { for (const one of GROUNDS) visible(one, one === name); });
    $('grounds').append(element('label', {}, button, titles[name]));
  }
  for (const name of ['uncertainty', 'probability', 'visibility'].filter((one) => there.includes(one))) {
    const on = name === 'probability';
    addRaster(map, scan, name, { visible: on, opacity: on ? $('opacity').value / 100 : 0.8 });
    const box = element('input', { type: 'checkbox', checked: on, id: `show-${name}` });
    box.addEventListener('change', () => visible(name, box.checked));
    $('overlays').append(element('label', {}, box, titles[name]));
  }
  const box = element('input', { type: 'checkbox', checked: true, id: 'show-landslides' });
  box.addEventListener('change', () => { for (const id of IDS) visible(id, box.checked); });
  $('overlays').append(element('label', {}, box, 'Landslides'));
  shown = there;
  for (const id of ['area-fill', 'area-line']) map.moveLayer(id);
  $('legend').replaceChildren(...Object.entries(state.colours).map(([code, colour]) => {
    const swatch = element('span', { className: 'swatch' });
    swatch.style.background = colour;
    return element('li', {}, swatch, state.confidence[code] ?? code);
  }));
  $('layers-section').hidden = false;
}

function visible(id, on) {
  if (map.getLayer(id)) map.setLayoutProperty(id, 'visibility', on ? 'visible' : 'none');
}

function results() {
  $('downloads').replaceChildren(...scan.files.map((file) => {
    const link = element('a', { href: `/api/scans/${encodeURIComponent(scan.name)}/files/${file}`, textContent: FILES[file] ?? file });
    if (file === 'report.html') Object.assign(link, { target: '_blank', rel: 'noopener' }); else link.download = '';
    return element('li', {}, link);
  }));
  $('warnings').replaceChildren(...scan.warnings.map((text) => element('li', { textContent: `Note: ${text}` })));
  $('downloads-section').hidden = false;
}

async function readBack() {
  const told = await ask(`/api/scans/${encodeURIComponent(scan.name)}/import-review`, {});
  scan = await ask(`/api/scans/${encodeURIComponent(scan.name)}`);
  results();
  const counts = ['confirmed', 'rejected', 'edited', 'added', 'unreviewed'].filter((what) => told[what]).map((what) => `${told[what].toLocaleString('en')} ${what}`).join(', ');
  say(`read back into landslides_reviewed.gpkg${counts ? `: ${counts}` : ''}`);
}
