/** Letters typed in a menu go to the item that begins with them. */

/** Milliseconds after which letters begin anew. */
const PAUSE = 700;

/** The place of the item that is meant; null where the key is not of a text. */
export function typeAhead(): (event: KeyboardEvent, labels: string[], at: number) => number | null {
  let text = "";
  let last = -Infinity;
  return (event, labels, at) => {
    const going = event.timeStamp - last < PAUSE ? text : "";
    // A space within a text is typed; the one before it takes an item.
    if ([...event.key].length !== 1 || (event.key === " " && !going)) return null;
    text = going + event.key.toLowerCase();
    last = event.timeStamp;
    // One letter again and again goes through all that begin with it.
    const same = [...text].every((letter) => letter === text[0]);
    const wanted = same ? text.slice(0, 1) : text;
    const from = same ? at + 1 : Math.max(0, at);
    for (let step = 0; step < labels.length; step++) {
      const place = (from + step) % labels.length;
      if (labels[place]?.trim().toLowerCase().startsWith(wanted)) return place;
    }
    return at;
  };
}
