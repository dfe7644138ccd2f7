// A picture in its frame: as large as fits, nearer at a point, moved about. CSS fits it; a transform does the rest.

const MOST = 16; // pixels of the screen for one of the picture, or so many times what fits

export class Zoom {
  #changed;
  #frame = null;
  #image = null;
  #scale = 1; // 1: it fits
  #x = 0;
  #y = 0;

  // changed(zoom) is called after each change.
  constructor(changed) {
    this.#changed = changed;
  }

  // Look at a picture, or at none; it fits.
  put(image) {
    this.#image = image;
    this.#frame = image?.parentElement ?? null;
    [this.#scale, this.#x, this.#y] = [1, 0, 0];
  }

  get frame() {
    return this.#frame;
  }

  get zoomed() {
    return this.#scale !== 1;
  }

  get ready() {
    return Boolean(this.#image?.naturalWidth);
  }

  // Pixels of the screen for one pixel of the picture, in percent: 100 are true pixels.
  get percent() {
    return Math.round(100 * this.#scale * this.#fit().pixels);
  }

  // Where the picture lies in its frame when it fits, in pixels of the page.
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#frame;
    const { naturalWidth, naturalHeight } = this.#image;
    const scale = Math.min(width / naturalWidth, height / naturalHeight);
    return { width, height, w: naturalWidth * scale, h: naturalHeight * scale, pixels: scale * devicePixelRatio };
  }

  // Nearer or farther; what is under the point stays there. Says whether anything changed.
  by(factor, point) {
    return this.ready && this.#to(this.#scale * factor, point);
  }

  reset() {
    return this.ready && this.#to(1);
  }

  // True pixels, or back to what fits.
  toggle(point) {
    if (!this.ready) return false;
    return this.#to(this.zoomed || this.#fit().pixels === 1 ? 1 : 1 / this.#fit().pixels, point);
  }

  #to(wanted, point) {
    const { width, height, pixels } = this.#fit();
    const least = Math.min(1, 1 / pixels);
    const most = Math.max(MOST / 2, MOST / pixels);
    let scale = Math.min(most, Math.max(least, wanted));
    if (Math.abs(scale - 1) < 0.001) scale = 1;
    if (scale === this.#scale) return false;
    const box = this.#frame.getBoundingClientRect();
    const [x, y] = point ? [point.clientX - box.left, point.clientY - box.top] : [width / 2, height / 2];
    const ratio = scale / this.#scale;
    this.#scale = scale;
    this.#x = x - (x - this.#x) * ratio;
    this.#y = y - (y - this.#y) * ratio;
    this.#place();
    return true;
  }

  // Move by so many pixels of the page, as far as there is something to see.
  move(dx, dy) {
    if (!this.ready || !this.zoomed) return false;
    this.#x += dx;
    this.#y += dy;
    this.#place();
    return true;
  }

  // After the frame changed its size.
  settle() {
    if (this.ready) this.#place();
  }

  #place() {
    const { width, height, w, h, pixels } = this.#fit();
    const within = (at, room, free, size) => {
      const start = at + free * this.#scale;
      const kept = size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, start));
      return at + kept - start;
    };
    this.#x = within(this.#x, width, (width - w) / 2, w * this.#scale);
    this.#y = within(this.#y, height, (height - h) / 2, h * this.#scale);
    const transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    this.#image.style.transform = this.zoomed ? transform : "";
    this.#frame.toggleAttribute("data-zoomed", this.zoomed);
    // From here on a pixel shows as what it is: a square.
    this.#frame.toggleAttribute("data-pixels", this.zoomed && this.#scale * pixels >= 2);
    this.#changed(this);
  }
}
