// The form of a new scan: files go up as they are chosen, the rest is sent when it is started.
import { $, ask, element, fill, say, telling, upload } from './api.js';
import { Area } from './draw.js';

export class OrderForm {
  constructor(map, state, started) {
    this.state = state;
    this.started = started;
    this.uploads = [];
    this.outline = null;
    this.area = new Area(map, {
      tell: (text) => say(text, true),
      began: () => { $('drawing').hidden = false; $('draw').disabled = true; },
      ended: (polygon) => {
        $('drawing').hidden = true;
        $('draw').disabled = false;
        $('clear-area').disabled = !polygon && !this.outline;
        $('area').textContent = polygon ? 'Only the drawn area is mapped.' : this.outline ? `Only ${this.outline.name} is mapped.` : 'All of the scene is mapped.';
      },
    });
    $('source').addEventListener('change', () => this.chosen());
    $('files').addEventListener('change', telling(() => this.take([...$('files').files])));
    $('outline').addEventListener('change', telling(() => this.takeOutline($('outline').files[0])));
    $('draw').addEventListener('click', () => this.area.start());
    $('clear-area').addEventListener('click', () => { this.outline = null; $('outline').value = ''; $('box').value = ''; this.area.clear(); });
    $('box').addEventListener('change', () => this.boxed());
    $('order').addEventListener('submit', telling((event) => this.submit(event)));
    this.refresh(state);
    this.earlier(state.uploads);
    this.chosen();
  }

  refresh(state) {
    this.state = state;
    fill($('sample'), state.samples.map((one) => [one.name, one.title]), $('sample').value || state.samples[0]?.name);
    fill($('scene'), state.scenes.length ? state.scenes.map((name) => [name, name]) : [['', 'none there yet']], $('scene').value || state.scenes[0] || '');
    fill($('model'), state.models.map((name) => [name, name]), $('model').value || 'default');
  }

  chosen() {
    for (const part of document.querySelectorAll('[data-source]')) part.hidden = part.dataset.source !== $('source').value;
  }

  async take(files) {
    for (const file of files) {
      const row = element('li', {}, element('span', { textContent: `${file.name} ` }));
      const bar = element('progress', { max: 1, value: 0 });
      bar.setAttribute('aria-label', `${file.name}: upload`);
      row.append(bar);
      $('uploads').append(row);
      try {
        const told = await upload(file, this.state.most_upload_bytes, (share) => { bar.value = share; });
        bar.remove();
        this.keep(told, row);
        const unnamed = told.bands.length < told.count && told.count > 1;
        say(`${told.name} is here: ${told.width.toLocaleString('en')} × ${told.height.toLocaleString('en')} pixels, ${told.count} band${told.count > 1 ? 's' : ''}${unnamed ? '; say which they are' : ''}`);
      } catch (error) {
        row.remove();
        say(error.message, true);
      }
    }
    $('files').value = '';
  }

  // Files that were sent before the page was loaded: they can be used again, and are left out unless somebody says so.
  earlier(uploads) {
    for (const told of uploads.filter((one) => one.count)) {
      const row = element('li', {}, element('span', { textContent: `${told.name}, sent earlier ` }));
      $('uploads').append(row);
      this.keep(told, row, { earlier: true });
    }
  }

  keep(told, row, { earlier = false } = {}) {
    const kept = { ...told, earlier, row };
    this.uploads.push(kept);
    this.roles(kept);
  }

  roles(file) {
    const unnamed = file.bands.length < file.count && file.count > 1;
    const some = file.bands.length > 0 && file.count > 1;
    const roles = [['', file.earlier ? 'left out' : 'choose …'], ...(some || (file.count === 1 && file.bands.length) ? [['file', `bands as named: ${file.bands.join(', ')}`.slice(0, 60)], ['pre-file', 'the same, earlier image']] : []),
      ['dem', 'elevation model'], ...(file.count === 1 ? this.state.bands.map((name) => [name, name]) : [])];
    const select = element('select', { ariaLabel: `What ${file.name} is` });
    const guess = /dem|dsm|dtm|elev/i.test(file.name) ? 'dem' : file.bands.length ? 'file' : file.suggested ?? '';
    fill(select, roles, file.earlier ? '' : guess);
    file.role = select;
    const remove = element('button', { type: 'button', textContent: 'Remove', ariaLabel: `Remove ${file.name}` });
    remove.addEventListener('click', telling(async () => {
      await ask(`/api/uploads/${file.id}`, undefined, 'DELETE');
      this.uploads = this.uploads.filter((one) => one !== file);
      file.row.remove();
    }));
    file.row.querySelector('.what')?.remove();
    const what = element('div', { className: 'what' }, element('div', { className: 'row' }, select, remove));
    if (unnamed) what.append(this.namer(file));
    file.row.append(what);
  }

