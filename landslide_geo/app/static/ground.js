// A map without any address but our own: coasts and borders below, rasters of a scan on top.
import { say } from './api.js';
import * as maplibregl from './vendor/maplibre-gl/maplibre-gl.mjs';

export { maplibregl };

export function makeMap(container, title) {
  try {
    return made(container, title);
  } catch (error) {
    say('this browser cannot draw maps: WebGL2 is missing or switched off. Review in QGIS instead: open review.qgz in the folder of the scan', true);
    throw error;
  }
}

function made(container, title) {
  const map = new maplibregl.Map({
    container,
    style: {
      version: 8,
      sources: {
        countries: {
          type: 'geojson', attribution: 'Borders: Natural Earth',
          data: new URL('vendor/natural-earth/countries.geojson', import.meta.url).href,
        },
      },
      layers: [
        { id: 'sea', type: 'background', paint: { 'background-color': '#dfe7ee' } },
        { id: 'land', type: 'fill', source: 'countries', paint: { 'fill-color': '#f4f2ec' } },
        { id: 'borders', type: 'line', source: 'countries', paint: { 'line-color': '#a9a59a', 'line-width': 0.8 } },
      ],
    },
    center: [20, 20], zoom: 0.8, maxZoom: 19, dragRotate: false, pitchWithRotate: false, attributionControl: false,
    fadeDuration: 0,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), 'top-right');
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 140 }), 'top-left');
  map.addControl(new maplibregl.AttributionControl({ compact: false }), 'bottom-right');
  map.getCanvas().setAttribute('aria-label', title);
  map.on('error', ({ error }) => {
    if (error?.status) say('a layer of the map cannot be read; was the scan removed? Reload the page', true);
    else if (error?.name !== 'AbortError') console.error(error);
  });
  return map;
}

export const ready = (map) => map.loaded() || map.isStyleLoaded() ? Promise.resolve() : new Promise((done) => map.once('load', done));

export function addRaster(map, scan, layer, { id = layer, opacity = 1, visible = true, before } = {}) {
  const attribution = document.createElement('i');
  attribution.textContent = scan.credits;
  map.addSource(id, {
    type: 'raster', tileSize: 512, bounds: scan.bounds, minzoom: scan.farthest, maxzoom: scan.maxzoom, attribution: attribution.innerHTML,
    tiles: [`${location.origin}/api/scans/${encodeURIComponent(scan.name)}/tiles/${layer}/{z}/{x}/{y}.png?k=${scan.key}`],
  });
  map.addLayer({
    id, type: 'raster', source: id, layout: { visibility: visible ? 'visible' : 'none' },
    paint: { 'raster-opacity': opacity, 'raster-fade-duration': 0, 'raster-resampling': 'nearest' },
  }, before);
}

export function removeLayers(map, ids) {
  for (const id of ids) {
    if (map.getLayer(id)) map.removeLayer(id);
  }
  for (const id of ids) {
    if (map.getSource(id)) map.removeSource(id);
  }
}

export function boundsOf(map) {
  const box = map.getBounds();
  return [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((degrees) => degrees.toFixed(6)).join(',');
}

export const nothing = { type: 'FeatureCollection', features: [] };
