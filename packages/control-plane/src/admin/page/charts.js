import { byId } from './element.js'
import uPlot from './uplot.js'

const COLOURS = ['#2f6fde', '#d9822b', '#1f9d6b', '#a347ba', '#c23b4a', '#6b7a8c']
const HEIGHT = 170
/** Reports of proxies do not come in step: a moving average over so many slots is quiet. */
const SMOOTH_SLOTS = 3
/** A minute is shown at least. */
const MIN_SLOTS = 30

/** Ten minutes of one service and its versions. */
export class Charts {
  #rate
  #errors
  #latency
  #names = ''

  /** @param {{ nowMs: number, slotMs: number, histories: readonly any[] }} report @param {string} service */
  show({ nowMs, slotMs, histories }, service) {
    byId('charts').hidden = histories.length === 0
    if (histories.length === 0) return
    byId('charts-title').textContent = service
    const names = histories.map(({ version }) => (version === undefined ? 'all' : version || 'no version'))
    if (this.#names !== JSON.stringify([service, names])) this.#create(service, names)
    const perSecond = 1000 / slotMs
    const { length } = histories[0].requests
    const first = Math.min(
      length - MIN_SLOTS,
      ...histories.map(({ requests }) => requests.findIndex((count) => count !== null)),
    )
    const show = (chart, lines) =>
      chart.setData([timesOf(length, nowMs, slotMs), ...lines].map((line) => line.slice(Math.max(0, first))))
    show(
      this.#rate,
      histories.map(({ requests }) => smooth(requests, perSecond)),
    )
    show(
      this.#errors,
      histories.map(({ errors }) => smooth(errors, perSecond)),
    )
    show(
      this.#latency,
      histories.flatMap(({ p50, p99 }) => [p50, p99]),
    )
  }

  #create(service, names) {
    this.#names = JSON.stringify([service, names])
    const lines = names.map((label, n) => ({ label, stroke: COLOURS[n % COLOURS.length], width: 1.5 }))
    const pairs = lines.flatMap((line) => [
      { ...line, label: `${line.label} 50 %` },
      { ...line, label: `${line.label} 99 %`, dash: [5, 4] },
    ])
    this.#rate = replace(this.#rate, 'rate-chart', lines)
    this.#errors = replace(this.#errors, 'errors-chart', lines)
    this.#latency = replace(this.#latency, 'latency-chart', pairs)
  }
}

function replace(before, id, lines) {
  before?.destroy()
  const place = byId(id)
  const series = lines.map((line) => ({ ...line, spanGaps: true, points: { show: false } }))
  const scales = { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } }
  // a canvas knows nothing of the page's colours
  const axis = { stroke: getComputedStyle(place.previousElementSibling ?? place).color, grid: { stroke: '#8883' } }
  const axes = [
    { ...axis, values: '{HH}:{mm}:{ss}', space: 80 },
    { ...axis, size: 48 },
  ]
  const legend = { live: false }
  const options = { width: place.clientWidth, height: HEIGHT, scales, series: [{}, ...series], axes, legend }
  return new uPlot(options, [[]], place)
}

/** In seconds, the end of each slot. */
function timesOf(count, nowMs, slotMs) {
  const last = Math.floor(nowMs / slotMs) * slotMs
  return Array.from({ length: count }, (_, n) => (last - (count - 1 - n) * slotMs) / 1000)
}

function smooth(counts, perSecond) {
  return counts.map((count, index) => {
    const window = counts.slice(Math.max(0, index - SMOOTH_SLOTS + 1), index + 1).filter((each) => each !== null)
    return count === null ? null : (window.reduce((sum, each) => sum + each, 0) / window.length) * perSecond
  })
}
