/** Drawing in small portions: no more of it in one frame than a reader does not feel. */

const BUDGET = 6;

type Work = () => void;

/** Draws what is asked for, oldest first, for a few milliseconds a frame; of one owner only what was asked last. */
export class Frames {
  #wanted = new Map<object, Work>();
  #asked = false;

  constructor(
    readonly next: (work: Work) => void = (work) => void requestAnimationFrame(work),
    readonly now: () => number = () => performance.now(),
  ) {}

  ask(owner: object, work: Work): void {
    this.#wanted.set(owner, work);
    this.#plan();
  }

  drop(owner: object): void {
    this.#wanted.delete(owner);
  }

  #plan(): void {
    if (this.#asked || this.#wanted.size === 0) return;
    this.#asked = true;
    this.next(() => this.#run());
  }

  #run(): void {
    this.#asked = false;
    const start = this.now();
    for (const [owner, work] of this.#wanted) {
      this.#wanted.delete(owner);
      work();
      if (this.now() - start >= BUDGET) break;
    }
    this.#plan();
  }
}

/** The page's own. */
export const frames = new Frames();
