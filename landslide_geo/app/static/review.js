// The landslides of a scan: on the map, in a table, one by one with all they say, and what an analyst decides.
import { $, area, ask, element, later, query, say, telling, words } from './api.js';
import { boundsOf, nothing } from './ground.js';

const STATUS_COLOUR = ['match', ['get', 'review_status'], 'confirmed', '#1a6b37', 'rejected', '#6e7781', 'edited', '#1a6b37', 'added', '#1a6b37', '#2b2b2b'];
export const IDS = ['landslides-fill', 'landslides-line', 'landslides-chosen'];

export class Review {
  constructor(map, state) {
    Object.assign(this, { map, state, scan: null, chosen: null, rows: [], total: 0 });
    $('reason').replaceChildren(...['', ...state.reject_reasons].map((value) => element('option', { value, textContent: value ? words(value) : 'choose …' })));
    for (const [code, text] of Object.entries(state.confidence)) $('min-confidence').append(element('option', { value: code, textContent: `${text} or more` }));
    $('reviewer').value = localStorage.getItem('reviewer') ?? '';
    $('reviewer').addEventListener('change', () => localStorage.setItem('reviewer', $('reviewer').value));
    this.redraw = later(telling(() => this.draw()), 120);
    const again = later(telling(() => this.filtered()), 200);
    for (const id of ['min-area', 'min-confidence', 'status', 'sort']) $(id).addEventListener('input', again);
    $('more').addEventListener('click', telling(() => this.more()));
    $('close-panel').addEventListener('click', () => this.close());
    $('confirm').addEventListener('click', telling(() => this.decide('confirmed')));
    $('reject').addEventListener('click', telling(() => this.decide('rejected')));
    $('undo').addEventListener('click', telling(() => this.decide('unreviewed')));
    $('next').addEventListener('click', telling(() => this.next()));
    document.addEventListener('keydown', (event) => this.key(event));
    map.on('moveend', () => this.scan && this.redraw());
    map.on('click', 'landslides-fill', (event) => telling(() => this.choose(event.features[0].properties.landslide_id))());
    for (const [kind, cursor] of [['mouseenter', 'pointer'], ['mouseleave', '']]) {
      map.on(kind, 'landslides-fill', () => { map.getCanvas().style.cursor = cursor; });
    }
  }

  async open(scan) {
    this.close();
    this.scan = scan;
    this.map.addSource('landslides', { type: 'geojson', data: nothing, promoteId: 'landslide_id' });
    const colours = Object.entries(this.state.colours).flatMap(([code, colour]) => [Number(code), colour]);
    const rejected = ['==', ['get', 'review_status'], 'rejected'];
    this.map.addLayer({
      id: 'landslides-fill', type: 'fill', source: 'landslides',
      paint: { 'fill-color': ['match', ['get', 'confidence'], ...colours, '#888888'], 'fill-opacity': ['case', rejected, 0.02, 0.25] },
    });
    this.map.addLayer({ id: 'landslides-line', type: 'line', source: 'landslides', paint: { 'line-color': STATUS_COLOUR, 'line-width': ['case', ['==', ['get', 'review_status'], 'unreviewed'], 1, 2] } });
    this.map.addLayer({ id: 'landslides-chosen', type: 'line', source: 'landslides', filter: ['==', ['get', 'landslide_id'], ''], paint: { 'line-color': '#00e5ff', 'line-width': 4 } });
    $('found').hidden = false;
    await this.filtered();
  }

  filter() {
    return { min_area_m2: $('min-area').value, min_confidence: $('min-confidence').value, status: $('status').value };
  }

  async filtered() {
    this.rows = [];
    await Promise.all([this.draw(), this.more()]);
  }

  async draw() {
    const scan = this.scan;
    if (!scan) return;
    const shown = await ask(`/api/scans/${encodeURIComponent(scan.name)}/landslides.geojson?${query({ bounds: boundsOf(this.map), zoom: this.map.getZoom().toFixed(2), ...this.filter() })}`);
    if (scan !== this.scan) return;
    this.drawn = shown;
    this.map.getSource('landslides')?.setData(shown);
    this.cut = shown.total > shown.features.length ? ` On the map are the ${shown.features.length.toLocaleString('en')} largest of ${shown.total.toLocaleString('en')} here; zoom in for all.` : '';
    this.count();
  }

  async more() {
    const scan = this.scan;
    const told = await ask(`/api/scans/${encodeURIComponent(scan.name)}/landslides?${query({ order: $('sort').value, start: this.rows.length, ...this.filter() })}`);
    if (scan !== this.scan) return;
    if (told.start === 0) $('table').replaceChildren();
    this.rows.push(...told.rows);
    Object.assign(this, { total: told.total, totalArea: told.area_m2, reviewed: told.reviewed });
    $('table').append(...told.rows.map((row) => this.row(row)));
    $('more').hidden = this.rows.length >= told.total;
    this.count();
  }

