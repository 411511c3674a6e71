import { byId, element } from './element.js'
import { formatMs, formatPercent, formatRate, formatSince } from './format.js'

const SERVICE_HEAD = ['Service, version, method', 'Requests/s', 'Errors', 'Median ms', '90 % ms', '99 % ms']
const STATE_CLASSES = { synced: 'good', stale: 'warn', rejected: 'bad', 'not sent': 'quiet' }
const TYPES = {
  extensionConfig: 'Codecs',
  cluster: 'Clusters',
  endpoint: 'Endpoints',
  listener: 'Listeners',
  route: 'Routes',
}

/**
 * Rows of services with their versions and methods; a click on a service chooses it.
 * @param {readonly any[]} rows @param {string} chosen @param {(service: string) => void} onChoose
 */
export function showServices(rows, chosen, onChoose) {
  byId('no-traffic').hidden = rows.length > 0
  const focused = document.activeElement?.getAttribute('data-service')
  const body = withoutRepeated(rows).map((row) => {
    const made = serviceRow(row)
    if (row.version !== undefined) return made
    made.className = row.service === chosen ? 'service chosen' : 'service'
    made.tabIndex = 0
    made.setAttribute('data-service', row.service)
    made.addEventListener('click', () => onChoose(row.service))
    made.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') onChoose(row.service)
    })
    return made
  })
  fill('services', rows.length === 0 ? [] : SERVICE_HEAD, body)
  // whoever goes by keyboard stays where they were
  body.find((made) => focused !== null && made.getAttribute('data-service') === focused)?.focus()
}

/** A version whose methods nobody knows says all that its only row would say again. */
function withoutRepeated(rows) {
  return rows.filter((row) => {
    if (row.method !== '') return true
    return rows.some(({ service, version, method }) => service === row.service && version === row.version && method)
  })
}

function serviceRow({ service, version, method, requestsPerSecond, errorsPerSecond, p50, p90, p99 }) {
  const depth = method !== undefined ? 2 : version !== undefined ? 1 : 0
  const name = [service, version || 'no version', method || 'no method'][depth]
  return element(
    'tr',
    {},
    element('td', { class: `depth-${depth}` }, name),
    number(formatRate(requestsPerSecond)),
    number(formatPercent(errorsPerSecond, requestsPerSecond), errorsPerSecond > 0 ? 'bad' : ''),
    number(formatMs(p50)),
    number(formatMs(p90)),
    number(formatMs(p99)),
  )
}

/** @param {{ total: number, shown: readonly any[] }} proxies */
export function showProxies({ total, shown }) {
  byId('proxies-title').textContent = `Proxies (${total})`
  const rows = shown.map(({ id, userAgent, connectedAt, types }) => {
    const cells = Object.keys(TYPES).map((type) => stateCell(types.find((each) => each.type === type)))
    return element(
      'tr',
      {},
      element('td', {}, id),
      ...cells,
      element('td', { class: 'quiet' }, userAgent),
      element('td', { class: 'quiet' }, formatSince(connectedAt)),
    )
  })
  fill('proxies', total === 0 ? [] : ['Proxy', ...Object.values(TYPES), 'Agent', 'Connected'], rows)
}

function stateCell(status) {
  const state = status?.state ?? 'not sent'
  const text = state === 'rejected' ? `rejected: ${status.error}` : state
  return element('td', { class: STATE_CLASSES[state] ?? '' }, text)
}

/** @param {{ total: number, shown: readonly any[] }} resources @param {readonly string[]} problems */
export function showResources({ total, shown }, problems) {
  byId('resources-title').textContent = `Resources (${total})`
  byId('problems').replaceChildren(...problems.map((text) => element('li', {}, text)))
  const rows = shown.map(({ kind, namespace, name, isAccepted, reason, message, proxies, origin }) =>
    element(
      'tr',
      {},
      element('td', {}, kind),
      element('td', {}, namespace === '' ? name : `${namespace}/${name}`),
      element('td', { class: isAccepted ? 'good' : 'bad' }, isAccepted ? 'accepted' : `not accepted: ${reason}`),
      element('td', {}, proxies === undefined ? '' : `${proxies.synced} of ${proxies.total}`),
      element('td', { class: message === '' ? 'quiet' : '' }, message || origin),
    ),
  )
  fill('resources', total === 0 ? [] : ['Kind', 'Name', 'Status', 'Proxies', ''], rows)
}

function number(text, more = '') {
  return element('td', { class: `number ${more}` }, text)
}

/** The first cell that is a number says on which side the head stands. */
function fill(id, head, rows) {
  const cells = [...(rows[0]?.children ?? [])]
  const titles = head.map((title, index) =>
    element('th', { scope: 'col', class: cells[index]?.className.includes('number') ? 'number' : '' }, title),
  )
  byId(id).replaceChildren(element('thead', {}, element('tr', {}, ...titles)), element('tbody', {}, ...rows))
}
