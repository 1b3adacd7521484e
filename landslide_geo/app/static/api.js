// Talking to the server, and telling people what came of it.

export async function ask(path, body, method) {
  const options = body === undefined ? { method: method ?? 'GET' } : {
    method: method ?? 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  };
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error('the page does not answer; is landslide app still running?'); }
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(told.error ?? `${answer.status} ${answer.statusText}`), { status: answer.status });
  return told;
}

export function upload(file, most, tell) {
  // Told before a byte is sent; the server counts for itself.
  if (file.size > most) {
    return Promise.reject(new Error(
      `${file.name}: ${Math.round(file.size / 1e6).toLocaleString('en')} MB, and an upload may have ` +
      `${Math.round(most / 1e6).toLocaleString('en')} MB at most; use landslide scan for it, or start the page with a larger --max-upload-mb`));
  }
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/api/uploads?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (event) => event.lengthComputable && tell(event.loaded / event.total);
    request.onerror = () => failed(new Error(`${file.name}: the upload broke off; try again`));
    request.onload = () => {
      let told = {};
      try { told = JSON.parse(request.responseText); } catch { /* not ours */ }
      if (request.status === 201) done(told); else failed(new Error(told.error ?? `${file.name}: ${request.status}`));
    };
    request.send(file);
  });
}

export const $ = (id) => document.getElementById(id);

export function say(text, error = false) {
  $('message').textContent = text;
  $('message').classList.toggle('error', error);
}

// Runs something and tells what goes wrong where people look.
export const telling = (work) => async (...given) => {
  try { return await work(...given); } catch (error) { say(error.message, true); return undefined; }
};

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element('option', { value, textContent: text })));
  if (chosen !== undefined) select.value = chosen;
}

export const area = (m2) => m2 >= 1e6 ? `${(m2 / 1e6).toFixed(2)} km²` : m2 >= 1e4 ? `${(m2 / 1e4).toFixed(1)} ha` : `${Math.round(m2).toLocaleString('en')} m²`;

export const words = (text) => text.replaceAll('_', ' ');

export function query(parameters) {
  const known = Object.entries(parameters).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return new URLSearchParams(known).toString();
}

// Calls it once, a little after the last time it was asked for.
export function later(work, milliseconds) {
  let waiting;
  return (...given) => { clearTimeout(waiting); waiting = setTimeout(() => work(...given), milliseconds); };
}
