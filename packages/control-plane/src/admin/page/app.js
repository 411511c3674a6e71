import { Charts } from './charts.js'
import { byId } from './element.js'
import { showProxies, showResources, showServices } from './tables.js'

const POLL_MS = 1000
const TIMEOUT_MS = 5000

const charts = new Charts()
let chosen = ''

async function getJson(path) {
  const reply = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!reply.ok) throw new Error(`${path} answers with ${reply.status}`)
  return reply.json()
}

function choose(service) {
  chosen = service
  void refresh()
}

async function refresh() {
  try {
    const live = await getJson('/live')
    const services = live.traffic.filter(({ version }) => version === undefined).map(({ service }) => service)
    if (!services.includes(chosen)) chosen = services[0] ?? ''
    byId('version').textContent = live.version
    showServices(live.traffic, chosen, choose)
    showProxies(live.proxies)
    showResources(live.resources, live.problems)
    charts.show(
      chosen === '' ? { histories: [] } : await getJson(`/live/history?service=${encodeURIComponent(chosen)}`),
      chosen,
    )
    say(live.isReady ? 'live' : 'reading resources', live.isReady ? 'good' : 'warn')
  } catch (error) {
    say(`no answer: ${error instanceof Error ? error.message : error}`, 'bad')
  }
}

function say(text, className) {
  const place = byId('connection')
  place.textContent = text
  place.className = className
}

/** One after the other, and none while nobody looks. */
async function run() {
  for (;;) {
    if (!document.hidden) await refresh()
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

void run()
