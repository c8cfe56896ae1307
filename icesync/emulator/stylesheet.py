"""How the emulator's page looks, in light and in dark."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLESHEET"]

STYLESHEET: Final = """
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --card: #fff; --line: #e1e6ec; --ink: #17202b; --soft: #5f6c7b;
  --accent: #0b6bcb; --tint: #eef5fd; --shade: #f8fafc;
  --good: #0f7a45; --good-tint: #e2f5ea; --bad: #b3261e; --bad-tint: #fce8e6;
  --calm: #56616e; --calm-tint: #eceff3; --struck: #8a5a00; --struck-tint: #fdf0d2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1318; --card: #161d25; --line: #28323d; --ink: #e4eaf0; --soft: #93a1b0;
    --accent: #6db3ff; --tint: #14273b; --shade: #1a222b;
    --good: #5fd399; --good-tint: #12301f; --bad: #ff8f85; --bad-tint: #3a1917;
    --calm: #a5b1be; --calm-tint: #232c36; --struck: #f0bb55; --struck-tint: #362a10;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 3rem; max-width: 80rem;
  background: var(--ground); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
code, .mono {
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
header { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: end; margin-bottom: 1.5rem; }
header > div { flex: 1 1 24rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.02em; }
h1 + p { margin: .35rem 0 0; color: var(--soft); max-width: 38rem; }
.address {
  padding: .6rem .9rem; border-radius: .6rem; background: var(--tint); color: var(--accent);
}
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 1rem; margin: 0 0 2rem; }
.tiles div, .card {
  background: var(--card); border: 1px solid var(--line); border-radius: .8rem;
  box-shadow: 0 1px 2px rgb(0 0 0 / .04);
}
.tiles div { padding: .9rem 1.1rem 1rem; display: flex; flex-direction: column-reverse; }
.tiles dt { color: var(--soft); }
.tiles dd {
  margin: 0; font-size: 1.9rem; line-height: 1.2; font-weight: 650; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums;
}
.tiles .good dd { color: var(--good); }
.tiles .bad dd { color: var(--bad); }
.tiles .struck dd { color: var(--struck); }
.chips { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin: 0 0 1.5rem; }
.chips span { color: var(--soft); }
.chips code, code.struck {
  padding: .1rem .5rem; border-radius: .4rem; background: var(--struck-tint); color: var(--struck);
}
h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
h2 small { margin-left: .5rem; color: var(--soft); font-weight: 400; font-size: .9rem; }
.card { margin-bottom: 2rem; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .6rem .8rem; text-align: left; vertical-align: top; white-space: nowrap; }
th {
  padding-block: .5rem; background: var(--shade); color: var(--soft);
  font-size: .75rem; font-weight: 600; text-transform: uppercase; letter-spacing: .05em;
}
td { border-top: 1px solid var(--line); }
tbody tr:hover td { background: var(--shade); }
td.number, th.number { width: 1%; text-align: right; font-variant-numeric: tabular-nums; }
td.path { max-width: 24rem; overflow: hidden; text-overflow: ellipsis; }
td.note { white-space: normal; color: var(--soft); }
td.fault code { display: block; width: fit-content; }
td.fault code + code { margin-top: .2rem; }
td b { font-weight: 600; }
td small { display: block; color: var(--soft); font-size: .85em; }
td .cut { display: block; max-width: 14rem; overflow: hidden; text-overflow: ellipsis; }
time { color: var(--soft); font-variant-numeric: tabular-nums; }
.pill {
  display: inline-block; padding: .05rem .55rem; border-radius: 1rem; white-space: nowrap;
  background: var(--calm-tint); color: var(--calm); font-size: .85em; font-weight: 600;
}
.pill.good { background: var(--good-tint); color: var(--good); }
.pill.bad { background: var(--bad-tint); color: var(--bad); }
.pill.struck { background: var(--struck-tint); color: var(--struck); }
.secrets { display: flex; gap: .9rem; }
.secrets small { text-transform: uppercase; letter-spacing: .04em; }
.empty { padding: 2.2rem 1rem; text-align: center; color: var(--soft); }
footer { color: var(--soft); display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; }
@media (max-width: 44rem) { .tiles { grid-template-columns: repeat(2, 1fr); } }
"""
