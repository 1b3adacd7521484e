// Drawing an area of interest on a map that has loaded: clicks are corners.
import { nothing } from './ground.js';

export class Area {
  constructor(map, { tell, began, ended }) {
    Object.assign(this, { map, tell, began, ended, corners: [], drawing: false, polygon: null });
    map.addSource('area', { type: 'geojson', data: nothing });
    map.addLayer({ id: 'area-fill', type: 'fill', source: 'area', paint: { 'fill-color': '#0b5394', 'fill-opacity': 0.12 } });
    map.addLayer({ id: 'area-line', type: 'line', source: 'area', paint: { 'line-color': '#4fc3ff', 'line-width': 2.5, 'line-dasharray': [2, 1] } });
    map.on('click', (event) => {
      if (!this.drawing) return;
      this.corners.push([event.lngLat.lng, event.lngLat.lat]);
      this.show();
    });
    map.on('dblclick', (event) => {
      if (!this.drawing) return;
      event.preventDefault();
      this.corners.pop(); // the second click of the two
      this.end();
    });
    document.addEventListener('keydown', (event) => {
      if (!this.drawing) return;
      if (event.key === 'Enter') { event.preventDefault(); this.end(); }
      if (event.key === 'Escape') this.clear();
    });
  }

  start() {
    this.clear();
    this.drawing = true;
    this.map.getCanvas().style.cursor = 'crosshair';
    this.began();
  }

  end() {
    if (this.corners.length < 3) { this.tell('an area needs three corners; click more of them'); return; }
    this.polygon = { type: 'Polygon', coordinates: [[...this.corners, this.corners[0]]] };
    this.stop();
  }

  box(west, south, east, north) {
    this.clear();
    this.corners = [[west, south], [east, south], [east, north], [west, north]];
    this.end();
  }

  clear() {
    this.corners = [];
    this.polygon = null;
    this.stop();
  }

  stop() {
    this.drawing = false;
    this.map.getCanvas().style.cursor = '';
    this.show();
    this.ended(this.polygon);
  }

  show() {
    const geometry = this.polygon ?? (this.corners.length ? { type: 'LineString', coordinates: this.corners.length > 1 ? this.corners : [this.corners[0], this.corners[0]] } : null);
    this.map.getSource('area')?.setData(geometry ? { type: 'Feature', properties: {}, geometry } : nothing);
  }
}