  // For a file of several bands that does not name them itself.
  namer(file) {
    const id = `names-${file.id}`;
    const names = element('input', { id, autocomplete: 'off', value: (file.suggested_bands ?? []).join(', '), placeholder: 'blue, green, red, nir' });
    const done = element('button', { type: 'button', textContent: 'Name them', ariaLabel: `Name the bands of ${file.name}` });
    const name = telling(async () => {
      const given = names.value.split(/[\s,;]+/).filter(Boolean);
      if (!given.length) throw new Error(`${file.name}: give the names of its bands, e.g. blue, green, red, nir`);
      Object.assign(file, await ask(`/api/uploads/${file.id}/bands`, given), { earlier: false });
      this.roles(file);
      say(`${file.name}: ${file.bands.join(', ')}`);
    });
    done.addEventListener('click', name);
    names.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); name(); } });
    return element('div', {}, element('label', { htmlFor: id, textContent: `Its ${file.count} bands in their order (- for one that is not needed)` }), element('div', { className: 'row' }, names, done));
  }

  async takeOutline(file) {
    if (!file) return;
    this.outline = await upload(file, this.state.most_upload_bytes, () => {});
    this.area.clear();
  }

  boxed() {
    const text = $('box').value.trim();
    if (!text) return;
    const numbers = text.split(/[\s,;]+/).map(Number);
    const [west, south, east, north] = numbers;
    if (numbers.length !== 4 || numbers.some(Number.isNaN) || west >= east || south >= north || south < -90 || north > 90) {
      say('an area as numbers is west, south, east, north in degrees, e.g. 141.9, 42.7, 142.0, 42.8', true);
      return;
    }
    this.area.box(west, south, east, north);
    this.area.map.fitBounds([[west, south], [east, north]], { padding: 40, animate: false });
  }

  scene() {
    const kind = $('source').value;
    if (kind === 'sample') return { kind, name: $('sample').value };
    if (kind === 'scene') {
      if (!$('scene').value) throw new Error('there is no scene in the work folder; take another source');
      return { kind, name: $('scene').value };
    }
    if (kind === 'catalogue') {
      if (!$('catalogue-event').value) throw new Error('give the day of the event');
      return { kind, event: $('catalogue-event').value, max_cloud: $('max-cloud').value === '' ? null : Number($('max-cloud').value) };
    }
    const bands = {};
    let dem = null;
    for (const [index, { id, name, role, earlier, count, bands: named }] of this.uploads.entries()) {
      const what = role.value;
      if (!what && earlier) continue;
      if (!what) throw new Error(count > 1 && named.length < count ? `${name}: name its bands, or remove it` : `${name}: say which band it is, or remove it`);
      if (what === 'dem') {
        if (dem) throw new Error('two files are elevation models; keep one');
        dem = id;
        continue;
      }
      const key = what.endsWith('file') ? `${what}${index}` : what;
      if (key in bands) throw new Error(`two files are ${what}; keep one`);
      bands[key] = id;
    }
    if (!Object.keys(bands).length) throw new Error('choose the files of the scene first');
    return { kind, bands, dem };
  }

  // A scene of one file is called as that is.
  fileName() {
    const used = $('source').value === 'files' ? this.uploads.filter(({ role }) => role.value && role.value !== 'dem') : [];
    return used.length === 1 ? used[0].name.replace(/\.tiff?$/i, '') : null;
  }

  async submit(event) {
    event.preventDefault();
    const number = (id) => ($(id).value === '' ? null : Number($(id).value));
    const order = {
      source: this.scene(), model: $('model').value, threshold: number('threshold'), min_area_m2: number('min-area-scan'),
      aoi: this.area.polygon, outline: this.area.polygon ? null : this.outline?.id ?? null, name: $('name').value.trim() || this.fileName(),
      date: $('date').value || null, date_pre: $('date-pre').value || null,
    };
    $('start').disabled = true;
    try {
      const job = await ask('/api/jobs', order);
      say(`${job.title}: ordered`);
      this.started(job);
    } finally {
      $('start').disabled = false;
    }
  }
}
