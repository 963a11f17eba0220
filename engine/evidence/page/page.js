'use strict';
// The page is whole without this: it moves the line on the timeline with the sound, and narrows the list of requests.
(() => {
  const svg = document.querySelector('#timeline svg');
  const sound = document.querySelector('audio.call');
  const film = document.querySelector('video');
  if (svg) {
    const { left, right, length, sound: begin } = svg.dataset;
    const head = svg.querySelector('.head');
    const show = seconds => {
      const at = Number(begin) + seconds * 1000;
      const x = Number(left) + (Number(right) - Number(left)) * Math.min(Math.max(at / Number(length), 0), 1);
      head.setAttribute('x1', x);
      head.setAttribute('x2', x);
      head.removeAttribute('visibility');
    };
    for (const player of [sound, film])
      player?.addEventListener('timeupdate', () => show(player.currentTime));
    svg.addEventListener('click', event => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const at = (point.x - Number(left)) / (Number(right) - Number(left)) * Number(length);
      if (!sound || at < 0)
        return;
      sound.currentTime = Math.max(0, (at - Number(begin)) / 1000);
      show(sound.currentTime);
    });
  }
  const text = document.querySelector('#find');
  const status = document.querySelector('#status');
  const rows = [...document.querySelectorAll('details.req')];
  const narrow = () => {
    const wanted = text.value.toLowerCase();
    for (const row of rows)
      row.hidden = (status.value && row.dataset.status !== status.value)
        || !row.textContent.toLowerCase().includes(wanted);
  };
  text?.addEventListener('input', narrow);
  status?.addEventListener('change', narrow);
  document.documentElement.dataset.script = 'ran';
})();
