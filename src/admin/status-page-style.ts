/** The status page's style sheet. Colours follow the reader's own choice of light or dark. */
export const STATUS_PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #101418);
  --card: light-dark(#ffffff, #181e24);
  --line: light-dark(#dfe3e8, #2b343d);
  --text: light-dark(#1b2430, #e3e8ee);
  --faint: light-dark(#5d6a79, #93a1b0);
  --accent: light-dark(#0b6bcb, #62b0ff);
  --good: light-dark(#12805c, #3fce9b);
  --bad: light-dark(#c0352b, #ff8177);
  --wait: light-dark(#94650a, #f0b64a);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 76rem;
  background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; margin-bottom: 1rem; }
h1 { margin: 0; font-size: 1.4rem; }
h2 { margin: 0 0 .75rem; font-size: 1rem; overflow-wrap: anywhere; }
h2 small { color: var(--faint); font-weight: normal; }
section {
  margin-bottom: 1rem; padding: 1rem 1.25rem; overflow-x: auto;
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
}
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 500; font-size: .85rem; text-align: left; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
tr:last-child td { border-bottom: 0; }
th.number, td.number { text-align: right; white-space: nowrap; }
.state { white-space: nowrap; }
code, .mono { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.faint { color: var(--faint); }
.badge { padding: .05rem .6rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .85rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.wait { color: var(--wait); }
.notice { margin: 0 0 1rem; }
.ring { display: flex; height: 1.5rem; margin-bottom: .5rem; overflow: hidden; border-radius: .4rem; }
.ring > span { flex: 0 0 auto; border-right: 1px solid var(--card); }
.swatch { display: inline-block; width: .7rem; height: .7rem; margin-right: .4rem; border-radius: .2rem; }
.members { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 0; padding: 0; list-style: none; }
.sparkline { width: 9rem; height: 1.6rem; vertical-align: middle; }
.sparkline polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
form { display: flex; flex-wrap: wrap; gap: .5rem; }
input {
  flex: 1 1 22rem; padding: .4rem .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--ground); color: inherit; font: inherit;
}
button {
  padding: .4rem 1rem; border: 0; border-radius: .4rem;
  background: var(--accent); color: var(--card); font: inherit; cursor: pointer;
}
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#routes { margin-top: .75rem; }
a { color: var(--accent); }
`;