  count() {
    $('count').textContent = `${this.total.toLocaleString('en')} landslides, ${area(this.totalArea ?? 0)}; ${(this.reviewed ?? 0).toLocaleString('en')} reviewed.${this.cut ?? ''}`;
  }

  row(landslide) {
    const button = element('button', { type: 'button' });
    button.dataset.id = landslide.landslide_id;
    this.written(button, landslide);
    button.addEventListener('click', telling(() => this.choose(landslide.landslide_id, { go: true })));
    return element('li', {}, button);
  }

  written(button, landslide) {
    const swatch = element('span', { className: 'swatch' });
    swatch.style.background = this.state.colours[landslide.confidence] ?? '#888';
    button.replaceChildren(
      element('span', {}, swatch, area(landslide.area_m2)),
      element('span', { textContent: this.state.confidence[landslide.confidence] ?? '–' }),
      element('span', { textContent: landslide.review_status }),
    );
  }

  async choose(id, { go = false, focus = false } = {}) {
    const told = await ask(`/api/scans/${encodeURIComponent(this.scan.name)}/landslides/${encodeURIComponent(id)}`);
    this.show(told);
    if (matchMedia('(max-width: 900px)').matches) document.querySelector('.columns').scrollTop = 0; // there it lies below the map
    if (go) this.map.fitBounds(told.bounds, { padding: 120, maxZoom: 15.5, duration: 300 });
    if (focus) $('panel-title').focus();
  }

  show(told) {
    this.chosen = told;
    $('panel').hidden = false;
    $('panel-title').textContent = `Landslide ${told.landslide_id.slice(0, 8)}`;
    $('attributes').replaceChildren(...told.attributes.flatMap(({ label, text }) => [element('dt', { textContent: label }), element('dd', { textContent: text })]));
    $('verdict').textContent = told.review_status === 'unreviewed' ? 'Not reviewed yet.' : `${told.review_status}${told.reject_reason ? `: ${words(told.reject_reason)}` : ''}`;
    $('reason').value = told.reject_reason ?? '';
    $('notes').value = told.notes ?? '';
    $('undo').hidden = !['confirmed', 'rejected'].includes(told.review_status);
    this.map.setFilter('landslides-chosen', ['==', ['get', 'landslide_id'], told.landslide_id]);
    for (const button of $('table').querySelectorAll('button')) button.setAttribute('aria-current', String(button.dataset.id === told.landslide_id));
    this.map.resize();
  }

  async decide(status) {
    if (!this.chosen) return;
    if (status === 'rejected' && !$('reason').value) {
      say('choose the reason of the rejection first', true);
      $('reason').focus();
      return;
    }
    const told = await ask(`/api/scans/${encodeURIComponent(this.scan.name)}/landslides/${encodeURIComponent(this.chosen.landslide_id)}/review`, {
      status, reason: status === 'rejected' ? $('reason').value : null, reviewer: $('reviewer').value || null, notes: $('notes').value,
    });
    const before = this.chosen.review_status;
    this.show(told);
    say(`landslide ${told.landslide_id.slice(0, 8)}: ${told.review_status}, written to landslides.gpkg`);
    this.reviewed += Number(before === 'unreviewed') - Number(told.review_status === 'unreviewed');
    const row = this.rows.find((one) => one.landslide_id === told.landslide_id);
    if (row) {
      row.review_status = told.review_status;
      this.written($('table').querySelector(`[data-id="${CSS.escape(told.landslide_id)}"]`), row);
    }
    const feature = this.drawn.features.find((one) => one.properties.landslide_id === told.landslide_id);
    if (feature) {
      feature.properties.review_status = told.review_status;
      this.map.getSource('landslides').setData(this.drawn);
    }
    this.count();
  }

  async next() {
    const at = this.rows.findIndex((row) => row.landslide_id === this.chosen?.landslide_id);
    if (at + 1 >= this.rows.length && this.rows.length < this.total) await this.more();
    const next = this.rows.slice(at + 1).find((row) => row.review_status === 'unreviewed');
    if (next) await this.choose(next.landslide_id, { go: true });
    else say('no unreviewed landslide follows in the table');
  }

  key(event) {
    if ($('panel').hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName)) return;
    const work = { c: () => this.decide('confirmed'), r: () => this.decide('rejected'), u: () => this.decide('unreviewed'), n: () => this.next(), Escape: () => this.close() }[event.key];
    if (work) { event.preventDefault(); telling(work)(); }
  }

  close() {
    this.chosen = null;
    $('panel').hidden = true;
    if (this.map.getLayer('landslides-chosen')) this.map.setFilter('landslides-chosen', ['==', ['get', 'landslide_id'], '']);
    this.map.resize();
  }
}
