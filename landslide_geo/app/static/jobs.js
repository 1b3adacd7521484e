// Scans under way: how far they are, and a button to stop each.
import { $, ask, element, say, telling } from './api.js';

const ACTIVE = ['queued', 'running'];

export class Jobs {
  constructor(jobs, finished) {
    this.finished = finished;
    this.rows = new Map();
    for (const job of jobs.filter((one) => one.state !== 'finished').reverse()) this.follow(job);
  }

  follow(job) {
    this.show(job);
    if (ACTIVE.includes(job.state)) setTimeout(() => this.poll(job.id), 500);
  }

  async poll(id) {
    let job;
    try {
      job = await ask(`/api/jobs/${encodeURIComponent(id)}`);
    } catch (error) {
      if (error.status === 404) { this.drop(id); return; } // removed from another window
      say(error.status ? error.message : 'the page does not answer; is landslide app still running? It goes on here once it is', true);
      this.silent = true;
      setTimeout(() => this.poll(id), 3000);
      return;
    }
    if (this.silent) { this.silent = false; say(''); }
    this.show(job);
    if (ACTIVE.includes(job.state)) setTimeout(() => this.poll(id), 500);
    else if (job.state === 'finished') {
      this.drop(id);
      this.finished(job);
    } else if (job.state === 'failed') say(`${job.title}: ${job.error}`, true);
  }

  show(job) {
    let row = this.rows.get(job.id);
    if (!row) {
      row = element('li', { id: `job-${job.id}` });
      row.append(element('strong', { textContent: job.title }), element('p', { className: 'hint' }), element('progress'), element('div', { className: 'row' }));
      row.querySelector('progress').setAttribute('aria-label', `${job.title}: progress`);
      $('jobs').prepend(row);
      this.rows.set(job.id, row);
    }
    const active = ACTIVE.includes(job.state);
    const left = job.seconds_left === null ? '' : `, ${duration(job.seconds_left)} left`;
    const windows = job.total ? `: ${job.done.toLocaleString('en')} of ${job.total.toLocaleString('en')} windows${job.done < job.total ? left : ''}` : '';
    row.querySelector('p').textContent = active ? `${job.stage}${windows}` : job.state + (job.error ? `: ${job.error}` : '');
    const bar = row.querySelector('progress');
    bar.hidden = !active;
    if (job.total) { bar.max = job.total; bar.value = job.done; } else bar.removeAttribute('value');
    row.dataset.state = job.state;
    this.buttons(row.querySelector('div'), job, active);
  }

  buttons(place, job, active) {
    const wanted = active ? 'cancel' : job.resumable ? 'resume' : '';
    if (place.dataset.shown === wanted) return;
    place.dataset.shown = wanted;
    place.replaceChildren();
    if (wanted === 'cancel') {
      this.button(place, job, 'Cancel', async () => {
        const told = await ask(`/api/jobs/${encodeURIComponent(job.id)}/cancel`, {});
        say(`${job.title}: cancelled; what was finished is kept for going on`);
        this.show(told);
      });
    } else if (wanted === 'resume') {
      this.button(place, job, 'Go on', async () => {
        this.follow(await ask(`/api/jobs/${encodeURIComponent(job.id)}/resume`, {}));
        say(`${job.title}: goes on`);
      });
      this.button(place, job, 'Remove', async () => {
        await ask(`/api/jobs/${encodeURIComponent(job.id)}`, undefined, 'DELETE');
        this.drop(job.id);
        say(`${job.title}: removed`);
      });
    }
  }

  button(place, job, text, work) {
    const button = element('button', { type: 'button', textContent: text, ariaLabel: `${text}: ${job.title}` });
    button.addEventListener('click', telling(async () => {
      button.disabled = true; // once is enough
      try { await work(); } finally { button.disabled = false; }
    }));
    place.append(button);
  }

  drop(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
  }
}

const duration = (seconds) => seconds < 90 ? `${Math.max(Math.round(seconds), 1)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
